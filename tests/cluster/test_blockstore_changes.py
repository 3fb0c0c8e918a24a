"""Files that are written further, cut, joined, followed and recovered, on real DataNodes."""

import os
import random
import signal
import subprocess
import sys
import threading
import time

import google_crc32c
import pytest

from blockstore import BlockStore
from blockstore.errors import (
    AlreadyBeingCreatedException,
    BlockMissingException,
    EOFException,
    InvalidRequestException,
    LeaseExpiredException,
)
from blockstore.namenode.config import NameNodeConfig

pytestmark = pytest.mark.cluster

CHUNK = 64 * 1024
BLOCK = 200_000
DATA = random.Random(3).randbytes(3 * BLOCK)


@pytest.fixture
def store(shared_cluster):
    with shared_cluster.client() as store:
        store.delete("/test", recursive=True, skip_trash=True)
        yield store


def put(store: BlockStore, path: str, data: bytes, block_bytes: int = BLOCK) -> None:
    with store.open(path, "wb", block_bytes=block_bytes) as file:
        file.write(data)


def add(store: BlockStore, path: str, data: bytes) -> None:
    with store.open(path, "ab") as file:
        file.write(data)


def get(store: BlockStore, path: str) -> bytes:
    with store.open(path) as file:
        return file.read()


# --- append ---------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1, BLOCK - 1, BLOCK, 2 * BLOCK + 70_000])
def test_what_is_added_follows_what_was_there(store, size):
    put(store, "/test/file", DATA[:size])
    with store.open("/test/file", "ab") as file:
        assert file.tell() == size
        file.write(DATA[size : size + 5])
        file.flush()
        assert get(store, "/test/file") == DATA[: size + 5]
        file.write(DATA[size + 5 :])
    assert get(store, "/test/file") == DATA
    assert store.fsck("/test").state == "healthy"
    full = [block.block.length for block in store.locate("/test/file")[:-1]]
    assert set(full) <= {BLOCK}


def test_many_small_additions_and_one_of_nothing(store):
    put(store, "/test/file", b"")
    for at in range(0, 300, 100):
        add(store, "/test/file", DATA[at : at + 100])
    add(store, "/test/file", b"")
    assert get(store, "/test/file") == DATA[:300]
    assert len(store.locate("/test/file")) == 1


def test_a_file_of_other_chunks_is_added_to_in_its_own(store, shared_cluster):
    with shared_cluster.client(chunk_bytes=1000) as other:
        put(other, "/test/file", DATA[:12_345])
    add(store, "/test/file", DATA[12_345:20_000])
    assert get(store, "/test/file") == DATA[:20_000]


def test_one_writer_at_a_time(store, shared_cluster):
    put(store, "/test/file", DATA[:100])
    with shared_cluster.client() as other, store.open("/test/file", "ab") as file:
        with pytest.raises(AlreadyBeingCreatedException, match=store.client_id):
            other.open("/test/file", "ab")
        with pytest.raises(AlreadyBeingCreatedException):
            other.truncate("/test/file", 10)
        (lease,) = other.leases("/test")
        assert (lease.path, lease.holder) == ("/test/file", store.client_id)
        assert lease.host == os.uname().nodename
        assert abs(lease.since_s - time.time()) < 60
        file.write(b"x")
    assert list(store.leases("/test")) == []


def test_an_addition_that_is_left_by_an_exception_keeps_what_had_arrived(store):
    put(store, "/test/file", DATA[:100])

    def fail_half_way() -> None:
        with store.open("/test/file", "ab") as file:
            file.write(DATA[100:200])
            file.hflush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    store.recover_lease("/test/file")
    assert get(store, "/test/file") == DATA[:200]


def test_an_appender_that_lost_its_lease_is_told(store, shared_cluster):
    put(store, "/test/file", DATA[:100])
    file = store.open("/test/file", "ab")
    file.write(DATA[100:200])
    file.hflush()
    with shared_cluster.client() as other:
        other.recover_lease("/test/file")
        add(other, "/test/file", DATA[200:300])
    with pytest.raises(LeaseExpiredException):
        file.close()
    file.discard()
    assert get(store, "/test/file") == DATA[:300]


def test_a_file_that_is_renamed_and_replaced_while_it_is_opened_is_added_to_itself(
    store, monkeypatch
):
    put(store, "/test/file", DATA[:1000])
    namenode = store._connected().namenode
    open_file = namenode.append

    def open_and_replace(path: str):
        opened = open_file(path)
        store.rename(path, "/test/moved")
        put(store, path, b"x" * 1000)
        return opened

    monkeypatch.setattr(namenode, "append", open_and_replace)
    add(store, "/test/file", DATA[1000:2000])
    assert get(store, "/test/moved") == DATA[:2000]
    assert get(store, "/test/file") == b"x" * 1000


def test_a_node_that_missed_an_addition_or_a_cut_serves_no_old_bytes(cluster, eventually):
    cluster.start(3)
    store = cluster.client()
    for name in ("/added-to", "/cut"):
        put(store, name, DATA[:1000])
    cluster.datanodes[0].kill()
    add(store, "/added-to", DATA[1000:2000])
    assert store.truncate("/cut", 600)
    add(store, "/cut", b"x" * 400)
    cluster.start_datanode(0)
    eventually(
        lambda: all(
            len(b.nodes) == 3 for name in ("/added-to", "/cut") for b in store.locate(name)
        ),
        "the node that was away is made up for",
    )
    cluster.datanodes[1].kill()
    cluster.datanodes[2].kill()
    with cluster.client(short_circuit=False) as reader:
        assert get(reader, "/added-to") == DATA[:2000]
        assert get(reader, "/cut") == DATA[:600] + b"x" * 400


def test_a_file_whose_nodes_are_gone_can_not_be_added_to_and_every_reason_is_told(cluster):
    cluster.start(2)
    store = cluster.client(pipeline_restart_s=0.5)
    put(store, "/file", DATA[:1000])
    for daemon in cluster.datanodes.values():
        daemon.kill()
    with pytest.raises(BlockMissingException) as refusal:
        store.open("/file", "ab")
    for address in cluster.addresses.values():
        assert address in str(refusal.value)
    for number in list(cluster.datanodes):
        cluster.start_datanode(number)
    store.recover_lease("/file")
    add(store, "/file", DATA[1000:2000])
    assert get(store, "/file") == DATA[:2000]


# --- hflush, hsync, following ---------------------------------------------------------------


def test_a_reader_that_follows_sees_the_file_grow_from_block_to_block(store):
    with (
        store.open("/test/file", "wb", block_bytes=BLOCK) as file,
        store.open("/test/file") as reader,
    ):
        seen = b""
        for at in range(0, 3 * BLOCK, 70_000):
            file.write(DATA[at : at + 70_000])
            file.hflush()
            assert reader.read() == b""
            assert reader.follow() == min(at + 70_000, 3 * BLOCK)
            seen += reader.read()
            assert seen == DATA[: at + 70_000]


def test_what_was_synced_survives_the_death_of_everything(cluster):
    cluster.start(3)
    store = cluster.client()
    writers = []
    for name, size in (("/in-a-block", 70_001), ("/at-a-border", BLOCK)):
        file = store.open(name, "wb", block_bytes=BLOCK)
        writers.append(file)
        file.write(DATA[:size])
        file.hsync()
        assert store.stat(name).length == size
    for daemon in (cluster.namenode, *cluster.datanodes.values()):
        daemon.kill()
    cluster.start_namenode()
    for number in list(cluster.datanodes):
        cluster.start_datanode(number)
    with cluster.client() as other:
        for name, size in (("/in-a-block", 70_001), ("/at-a-border", BLOCK)):
            other.recover_lease(name)
            assert get(other, name) == DATA[:size]
    for file in writers:
        file.discard()


# --- leases ---------------------------------------------------------------------------------

WRITER = """
import sys, time
from blockstore import BlockStore
file = BlockStore(sys.argv[1]).open("/file", "wb", block_bytes=10_000_000)
file.write(bytes(range(256)) * 1000)
file.hflush()
file.write(b"not flushed")
print("flushed", flush=True)
time.sleep(600)
"""


def test_a_dead_writers_file_is_closed_within_30_s_though_a_node_died_with_him(cluster):
    # The settings that a cluster has by default.
    defaults = NameNodeConfig()
    cluster.start(
        3,
        **{
            name: getattr(defaults, name)
            for name in ("heartbeat_interval_s", "stale_after_s", "dead_after_s")
        },
        tick_interval_s=defaults.tick_interval_s,
        recovery_timeout_s=defaults.recovery_timeout_s,
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, cluster.address], stdout=subprocess.PIPE, text=True
    )
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "flushed\n"
        store = cluster.client()
        first = cluster.number_of(store.locate("/file")[-1].nodes[0].address)
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.communicate(timeout=30)
    cluster.datanodes[first].kill()
    began = time.monotonic()
    store.recover_lease("/file", timeout_s=30)
    assert time.monotonic() - began < 30
    assert get(store, "/file") == bytes(range(256)) * 1000


# --- truncate -------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, 1, CHUNK, BLOCK - 1, BLOCK, BLOCK + 70_000, 500_000])
def test_a_file_that_was_cut_has_its_first_bytes_and_can_be_added_to(store, length):
    put(store, "/test/file", DATA[:500_000])
    assert store.truncate("/test/file", length)
    assert store.stat("/test/file").length == length
    assert get(store, "/test/file") == DATA[:length]
    add(store, "/test/file", DATA[length:])
    assert get(store, "/test/file") == DATA


def test_a_cut_can_not_make_a_file_longer(store):
    put(store, "/test/file", DATA[:100])
    with pytest.raises(InvalidRequestException, match="has 100 bytes"):
        store.truncate("/test/file", 101)


def test_readers_see_the_old_file_or_the_new_one_while_it_is_cut(store, shared_cluster):
    put(store, "/test/file", DATA[:BLOCK])
    wrong: list[int] = []
    over = threading.Event()

    def read() -> None:
        with shared_cluster.client(short_circuit=False) as reader:
            while not over.is_set():
                with reader.open("/test/file") as file:
                    length = file.length
                    try:
                        found = file.read()
                    except (BlockMissingException, EOFException):
                        continue
                if found != DATA[:length]:
                    wrong.append(length)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        for length in range(BLOCK - 20_000, 0, -20_000):
            assert store.truncate("/test/file", length)
    finally:
        over.set()
        thread.join(60)
    assert wrong == []


# --- concat and checksum --------------------------------------------------------------------


def test_files_are_joined_and_short_blocks_stand_in_the_middle(store):
    sizes = (BLOCK + 1, 0, 70_000, 5, BLOCK)
    at, parts = 0, []
    for number, size in enumerate(sizes):
        parts.append(f"/test/{number}/part")
        put(store, parts[-1], DATA[at : at + size])
        at += size
    store.concat(parts[0], parts[1:])
    assert get(store, parts[0]) == DATA[:at]
    assert [path for path in parts if store.exists(path)] == parts[:1]
    with store.open(parts[0]) as file:
        for offset in (BLOCK, BLOCK + 1, BLOCK + 70_000, BLOCK + 70_006):
            assert file.pread(offset, 100) == DATA[offset : offset + 100]
    add(store, parts[0], DATA[at:])
    assert get(store, parts[0]) == DATA
    assert store.truncate(parts[0], BLOCK + 2)
    assert get(store, parts[0]) == DATA[: BLOCK + 2]


@pytest.mark.parametrize("size", [0, 1, CHUNK, 300_001])
def test_a_checksum_depends_on_the_bytes_alone(store, shared_cluster, size):
    put(store, "/test/a", DATA[:size])
    put(store, "/test/b", DATA[:size], block_bytes=70_001)
    with shared_cluster.client(chunk_bytes=1000) as other:
        put(other, "/test/c", DATA[:size])
    expected = google_crc32c.value(DATA[:size])
    assert {store.checksum(f"/test/{name}").crc for name in "abc"} == {expected}
    assert str(store.checksum("/test/a")) == f"COMPOSITE-CRC32C:{expected:08x}"


def test_an_open_file_has_the_checksum_of_what_readers_see(store):
    with store.open("/test/file", "wb") as file:
        file.write(DATA[:70_000])
        file.hflush()
        assert store.checksum("/test/file").crc == google_crc32c.value(DATA[:70_000])
