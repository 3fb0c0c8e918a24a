"""Reading beside a DataNode: its files are asked for once, and kept open while they're used."""

import errno
import gc
import itertools
import os
import random
import sys
from types import SimpleNamespace

import pytest

from blockstore import checksum
from blockstore.client import shortcircuit
from blockstore.client.fetch import Fetcher
from blockstore.client.openreplicas import OpenReplicas
from blockstore.client.reader import BlockReader
from blockstore.client.settings import DEFAULT
from blockstore.client.shortcircuit import LocalReplica, LocalReplicas
from blockstore.datanode.blockfiles import BlockFiles
from blockstore.datanode.store import ReplicaStore
from blockstore.errors import ChecksumException
from blockstore.model import Block, LocatedBlock, Node
from blockstore.peers import Peers
from blockstore.runtime.clock import FakeClock

CHUNK = 512
BLOCK_BYTES = 5_000
BLOCKS = 6
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
def opened(local):
    return OpenReplicas(local)


def reading(opened):
    file = Map()
    fetcher = Fetcher(file, None, None, None, opened, DEFAULT, FakeClock())
    return BlockReader(file, fetcher, lambda: None)


@pytest.fixture
def reader(opened):
    with reading(opened) as reader:
        yield reader


def descriptors():
    return len(os.listdir("/proc/self/fd"))


def test_reads_all_over_a_block_ask_for_its_files_once(local, reader):
    for offset in (0, 4_000, 17, 4_999, 600):
        assert (
            reader.pread(offset, 900)[: BLOCK_BYTES - offset]
            == (DATA[offset : min(offset + 900, BLOCK_BYTES)])
        )
    assert local.asked.count(1) == 1


def test_a_reader_that_jumps_about_in_many_blocks_asks_for_each_once(local, reader):
    for number in [*range(BLOCKS), *reversed(range(BLOCKS))]:
        at = number * BLOCK_BYTES + 7 * number
        assert reader.pread(at, 10) == DATA[at : at + 10]
    assert local.asked == list(range(1, BLOCKS + 1))


def test_only_so_many_stay_open_and_those_that_had_to_go_are_opened_again(local):
    before = descriptors()
    reader = reading(OpenReplicas(local, open_max=4))
    assert reader.read() == DATA
    assert descriptors() == before + 4
    # The one that was read last stays.
    assert reader.pread(2 * BLOCK_BYTES, 10) == DATA[2 * BLOCK_BYTES :][:10]
    assert reader.pread(10, 10) == DATA[10:20]
    assert reader.pread(2 * BLOCK_BYTES, 10) == DATA[2 * BLOCK_BYTES :][:10]
    assert local.asked == [*range(1, BLOCKS + 1), 1]
    reader.close()
    assert descriptors() == before


def test_many_readers_in_the_middle_of_many_blocks_hold_no_more_files_than_one(local):
    opened = OpenReplicas(local, open_max=4)
    before = descriptors()
    readers = [reading(opened) for _ in range(3 * BLOCKS)]
    streams = []
    for number, reader in enumerate(readers):
        at = number % BLOCKS * BLOCK_BYTES
        reader.seek(at)
        assert reader.read(10) == DATA[at : at + 10]
        # As one that is interrupted between two pieces.
        pieces = reader._fetcher.pieces(at, len(DATA))
        streams.append((at, next(pieces), pieces))
    assert descriptors() <= before + 4
    # What had to go in the middle of a stream is opened again, and nothing is lost.
    for at, first, pieces in streams:
        assert b"".join([first, *pieces]) == DATA[at:]
    assert descriptors() <= before + 4
    for reader in readers:
        reader.close()
    assert descriptors() == before


def test_checksums_held_in_memory_are_bounded_too(local):
    of_one = checksum.chunk_count(BLOCK_BYTES, CHUNK) * checksum.CRC_BYTES
    before = descriptors()
    with reading(OpenReplicas(local, checksum_bytes_max=3 * of_one)) as reader:
        assert reader.read() == DATA
        assert descriptors() == before + 3
    local.asked.clear()
    # The one at hand stays, however large.
    with reading(OpenReplicas(local, checksum_bytes_max=1)) as reader:
        assert [reader.pread(at, 9) for at in (1, 2)] == [DATA[1:10], DATA[2:11]]
        assert descriptors() == before + 1
    assert local.asked == [1]


def test_readers_of_one_file_share_what_is_open_until_the_last_is_closed(local, opened):
    before = descriptors()
    one, other = reading(opened), reading(opened)
    assert one.pread(0, 10) == other.pread(0, 10) == DATA[:10]
    assert other.pread(BLOCK_BYTES, 10) == DATA[BLOCK_BYTES : BLOCK_BYTES + 10]
    assert local.asked == [1, 2]
    other.close()
    assert descriptors() == before + 1
    assert one.pread(20, 10) == DATA[20:30]
    assert local.asked == [1, 2]
    one.close()
    assert descriptors() == before


def test_what_is_opened_while_its_reader_is_closed_does_not_stay(local, opened):
    before = descriptors()
    reader = reading(opened)
    ask = local.open

    def closing(block, node):
        replica = ask(block, node)
        reader.close()
        return replica

    local.open = closing
    assert reader.pread(0, 10) == DATA[:10]
    assert descriptors() == before


def test_a_client_that_is_closed_holds_nothing(opened, reader):
    before = descriptors()
    assert reader.pread(0, 10) == DATA[:10]
    opened.close()
    assert descriptors() == before


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
    fetcher = Fetcher(Map(), None, None, None, OpenReplicas(local), DEFAULT, FakeClock())
    # As if the same had been read here before: a short read must not leave it to be verified.
    target = memoryview(bytearray(DATA[:BLOCK_BYTES]))
    assert fetcher.read_into(0, target) == 0
    assert fetcher.read_into(0, target) == 0
    assert local.asked == [1]
    fetcher.close()


def test_a_local_node_that_has_nothing_to_show_is_asked_once(local):
    local.open = lambda block, node: local.asked.append(block.id)
    fetcher = Fetcher(Map(), None, None, None, OpenReplicas(local), DEFAULT, FakeClock())
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
    for other in (Block(1, 8), Block(2, 7), Block(2, 1)):
        with pytest.raises(ChecksumException, match="isn't of"):
            LocalReplica(other, paths.data_path, paths.checksum_path)
    gc.collect()
    assert said == []


@pytest.mark.parametrize("scarce", [True, False])
def test_a_node_is_asked_again_when_only_descriptors_had_been_wanting(
    local, tmp_path, monkeypatch, scarce
):
    peers = Peers(None)
    replicas = LocalReplicas(peers, {"here"})
    paths = local.store.local_paths(Block(1, 7))
    reply = SimpleNamespace(
        witness_path=paths.witness_path if scarce else str(tmp_path / "elsewhere"),
        witness=paths.witness,
        data_path=paths.data_path,
        checksum_path=paths.checksum_path,
    )
    monkeypatch.setattr(shortcircuit.rpc, "call", lambda *_, **__: reply)
    if scarce:
        monkeypatch.setattr(shortcircuit, "open", _no_descriptor, raising=False)
    assert replicas.open(Block(1, 7), HERE) is None
    assert replicas.may_be_local(HERE) == scarce
    peers.close()


def _no_descriptor(*_, **__):
    raise OSError(errno.EMFILE, "Too many open files")
