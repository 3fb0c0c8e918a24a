"""The NameNode as a process: start, stop, kill, checkpoints, a disk that is full."""

import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress

import grpc
import pytest

from blockstore import BlockStore
from blockstore.client.callstreams import CALLS_BEFORE
from blockstore.errors import (
    ConfigException,
    FileNotFoundException,
    SafeModeException,
    StaleEpochException,
    UnreachableException,
)
from blockstore.namenode import image, journal
from blockstore.namenode.disk import RealDisk
from blockstore.runtime import rpc
from blockstore.wire import namenode_pb2 as pb
from blockstore.wire import namenode_pb2_grpc as services
from blockstore.wire import types_pb2

pytestmark = pytest.mark.cluster

RUN = (
    "import json, sys; from blockstore.namenode.daemon import run;"
    "directory, host, words = sys.argv[1], sys.argv[2], sys.argv[3:];"
    "sys.exit(run(directory, host, 0, format='--format' in words,"
    "settings=[w for w in words if '=' in w]))"
)
WAIT_S = 30


def command(directory, *words, host="127.0.0.1"):
    return [sys.executable, "-c", RUN, str(directory), host, *words]


class Daemon:
    def __init__(self, directory, *words):
        self.process = subprocess.Popen(
            command(directory, *words),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        line = self.process.stdout.readline()
        assert line.startswith("namenode ready on "), self.process.communicate()[1]
        self.address = line.split()[-1]
        self.channel = rpc.channel(self.address)
        self.client = services.NameNodeStub(self.channel)
        self.datanode = services.DataNodeProtocolStub(self.channel)

    def call(self, method, request):
        try:
            return method(request, timeout=WAIT_S)
        except grpc.RpcError as error:
            raise rpc.translate(error, self.address) from None

    def mkdirs(self, path):
        self.call(self.client.Mkdirs, pb.MkdirsRequest(path=path, parents=True))

    def paths(self, path="/"):
        return [e.path for e in self.call(self.client.List, pb.ListRequest(path=path)).entries]

    def end(self, number=signal.SIGTERM):
        self.channel.close()
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=WAIT_S)
        return self.process.returncode, errors


@contextmanager
def daemon(directory, *words):
    running = Daemon(directory, *words)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.end(signal.SIGKILL)


def refused(directory, *words, host="127.0.0.1"):
    done = subprocess.run(
        command(directory, *words, host=host), capture_output=True, text=True, timeout=WAIT_S
    )
    assert (done.returncode, done.stdout) == (2, "")
    return done.stderr


def wait_until(condition):
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_sigterm_ends_it_cleanly_within_its_grace_also_with_a_heartbeat_open(tmp_path):
    with daemon(tmp_path, "heartbeat_interval_s=20", "stale_after_s=30") as running:
        node = types_pb2.Node(node_id="x", host="h", port=1)
        request = pb.RegisterRequest(node=node, incarnation=1)
        epoch = running.call(running.datanode.Register, request).epoch
        beat = pb.HeartbeatRequest(node_id="x", incarnation=1, epoch=epoch)
        held = running.datanode.Heartbeat.future(beat)
        running.mkdirs("/a")
        started = time.monotonic()
        running.process.send_signal(signal.SIGTERM)
        assert not held.result(timeout=WAIT_S).orders
        # No second signal: one that comes when the first has been obeyed kills.
        running.process.communicate(timeout=WAIT_S)
        assert running.process.returncode == 0
        assert time.monotonic() - started < 3.0


def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path):
    with daemon(tmp_path) as running:
        for number in range(20):
            running.mkdirs(f"/d{number}")
        running.end(signal.SIGKILL)
    with daemon(tmp_path) as again:
        assert len(again.paths()) == 20


def test_a_second_namenode_on_the_same_directory_is_refused(tmp_path):
    with daemon(tmp_path) as running:
        assert f"process {running.process.pid}" in refused(tmp_path)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["heartbeat_interval=1"], "heartbeat_interval_s"),
        (["replication=0"], "replication=0"),
        (["replication=many"], "replication"),
    ],
)
def test_wrong_settings_are_refused(tmp_path, words, says):
    assert says in refused(tmp_path, *words)


def test_an_open_door_is_refused(tmp_path):
    assert "--insecure" in refused(tmp_path, host="0.0.0.0")


def test_a_damaged_journal_is_refused_with_the_place(tmp_path):
    with daemon(tmp_path) as running:
        for number in range(5):
            running.mkdirs(f"/d{number}")
        running.end(signal.SIGKILL)
    path = tmp_path / journal.segment_name(1)
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    message = refused(tmp_path)
    assert f"{path}, offset" in message
    assert "transaction" in message


def test_errors_cross_the_wire_as_their_class(tmp_path):
    with daemon(tmp_path) as running:
        with pytest.raises(FileNotFoundException, match="'/x' does not exist"):
            running.call(running.client.Stat, pb.PathRequest(path="/x"))
        with pytest.raises(StaleEpochException):
            running.call(running.datanode.FullReport, pb.FullReportRequest(node_id="x"))
        node = types_pb2.Node(node_id="x", host="h", port=1)
        request = pb.RegisterRequest(node=node, incarnation=1, cluster_id="other")
        with pytest.raises(ConfigException):
            running.call(running.datanode.Register, request)


def test_checkpoints_are_made_beside_the_running_namenode(tmp_path):
    with daemon(tmp_path, "checkpoint_transactions=20") as running:
        count = 0

        def enough():
            nonlocal count
            running.mkdirs(f"/d{count}")
            count += 1
            return len(image.images(RealDisk(str(tmp_path)))) == 2

        wait_until(enough)
        wait_until(lambda: journal.segments(RealDisk(str(tmp_path)))[0] > 1)
        running.end(signal.SIGKILL)
    with daemon(tmp_path) as again:
        assert len(again.paths()) == count


def test_the_checkpoint_process_imports_no_grpc(tmp_path):
    code = "import blockstore.namenode.checkpoint, sys; sys.exit('grpc' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=WAIT_S).returncode == 0


@pytest.fixture
def small_volume(tmp_path):
    """A file system of 16 MiB."""
    place = tmp_path / "volume"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=16m", "none", str(place)]
    if subprocess.run(words, capture_output=True, check=False, timeout=WAIT_S).returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True, timeout=WAIT_S)


@pytest.mark.parametrize("reserve_bytes", [1024 * 1024, 0], ids=["in time", "too late"])
def test_on_a_full_volume_it_reads_and_takes_changes_again_when_there_is_room(
    small_volume, reserve_bytes
):
    words = (f"journal_reserve_bytes={reserve_bytes}", "tick_interval_s=0.05")
    with daemon(small_volume / "dir", *words) as running:
        running.mkdirs("/before")
        other = small_volume / "other"
        with suppress(OSError), other.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        acknowledged = 0
        with suppress(SafeModeException):
            while True:
                running.mkdirs(f"/d{acknowledged}")
                acknowledged += 1
        with pytest.raises(SafeModeException, match="journal volume full"):
            running.mkdirs("/x")
        assert len(running.paths()) == acknowledged + 1
        running.end(signal.SIGKILL)
    with daemon(small_volume / "dir", *words) as again:
        assert len(again.paths()) == acknowledged + 1
        with pytest.raises(SafeModeException, match="journal volume full"):
            again.mkdirs("/x")
        other.unlink()

        def resumed():
            with suppress(SafeModeException):
                again.mkdirs("/x")
                return True
            return False

        wait_until(resumed)
        assert again.end()[0] == 0


def test_a_disk_that_refuses_to_write_stops_it_with_a_message_and_acknowledges_nothing(tmp_path):
    acknowledged = 0
    with daemon(tmp_path) as running:
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (4096, 4096))
        with suppress(UnreachableException):
            while True:
                running.mkdirs(f"/d{acknowledged}")
                acknowledged += 1
        code, errors = running.end()
        assert code == 74
        assert "nothing is acknowledged that isn't on disk" in errors
    with daemon(tmp_path) as again:
        assert len(again.paths()) >= acknowledged > 0


def test_a_client_that_asks_in_a_stream_goes_on_after_a_restart(tmp_path):
    with daemon(tmp_path / "name") as running, BlockStore(running.address) as store:
        for number in range(2 * CALLS_BEFORE):
            store.mkdir(f"/{number}")
        port = running.address.rpartition(":")[2]
        assert running.end()[0] == 0
        command_line = [
            sys.executable,
            "-c",
            RUN.replace("host, 0,", f"host, {port},"),
            str(tmp_path / "name"),
            "127.0.0.1",
        ]
        again = subprocess.Popen(command_line, stdout=subprocess.PIPE, text=True)
        try:
            assert again.stdout.readline().startswith("namenode ready on ")
            for number in range(2 * CALLS_BEFORE):
                assert store.stat(f"/{number}").is_directory
        finally:
            again.kill()
            again.communicate(timeout=WAIT_S)
