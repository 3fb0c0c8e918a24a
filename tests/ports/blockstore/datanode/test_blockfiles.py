"""Replicas as files: the same rules on the real disk and on its twin in memory."""

import random

import pytest

from blockstore import checksum
from blockstore.datanode.blockfiles import BlockFiles, MemoryBlockFiles
from blockstore.datastream import LAST, Packet, pack, unpack
from blockstore.errors import ChecksumException, ConfigException, InvalidRequestException
from blockstore.model import Block, Replica, ReplicaState

CHUNK = 512
A = Block(7, 1001)


class Files:
    """A kind of BlockFiles, and how a node finds it again after its process was killed."""

    def __init__(self, kind: str, root: str) -> None:
        self.kind = kind
        self.directories = [f"{root}/one", f"{root}/two"]
        self.memory = MemoryBlockFiles(directories=self.directories) if kind == "memory" else None
        self.now = self.memory or BlockFiles(self.directories)
        self.now.load()

    def again(self) -> list[Replica]:
        self.now.close()
        if self.memory is not None:
            self.now = MemoryBlockFiles(self.memory.disk, self.directories)
        else:
            self.now = BlockFiles(self.directories)
        return self.now.load()


@pytest.fixture(params=["system", "memory"])
def files(request, tmp_path):
    found = Files(request.param, str(tmp_path))
    yield found
    found.now.close()


def add(open_files, data: bytes, offset: int = 0) -> None:
    open_files.write(offset, checksum.checksums(data, CHUNK), data)


def content(files: Files, block: Block) -> bytes:
    """What a reader gets, verified."""
    stored = files.now.read(block)
    try:
        crcs, data = stored.run(0, block.length)
        checksum.verify(data, crcs, stored.chunk_bytes, what=str(block), offset=0)
        return data
    finally:
        stored.close()


def finalize(files: Files, data: bytes, block: Block = A) -> Block:
    opened = files.now.create(block, CHUNK, copy=False)
    add(opened, data)
    opened.finalize()
    files.now.finalized(opened)
    return opened.block


@pytest.mark.parametrize("offset", [0, CHUNK, 4 * CHUNK])
@pytest.mark.parametrize("length", [CHUNK, 3 * CHUNK, 10_000])
def test_a_frame_is_the_packet_of_what_is_read(files, offset, length):
    block = finalize(files, random.Random(4).randbytes(5 * CHUNK - 100))
    stored = files.now.read(block)
    crcs, data = stored.run(offset, length)
    assert stored.frame(offset, length, 9, LAST) == pack(Packet(offset, 9, LAST, crcs, data))
    stored.close()


def test_a_data_file_that_is_too_short_gives_no_frame(files):
    block = finalize(files, random.Random(4).randbytes(5 * CHUNK))
    volume = files.now.volumes[0]
    path = files.now.local_paths(block.id).data_path
    volume.disk.open(path, write=True).truncate(3 * CHUNK + 7)
    stored = files.now.read(block)
    assert unpack(stored.frame(0, 3 * CHUNK, 1, 0), CHUNK).end == 3 * CHUNK
    for offset in (0, 3 * CHUNK, 4 * CHUNK):
        with pytest.raises(ChecksumException, match="the data file ends at"):
            stored.frame(offset, 5 * CHUNK, 1, LAST)
    stored.close()


def test_a_finalized_replica_is_found_again(files):
    data = random.Random(1).randbytes(1300)
    block = finalize(files, data)
    assert block == Block(7, 1001, 1300)
    assert content(files, block) == data
    assert files.again() == [Replica(block, ReplicaState.FINALIZED)]
    assert content(files, block) == data


def test_an_open_replica_waits_for_recovery_with_all_its_bytes(files):
    opened = files.now.create(A, CHUNK, copy=False)
    add(opened, b"x" * 700)
    opened.close()
    assert files.again() == [Replica(Block(7, 1001, 700), ReplicaState.RWR)]


def test_a_short_last_chunk_is_written_again_longer(files):
    opened = files.now.create(A, CHUNK, copy=False)
    add(opened, b"a" * 600)
    add(opened, b"a" * 88 + b"b" * 500, offset=512)
    opened.finalize()
    files.now.finalized(opened)
    assert content(files, opened.block) == b"a" * 600 + b"b" * 500


@pytest.mark.parametrize(("offset", "length"), [(100, 500), (1024, 10), (0, 400)])
def test_holes_odd_starts_and_shortening_are_refused(files, offset, length):
    opened = files.now.create(A, CHUNK, copy=False)
    add(opened, b"a" * 600)
    with pytest.raises(InvalidRequestException):
        add(opened, b"b" * length, offset)
    opened.close()


@pytest.mark.parametrize("length", [1300, 1024, 1023, 513, 1, 0])
def test_a_cut_with_a_new_stamp_keeps_the_bytes_before_it(files, length):
    data = random.Random(2).randbytes(1300)
    opened = files.now.create(A, CHUNK, copy=False)
    add(opened, data)
    opened.restamp(1002, length)
    assert opened.block == Block(7, 1002, length)
    opened.close()
    assert files.again() == [Replica(Block(7, 1002, length), ReplicaState.RWR)]
    opened = files.now.reopen(7)
    start = length // CHUNK * CHUNK
    add(opened, data[start:], start)
    opened.finalize()
    files.now.finalized(opened)
    assert content(files, Block(7, 1002, 1300)) == data


def test_a_cut_cannot_lengthen(files):
    opened = files.now.create(A, CHUNK, copy=False)
    add(opened, b"x" * 10)
    with pytest.raises(InvalidRequestException):
        opened.restamp(1002, 11)
    opened.close()


def test_a_cut_through_a_damaged_chunk_is_refused(files):
    opened = files.now.create(A, CHUNK, copy=False)
    opened.write(0, b"\0\0\0\0", b"x" * 300)
    with pytest.raises(ChecksumException):
        opened.restamp(1002, 200)
    opened.close()


def test_a_finalized_replica_can_be_opened_again(files):
    block = finalize(files, b"x" * 700)
    opened = files.now.reopen(7)
    opened.restamp(1002, 600)
    opened.close()
    assert files.again() == [Replica(Block(7, 1002, 600), ReplicaState.RWR)]
    assert block.length == 700


def test_half_a_copy_leaves_nothing(files):
    opened = files.now.create(A, CHUNK, copy=True)
    add(opened, b"x" * 700)
    opened.close()
    assert files.again() == []
    assert finalize(files, b"y")


def test_a_copy_that_joins_is_an_open_replica(files):
    opened = files.now.create(A, CHUNK, copy=True)
    add(opened, b"x" * 700)
    opened.join()
    files.now.adopt(opened)
    opened.close()
    assert files.again() == [Replica(Block(7, 1001, 700), ReplicaState.RWR)]


def test_deleted_replicas_stay_away(files):
    finalize(files, b"x" * 700)
    files.now.delete(7)
    assert files.again() == []


def test_reading_goes_on_while_the_replica_is_deleted(files):
    block = finalize(files, b"x" * 700)
    stored = files.now.read(block)
    files.now.delete(7)
    assert stored.run(0, 700)[1] == b"x" * 700
    stored.close()


def test_an_open_replica_is_read_up_to_a_length_inside_a_chunk(files):
    opened = files.now.create(A, CHUNK, copy=False)
    add(opened, bytes(range(256)) * 3)
    for length in (0, 1, 512, 700, 768):
        seen = Block(7, 1001, length)
        stored = files.now.read(seen, opened.checksums_up_to(length))
        crcs, data = stored.run(0, length)
        checksum.verify(data, crcs, CHUNK, what="it", offset=0)
        assert data == (bytes(range(256)) * 3)[:length]
        stored.close()
    opened.close()


def test_use_and_space_are_counted(files):
    before = files.now.load_of_disks().used_bytes
    finalize(files, b"x" * 700)
    assert files.now.load_of_disks().used_bytes == before + 700
    files.again()
    assert files.now.load_of_disks().used_bytes == before + 700
    files.now.delete(7)
    load = files.now.load_of_disks()
    assert (load.used_bytes, load.failed_volumes) == (before, ())
    assert 0 < load.free_bytes <= load.capacity_bytes


def test_two_nodes_cannot_use_one_directory(files):
    disk = files.memory.disk if files.memory is not None else None
    with pytest.raises(ConfigException, match="another DataNode uses"):
        BlockFiles(files.directories, disk)


def test_a_damaged_checksum_header_makes_a_damaged_replica(files, tmp_path):
    if files.memory is not None:
        pytest.skip("damage is done by the real disk's owner")
    finalize(files, b"x" * 700)
    (path,) = tmp_path.glob("*/current/blk_7.crc")
    path.write_bytes(b"?" + path.read_bytes()[1:])
    assert files.again() == [Replica(Block(7, 0), ReplicaState.CORRUPT)]
