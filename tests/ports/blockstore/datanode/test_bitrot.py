"""Whatever happens to a replica's files, nobody gets a wrong byte: an error, or the right ones."""

import random

import pytest

from blockstore import checksum
from blockstore.checksumfile import HEADER_BYTES
from blockstore.datanode import transfer
from blockstore.datanode.blockfiles import BlockFiles
from blockstore.datanode.disk import SystemDisk
from blockstore.datanode.memorydisk import MemoryDisk
from blockstore.datanode.store import ReplicaStore
from blockstore.errors import ChecksumException, StoreError
from blockstore.model import Block, ReplicaState

LENGTH, CHUNK = 1_000, 64
DATA, SUMS = "current/blk_7", "current/blk_7.crc"


def content(block_id, generation):
    return random.Random(f"{block_id}/{generation}").randbytes(LENGTH)


class Node:
    def __init__(self, disk, volume):
        self.disk = disk
        self.volume = volume
        self.start()

    def start(self):
        self.files = BlockFiles([self.volume], self.disk)
        self.reports = []
        self.store = ReplicaStore(self.files, self.reports.append)

    def restart(self):
        self.files.close()
        self.start()

    def put(self, block_id, generation):
        writing = self.store.create(Block(block_id, generation), CHUNK)
        data = content(block_id, generation)
        writing.write(0, checksum.checksums(data, CHUNK), data)
        writing.finish()

    def get(self, block_id, generation):
        """As a reader does: every packet against its checksums."""
        files = self.store.read(Block(block_id, generation))
        try:
            if files.block.length != LENGTH:
                raise StoreError("the reader knows the length")
            found = b""
            for packet in transfer.packets(files, 0, LENGTH):
                checksum.verify(packet.data, packet.crcs, CHUNK, what="it", offset=packet.offset)
                found += bytes(packet.data)
            return found
        finally:
            files.close()

    # --- what befalls its files

    def read(self, name):
        file = self.disk.open(f"{self.volume}/{name}")
        try:
            return file.pread(file.size(), 0)
        finally:
            file.close()

    def write(self, name, data):
        file = self.disk.open(f"{self.volume}/{name}", create=True)
        file.pwrite(data, 0)
        file.close()


def flip(name, at):
    def damage(node):
        data = bytearray(node.read(name))
        data[at] ^= 0x04
        node.write(name, bytes(data))

    return damage


def cut(name, length):
    return lambda node: node.write(name, node.read(name)[:length])


def grow(name):
    return lambda node: node.write(name, node.read(name) + b"more")


def swap(*suffixes):
    def damage(node):
        for suffix in suffixes:
            ours, theirs = f"current/blk_7{suffix}", f"current/blk_8{suffix}"
            first, second = node.read(ours), node.read(theirs)
            node.write(ours, second)
            node.write(theirs, first)

    return damage


def old_generation(*suffixes):
    """Files of an earlier stamp come back, as from a backup."""

    def damage(node):
        for suffix in suffixes:
            node.write(f"current/blk_7{suffix}", node.read(f"current/blk_9{suffix}"))

    return damage


DAMAGES = {
    **{f"data, byte {at}": flip(DATA, at) for at in (0, CHUNK - 1, CHUNK, LENGTH - 1)},
    **{f"header, byte {at}": flip(SUMS, at) for at in range(46)},
    **{f"checksum {at}": flip(SUMS, HEADER_BYTES + 4 * at) for at in (0, 1, 15)},
    **{f"data cut to {length}": cut(DATA, length) for length in (0, 1, CHUNK, LENGTH - 1)},
    **{f"checksums cut to {length}": cut(SUMS, length) for length in (0, 10, HEADER_BYTES, 100)},
    "data longer": grow(DATA),
    "data swapped": swap(""),
    "checksums swapped": swap(".crc"),
    "both swapped": swap("", ".crc"),
    "old data": old_generation(""),
    "old checksums": old_generation(".crc"),
}


@pytest.fixture(params=["memory", "system"])
def node(request, tmp_path):
    memory = request.param == "memory"
    found = Node(MemoryDisk() if memory else SystemDisk(), f"{tmp_path}/volume")
    found.put(7, 5)
    found.put(8, 5)
    found.put(9, 4)
    yield found
    found.files.close()


@pytest.mark.parametrize("restarted", [False, True], ids=["running", "restarted"])
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_no_wrong_byte_is_ever_served(node, damage, restarted):
    damage(node)
    if restarted:
        node.restart()
    for block_id in (7, 8):
        try:
            found = node.get(block_id, 5)
        except StoreError:
            continue
        assert found == content(block_id, 5)
        assert block_id == 8 or damage is DAMAGES["data longer"]


def test_both_files_of_another_block_are_noticed_at_start(node):
    """Each pair is right in itself: only the block's id in the header tells."""
    swap("", ".crc")(node)
    node.restart()
    assert {replica.block.id for replica in node.store.damaged()} == {7, 8}
    with pytest.raises(StoreError):
        node.get(7, 5)


@pytest.mark.parametrize("length", [0, CHUNK, LENGTH - 1])
def test_a_replica_that_was_cut_is_told_as_damaged_at_start(node, length):
    cut(DATA, length)(node)
    node.restart()
    assert [replica.block.id for replica in node.store.damaged()] == [7]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (cut(DATA, CHUNK), f"the data file ends at {CHUNK}, not {LENGTH}"),
        (cut(SUMS, HEADER_BYTES + 4), "is too short for"),
    ],
    ids=["data", "checksums"],
)
def test_who_reads_a_replica_that_was_cut_is_told_which_file_is_short(node, damage, words):
    damage(node)
    with pytest.raises(ChecksumException, match=words):
        node.get(7, 5)


@pytest.mark.parametrize("length", [CHUNK // 2, LENGTH - CHUNK // 2])
def test_a_checksum_that_ends_inside_a_damaged_chunk_is_refused(node, length):
    files = node.store.read(Block(7, 5))
    assert files.checksum(length) == checksum.crc32c(content(7, 5)[:length])
    files.close()
    flip(DATA, length)(node)
    files = node.store.read(Block(7, 5))
    try:
        with pytest.raises(ChecksumException, match="don't match their checksum"):
            files.checksum(length)
    finally:
        files.close()


def test_an_older_replica_under_a_blocks_name_is_no_replica_of_it(tmp_path):
    node = Node(MemoryDisk(), "/volume")
    node.put(7, 4)
    old = {name: node.read(name) for name in (DATA, SUMS)}
    node.store.update(Block(7, 4, LENGTH), Block(7, 5, LENGTH), finalize=True)
    for name, data in old.items():
        node.write(name, data)
    with pytest.raises(StoreError, match="generation 4"):
        node.get(7, 5)
    node.restart()
    ((block, state),) = [(r.block, r.state) for r in node.store.report()]
    assert (block, state) == (Block(7, 4, LENGTH), ReplicaState.FINALIZED)
    with pytest.raises(StoreError, match="is older"):
        node.get(7, 5)
