"""Byte ports that are silent, break, or find the disk bad: never a wrong byte, never a wait
without an end.
"""

import errno
import random
import socket
import threading
import time
from dataclasses import replace

import pytest

from blockstore import byteframes, checksum
from blockstore.byteframes import LAST, MORE, Ask, Head
from blockstore.client import byteports, bytesource
from blockstore.client.byteports import BytePorts
from blockstore.client.bytesource import ByteSource
from blockstore.client.room import Room
from blockstore.datanode.disk import SystemDisk
from blockstore.datanode.faultydisk import FaultyDisk
from blockstore.errors import (
    ChecksumException,
    ReplicaNotFoundException,
    UnreachableException,
)
from blockstore.model import Block, Node, ReplicaState
from blockstore.runtime import portframes
from blockstore.runtime.clock import FakeClock

CHUNK = 64 * 1024
DATA = random.Random(3).randbytes(6 * 1024 * 1024 + 5)
BLOCK = Block(1, 7, len(DATA))
PATIENCE_S = 60.0
SHORT_S = 0.1


def until(reached):
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def server(datanodes, disk):
    (server,) = datanodes(1, first_disk=disk)
    writing = server.store.create(BLOCK, CHUNK)
    writing.write(0, checksum.checksums(DATA, CHUNK), DATA)
    writing.finish()
    return server


@pytest.fixture
def disk():
    return FaultyDisk(SystemDisk())


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def ports(clock):
    ports = BytePorts(None, PATIENCE_S, clock)
    yield ports
    ports.close()


class Impatient(BytePorts):
    """Waits for who takes a connection as long as any, and for answers hardly."""

    patience_s = SHORT_S


def begun(ports, node, offset=0, end=BLOCK.length):
    source = ByteSource(ports, node, BLOCK, offset, end, Room())
    return source if source.begin() else None


def rest_of(source, count):
    got = bytearray()
    while len(got) < count:
        got += source.take(PATIENCE_S)
    return bytes(got)


class Fake:
    """A DataNode's byte port that does as it's told with each connection, one after the other."""

    def __init__(self, *parts):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.node = Node("dn-f", "127.0.0.1", 1, byte_port=self._listener.getsockname()[1])
        self.dialled = 0
        self._held = []
        self._thread = threading.Thread(target=self._serve, args=(parts,))
        self._thread.start()

    def _serve(self, parts):
        for part in parts:
            try:
                connected, _ = self._listener.accept()
            except OSError:
                return
            self.dialled += 1
            connected.settimeout(PATIENCE_S)
            if not part(connected):
                connected.close()
            else:
                self._held.append(connected)

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE_S)
        self._listener.close()
        for connected in self._held:
            connected.close()


@pytest.fixture
def fakes():
    made = []

    def make(*parts):
        made.append(Fake(*parts))
        return made[-1]

    yield make
    for fake in made:
        fake.close()


def greet(connected):
    connected.sendall(byteframes.PORT.pack_greeting(bytes(portframes.NONCE_BYTES)))
    connected.recv(byteframes.ENTRY_BYTES + byteframes.ASK_BYTES, socket.MSG_WAITALL)


def silent(connected):
    return True


def silent_after_its_greeting(connected):
    greet(connected)
    return True


def gone_after_its_greeting(connected):
    greet(connected)
    return False


def piece(start, end, kind=MORE, at=None):
    data = DATA[start:end]
    head = Head(kind, CHUNK, start if at is None else at, len(data))
    return byteframes.pack_head(head) + checksum.checksums(data, CHUNK) + data


def one_piece_then(rest, hold):
    def serve(connected):
        greet(connected)
        connected.sendall(piece(0, CHUNK) + rest)
        return hold

    return serve


# --- silence -------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [silent, silent_after_its_greeting])
def test_a_silent_port_is_given_up_and_left_alone_for_a_while(fakes, clock, how):
    fake = fakes(how, how)
    ports = Impatient(None, SHORT_S if how is silent else PATIENCE_S, clock)
    if how is silent:
        assert begun(ports, fake.node) is None
    else:
        with pytest.raises(UnreachableException, match=r"sent nothing for 0\.1 s"):
            begun(ports, fake.node)
    until(lambda: fake.dialled == 1)
    for _ in range(3):
        assert begun(ports, fake.node) is None
    assert fake.dialled == 1
    clock.advance(byteports.SHUNNED_S)
    if how is silent:
        assert begun(ports, fake.node) is None
    else:
        with pytest.raises(UnreachableException):
            begun(ports, fake.node)
    until(lambda: fake.dialled == 2)
    ports.close()


def test_a_port_where_nobody_listens_costs_one_dialling(ports, clock):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        node = Node("dn-0", "127.0.0.1", 1, byte_port=listener.getsockname()[1])
    assert begun(ports, node) is None
    with socket.create_server(("127.0.0.1", node.byte_port)) as listener:
        assert begun(ports, node) is None
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_a_node_without_a_port_is_not_dialled(ports):
    assert begun(ports, Node("dn-0", "127.0.0.1", 1)) is None


def test_silence_in_the_middle_is_an_error_and_what_came_is_right(fakes, ports):
    fake = fakes(one_piece_then(piece(CHUNK, 2 * CHUNK)[:-1], hold=True))
    source = begun(ports, fake.node)
    assert rest_of(source, CHUNK) == DATA[:CHUNK]
    with pytest.raises(UnreachableException, match=r"sent nothing for 0\.1 s"):
        source.take(SHORT_S)
    source.cancel()
    assert ports.kept == 0


# --- broken connections --------------------------------------------------------------------


def test_a_fresh_connection_that_brings_nothing_is_not_tried_again(fakes, ports):
    fake = fakes(gone_after_its_greeting)
    with pytest.raises(UnreachableException, match="broke off"):
        begun(ports, fake.node)
    assert fake.dialled == 1


def test_a_connection_that_breaks_in_a_piece_is_made_anew_from_the_last_good_byte(fakes, ports):
    def go_on(connected):
        greet(connected)
        connected.sendall(piece(CHUNK, 2 * CHUNK, LAST))
        return True

    broken = one_piece_then(piece(CHUNK, 2 * CHUNK)[:-100], hold=False)
    fake = fakes(broken, go_on)
    source = begun(ports, fake.node, end=2 * CHUNK)
    assert rest_of(source, 2 * CHUNK) == DATA[: 2 * CHUNK]
    source.cancel()
    assert (fake.dialled, ports.kept) == (2, 1)


def test_who_breaks_again_and_again_without_a_new_byte_is_left(fakes, ports):
    half = piece(CHUNK, 2 * CHUNK)[:-100]

    def never_whole(connected):
        greet(connected)
        connected.sendall(half)
        return False

    fake = fakes(one_piece_then(half, hold=False), never_whole)
    source = begun(ports, fake.node, end=2 * CHUNK)
    assert rest_of(source, CHUNK) == DATA[:CHUNK]
    with pytest.raises(UnreachableException, match="broke off"):
        source.take(PATIENCE_S)
    source.cancel()


def test_a_kept_connection_that_its_node_has_ended_is_made_anew(server, ports):
    for _ in range(3):
        source = begun(ports, server.node, 0, 10)
        assert rest_of(source, 10) == DATA[:10]
        source.cancel()
        for line in list(server.byte_port._lines):
            line.end()
        until(lambda: server.byte_port.connections == 0)


def test_a_reader_goes_on_when_its_connections_end_between_pieces(server, ports):
    source = begun(ports, server.node)
    got = bytearray()
    while len(got) < len(DATA):
        got += source.take(PATIENCE_S)
        for line in list(server.byte_port._lines):
            line.end()
    assert bytes(got) == DATA
    source.cancel()


def test_a_reader_that_pauses_for_long_goes_on(server, ports):
    impatient = server.make_byte_port(idle_s=0.01)
    # What is left then is little, and waits in the buffers between us.
    pause_at, end = 3 * 1024 * 1024, 3 * 1024 * 1024 + 50_000
    source = begun(ports, replace(server.node, byte_port=impatient.port), end=end)
    before = rest_of(source, pause_at)
    until(lambda: impatient.connections == 0)
    assert before + rest_of(source, end - pause_at) == DATA[:end]
    source.cancel()


def test_what_was_left_in_the_middle_is_nobody_elses(server, ports):
    source = begun(ports, server.node)
    source.take(PATIENCE_S)
    source.cancel()
    assert ports.kept == 0
    until(lambda: server.byte_port.connections == 0)


def test_a_reader_that_is_interrupted_leaves_nothing_to_others(server, ports, monkeypatch):
    source = begun(ports, server.node, 0, 10)

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(bytesource.checksum, "verify", interrupted)
    with pytest.raises(KeyboardInterrupt):
        source.take(PATIENCE_S)
    monkeypatch.undo()
    source.cancel()
    again = begun(ports, server.node, 20, 30)
    assert rest_of(again, 10) == DATA[20:30]
    again.cancel()


# --- what can't be meant -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        (piece(CHUNK, 2 * CHUNK, LAST), "bytes from 65536 instead of 0"),
        (piece(0, CHUNK, LAST), "bytes up to 65536 instead of 131072"),
        (piece(CHUNK, 2 * CHUNK, LAST, at=0), "offset 0 don't match|instead of"),
        (byteframes.pack_head(Head(9, 1, 2, 3)), "head of a piece is damaged"),
    ],
)
def test_an_answer_to_another_question_is_no_answer(fakes, ports, frames, words):
    def answer(connected):
        greet(connected)
        connected.sendall(frames)
        return True

    source = begun(ports, fakes(answer).node, 0, 2 * CHUNK)
    with pytest.raises(ChecksumException, match=words):
        rest_of(source, 2 * CHUNK)
    source.cancel()
    assert ports.kept == 0


# --- bad disks -----------------------------------------------------------------------------


def test_a_data_file_that_was_cut_is_told_as_damage_and_reported(server, ports):
    with open(server.files.local_paths(BLOCK.id).data_path, "r+b") as file:
        file.truncate(CHUNK + 5)
    source = begun(ports, server.node)
    with pytest.raises(ChecksumException, match="the data file ends at 65541"):
        rest_of(source, len(DATA))
    source.cancel()
    assert [r.state for r in server.reports][-1] is ReplicaState.CORRUPT
    source = begun(ports, server.node)
    with pytest.raises(ReplicaNotFoundException):
        source.take(PATIENCE_S)
    source.cancel()


def test_a_sector_that_cant_be_read_costs_the_replica_and_its_reader_is_told(server, ports, disk):
    # The checksums can be read, which lie beside it.
    disk.fail("read", server.files.local_paths(BLOCK.id).data_path, errno.EIO, after=1)
    source = begun(ports, server.node, end=2 * CHUNK)
    with pytest.raises(ChecksumException, match="offset 0 don't match"):
        source.take(PATIENCE_S)
    source.cancel()
    assert [r.state for r in server.reports][-1] is ReplicaState.CORRUPT
    source = begun(ports, server.node)
    with pytest.raises(ReplicaNotFoundException):
        source.take(PATIENCE_S)
    source.cancel()


def test_a_replica_that_was_replaced_is_opened_anew(server, ports):
    connection = ports.dial(server.node)

    def first_byte():
        connection.ask(Ask(BLOCK, 0, 1))
        head, _ = connection.next_piece(PATIENCE_S)
        target = memoryview(bytearray(head.size))
        connection.receive_into(target)
        return target[0]

    with open(server.files.local_paths(BLOCK.id).data_path, "r+b") as file:
        file.write(bytes([DATA[0] ^ 1]))
    assert first_byte() == DATA[0] ^ 1
    server.store.rotten(BLOCK, "a test says so")
    copy = server.store.copy(BLOCK, CHUNK, keep_open=False)
    copy.write(0, checksum.checksums(DATA, CHUNK), DATA)
    copy.finish()
    assert first_byte() == DATA[0]
    connection.close()
