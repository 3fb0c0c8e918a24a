"""Reading beside a DataNode: its files are asked for once, and kept open while they're used."""

import gc
import itertools
import os
import random
import sys

import pytest

from blockstore import checksum
from blockstore.client.fetch import LOCAL_REPLICAS_MAX, Fetcher
from blockstore.client.reader import BlockReader
from blockstore.client.settings import DEFAULT
from blockstore.client.shortcircuit import LocalReplica
from blockstore.datanode.blockfiles import BlockFiles
from blockstore.datanode.store import ReplicaStore
from blockstore.errors import ChecksumException
from blockstore.model import Block, LocatedBlock, Node
from blockstore.runtime.clock import FakeClock

CHUNK = 512
BLOCK_BYTES = 5_000
BLOCKS = LOCAL_REPLICAS_MAX + 2
DATA = random.Random(5).randbytes(BLOCKS * BLOCK_BYTES)
HERE = Node("dn-1", "here", 1)


class Map:
    """A file of several blocks on one node."""

    path = "/file"
    length = len(DATA)

    def find(self, offset):
        number = offset // BLOCK_BYTES
        return LocatedBlock(Block(number + 1, 7, BLOCK_BYTES), number * BLOCK_BYTES, (HERE,))


class Local:
    """The node's files; counts who asks for them."""

    def __init__(self, store):
        self.store = store
        self.asked = []

    def may_be_local(self, node):
        return True

    def open(self, block, node):
        self.asked.append(block.id)
        paths = self.store.local_paths(block)
        return LocalReplica(block, paths.data_path, paths.checksum_path)


@pytest.fixture
def local(tmp_path):
    files = BlockFiles([tmp_path])
    store = ReplicaStore(files, lambda replica: None)
    for number in range(BLOCKS):
        data = DATA[number * BLOCK_BYTES : (number + 1) * BLOCK_BYTES]
        writing = store.create(Block(number + 1, 7), CHUNK)
        writing.write(0, checksum.checksums(data, CHUNK), data)
        writing.finish()
    yield Local(store)
    files.close()


@pytest.fixture
def reader(local):
    file = Map()
    fetcher = Fetcher(file, None, None, None, local, DEFAULT, FakeClock())
    with BlockReader(file, fetcher, lambda: None) as reader:
        yield reader


def test_reads_all_over_a_block_ask_for_its_files_once(local, reader):
    for offset in (0, 4_000, 17, 4_999, 600):
        assert (
            reader.pread(offset, 900)[: BLOCK_BYTES - offset]
            == (DATA[offset : min(offset + 900, BLOCK_BYTES)])
        )
    assert local.asked.count(1) == 1


def test_only_so_many_stay_open_and_those_that_were_closed_are_opened_again(local, reader):
    open_before = len(os.listdir("/proc/self/fd"))
    assert reader.read() == DATA
    assert len(os.listdir("/proc/self/fd")) <= open_before + LOCAL_REPLICAS_MAX
    assert reader.pread(10, 10) == DATA[10:20]
    assert local.asked == [*range(1, BLOCKS + 1), 1]
    reader.close()
    assert len(os.listdir("/proc/self/fd")) <= open_before


@pytest.mark.parametrize("offset", [0, 17, CHUNK, BLOCK_BYTES - 3, BLOCK_BYTES, 9 * 512 - 1])
@pytest.mark.parametrize("size", [1, 100, CHUNK, 3 * CHUNK + 5, BLOCK_BYTES + 100, len(DATA)])
def test_bytes_are_read_to_where_they_are_wanted_and_nowhere_else(reader, offset, size):
    memory = bytearray(b"\xee" * (size + 64))
    reader.raw.seek(offset)
    with memoryview(memory) as whole, whole[32 : 32 + size] as target:
        count = reader.raw.readinto(target)
    assert 0 < count <= size
    assert memory[32 : 32 + count] == DATA[offset : offset + count]
    assert memory[:32] == memory[32 + size :] == b"\xee" * 32
    assert reader.raw.tell() == offset + count


def test_a_whole_file_by_large_and_small_reads(reader):
    got = b""
    for size in itertools.cycle([7, 4 * CHUNK, 1, BLOCK_BYTES + 1]):
        piece = reader.read(size)
        got += piece
        if len(piece) < size:
            break
    assert got == DATA


@pytest.mark.parametrize("damage", ["flip", "cut"])
def test_no_damaged_byte_of_a_local_file_is_handed_out(local, tmp_path, damage):
    """The wire is asked instead; what came of the local file stays in nobody's hands."""
    path = local.store.local_paths(Block(1, 7)).data_path
    with open(path, "r+b") as file:
        if damage == "flip":
            file.seek(700)
            file.write(bytes([DATA[700] ^ 1]))
        else:
            file.truncate(700)
    fetcher = Fetcher(Map(), None, None, None, local, DEFAULT, FakeClock())
    # As if the same had been read here before: a short read must not leave it to be verified.
    target = memoryview(bytearray(DATA[:BLOCK_BYTES]))
    assert fetcher.read_into(0, target) == 0
    assert fetcher.read_into(0, target) == 0
    assert local.asked == [1]
    fetcher.close()


def test_a_local_node_that_has_nothing_to_show_is_asked_once(local):
    local.open = lambda block, node: local.asked.append(block.id)
    fetcher = Fetcher(Map(), None, None, None, local, DEFAULT, FakeClock())
    for offset in (0, 3 * CHUNK, CHUNK):
        assert fetcher.read_into(offset, memoryview(bytearray(CHUNK))) == 0
    assert local.asked == [1]
    fetcher.close()


def test_files_of_another_replica_are_refused_and_the_collector_has_nothing_to_say(
    local, monkeypatch
):
    said = []
    monkeypatch.setattr(sys, "unraisablehook", said.append)
    paths = local.store.local_paths(Block(1, 7))
    with pytest.raises(ChecksumException, match="isn't of"):
        LocalReplica(Block(1, 8), paths.data_path, paths.checksum_path)
    gc.collect()
    assert said == []
