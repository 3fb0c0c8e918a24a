"""Packs of small replicas: durable together, found again, made smaller, never wrong."""

import errno
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from blockstore import checksum, packrecord
from blockstore.client.shortcircuit import LocalReplica
from blockstore.datanode.blockfiles import BlockFiles, MemoryBlockFiles
from blockstore.datanode.disk import SystemDisk
from blockstore.datanode.faultydisk import FaultyDisk
from blockstore.datanode.layout import Place
from blockstore.datanode.memorydisk import MemoryDisk
from blockstore.datanode.openfiles import OpenFiles
from blockstore.datanode.packs import Packs, WholeReplica
from blockstore.datanode.store import ReplicaStore
from blockstore.datanode.volume import Volume, VolumeFailure
from blockstore.errors import ChecksumException, StoreError
from blockstore.model import Block, Replica, ReplicaState

CHUNK = 64
PACK = 4096


def content(block_id, length=200):
    return random.Random(block_id).randbytes(length)


def whole(block_id, length=200, generation=1):
    data = content(block_id, length)
    block = Block(block_id, generation, length)
    return WholeReplica(block, CHUNK, checksum.checksums(data, CHUNK), data)


def given(disk, path="/v", pack_bytes=PACK):
    """The packs of a volume, and the ids that they found."""
    packs = Packs(Volume(disk, path), pack_bytes)
    return packs, sorted(block.id for block in packs.load())


def read(packs, block_id):
    found = packs.open(block_id)
    try:
        data = found.file.pread(found.block.length, found.data_at)
    finally:
        found.file.close()
    checksum.verify(data, found.crcs, found.chunk_bytes, what=str(found.block), offset=0)
    return data


def names(disk):
    return sorted(disk.names("/v/packs"))


def restarted(disk):
    disk._locked.clear()
    return given(disk)


def test_what_was_added_is_read_and_found_again():
    disk = MemoryDisk()
    packs, found = given(disk)
    assert found == []
    packs.add([whole(1), whole(2, 0), whole(3, 1000)])
    packs.add([whole(4, 64)])
    for again in (packs, restarted(disk)[0], given(disk.crash())[0]):
        assert [read(again, number) for number in (1, 2, 3, 4)] == [
            content(1), b"", content(3, 1000), content(4, 64),
        ]  # fmt: skip
    assert restarted(disk)[1] == [1, 2, 3, 4]
    assert len(names(disk)) == 1


def test_what_was_removed_stays_away_and_its_pack_goes_with_the_last():
    disk = MemoryDisk()
    packs, _ = given(disk)
    for number in range(40):
        packs.add([whole(number)])
    assert len(names(disk)) == 4
    for number in range(40):
        assert packs.remove(number) == 200
    # The newest one isn't worth a removal.
    assert len(names(disk)) == 1
    assert restarted(disk)[1] == []


@pytest.mark.parametrize("seed", range(10))
def test_a_pack_that_is_mostly_dead_is_moved_and_readers_stay_where_they_are(seed):
    rng = random.Random(seed)
    disk = MemoryDisk()
    packs, _ = given(disk)
    for number in range(200):
        packs.add([whole(number)])
    readers = {number: packs.open(number) for number in range(200)}
    alive = set(range(200))
    for number in rng.sample(range(200), 180):
        packs.remove(number)
        alive.discard(number)
        assert all(read(packs, left) == content(left) for left in rng.sample(sorted(alive), 3))
    size = sum(len(inode.data) for inode in disk._entries["/v/packs"].values())
    record_bytes = 64 + 16 + 200 + 40
    assert size <= 2 * 20 * record_bytes + 2 * PACK
    for number, reader in readers.items():
        if number in alive:
            assert reader.file.pread(200, reader.data_at) == content(number)
    for again, found in (restarted(disk), given(disk.crash(rng))):
        assert set(found) >= alive
        assert all(read(again, number) == content(number) for number in found)


def test_of_two_records_of_a_block_the_later_stamp_counts_and_then_the_later_place():
    disk = MemoryDisk()
    packs, _ = given(disk)
    packs.add([whole(1, 100, generation=5)])
    packs.add([whole(2, 100, generation=5)])
    packs.add([whole(1, 150, generation=7), whole(2, 100, generation=4)])
    again, found = restarted(disk)
    assert found == [1, 2]
    assert len(read(again, 1)) == 150
    assert again.open(2).block.generation == 5


def test_a_damaged_header_costs_its_replica_and_no_other():
    disk = MemoryDisk()
    packs, _ = given(disk)
    packs.add([whole(number) for number in range(5)])
    at = packs.open(2).record_at
    (name,) = names(disk)
    disk._entries["/v/packs"][name].data[at + 30] ^= 1
    with pytest.raises(ChecksumException, match=f"blk_2: its header in /v/packs/{name} at {at}"):
        packs.open(2)
    assert restarted(disk)[1] == [0, 1, 3, 4]


def test_damage_moves_with_its_replica_and_is_still_told():
    disk = MemoryDisk()
    packs, _ = given(disk)
    for number in range(14):
        packs.add([whole(number)])
    where = packs.open(3)
    disk._entries["/v/packs"][where.path.rpartition("/")[2]].data[where.data_at + 9] ^= 1
    for number in range(12):
        if number != 3:
            packs.remove(number)
    assert packs.open(3).path != where.path
    with pytest.raises(ChecksumException):
        read(packs, 3)


def test_a_pack_with_a_header_that_nobody_can_read_is_left_as_it_is():
    disk = MemoryDisk()
    packs, _ = given(disk)
    for number in range(14):
        packs.add([whole(number)])
    where = packs.open(3)
    name = where.path.rpartition("/")[2]
    disk._entries["/v/packs"][name].data[where.record_at] ^= 1
    for number in range(12):
        if number not in (3, 5):
            packs.remove(number)
    assert name in names(disk)
    assert read(packs, 5) == content(5)


@pytest.mark.parametrize("cut", [True, False])
def test_what_could_not_be_synced_never_counts(cut):
    """The disk is full when it is to sync, and may be when what isn't durable is cut off."""
    memory = MemoryDisk()
    disk = FaultyDisk(memory)
    packs, _ = given(disk)
    packs.add([whole(1)])
    disk.fail("sync", "/v/packs", errno.ENOSPC)
    if cut:
        sync = threading.Event()
        check = disk.check

        def once(operation, path):
            if operation == "sync" and "/packs" in path:
                if sync.is_set():
                    return
                sync.set()
            check(operation, path)

        disk.check = once
    with pytest.raises(StoreError, match="No space left"):
        packs.add([whole(2)])
    with pytest.raises(KeyError):
        packs.open(2)
    disk.heal()
    if cut:
        packs.add([whole(3)])
        assert len(names(memory)) == 2
        assert restarted(memory)[1] == [1, 3]
    else:
        # Nothing is known of the file any more.
        with pytest.raises(VolumeFailure, match="a pack can't be cut"):
            packs.add([whole(3)])


def test_a_write_that_was_refused_leaves_the_pack_as_it_was():
    memory = MemoryDisk()
    disk = FaultyDisk(memory)
    packs, _ = given(disk)
    packs.add([whole(1)])
    disk.fail("write", "/v/packs", errno.ENOSPC)
    with pytest.raises(StoreError, match="No space left"):
        packs.add([whole(2)])
    disk.heal()
    packs.add([whole(3)])
    assert len(names(memory)) == 1
    assert restarted(memory)[1] == [1, 3]


def test_a_pack_whose_file_cannot_be_removed_keeps_nobody_from_deleting():
    memory = MemoryDisk()
    disk = FaultyDisk(memory)
    packs, _ = given(disk)
    for number in range(14):
        packs.add([whole(number)])
    disk.fail("unlink", "/v/packs", errno.EPERM)
    for number in range(14):
        assert packs.remove(number) == 200
    assert len(names(memory)) == 2
    disk.heal()
    assert restarted(memory)[1] == []
    assert len(names(memory)) == 1


class _PatientDisk(SystemDisk):
    """Its first sync waits until all have written."""

    def __init__(self, writers):
        self.syncs = 0
        self._missing = writers
        self._written = threading.Event()

    def open(self, path, *, write=False, create=False):
        file = super().open(path, write=write, create=create)
        if "/packs/" not in path or not write:
            return file
        sync, pwrite = file.sync, file.pwrite

        def counted():
            self.syncs += 1
            assert self._written.wait(30)
            sync()

        def met(data, offset):
            pwrite(data, offset)
            self._missing -= 1
            if not self._missing:
                self._written.set()

        file.sync, file.pwrite = counted, met
        return file


def test_replicas_that_come_while_others_are_synced_share_the_next_sync(tmp_path):
    disk = _PatientDisk(8)
    packs, _ = given(disk, str(tmp_path), pack_bytes=1 << 20)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: packs.add([whole(number)]), range(8)))
    assert disk.syncs == 2
    assert all(read(packs, number) == content(number) for number in range(8))
    packs.close()


def test_adding_removing_and_moving_at_once_loses_nothing(tmp_path):
    packs, _ = given(SystemDisk(), str(tmp_path))

    def live(worker):
        rng = random.Random(worker)
        mine = []
        for number in range(worker * 1000, worker * 1000 + 150):
            packs.add([whole(number)])
            mine.append(number)
            if rng.random() < 0.8:
                packs.remove(mine.pop(rng.randrange(len(mine))))
            assert all(
                read(packs, one) == content(one) for one in rng.sample(mine, min(2, len(mine)))
            )
        return mine

    with ThreadPoolExecutor(4) as threads:
        alive = sorted(number for mine in threads.map(live, range(4)) for number in mine)
    assert all(read(packs, number) == content(number) for number in alive)
    packs.close()
    packs._volume.close()
    again, found = given(SystemDisk(), str(tmp_path))
    assert found == alive
    assert all(read(again, number) == content(number) for number in alive)
    again.close()


def test_no_flipped_bit_cut_or_swap_gives_a_wrong_byte():
    disk = MemoryDisk()
    files = MemoryBlockFiles(disk)
    files.load()
    store = ReplicaStore(files, lambda replica: None)
    store.add_whole([whole(1), whole(2)])
    (name,) = disk.names("/memory/packs")
    inode = disk._entries["/memory/packs"][name]
    right = bytes(inode.data)
    one, two = files.local_paths(1).record_at, files.local_paths(2).record_at
    size = two - one

    def given_of(block_id, damaged):
        inode.data[:] = damaged
        try:
            stored = store.read(Block(block_id, 1))
        except ChecksumException:
            return None
        try:
            stored.verify(200)
            return stored.run(0, 200)[1]
        except ChecksumException:
            return None
        finally:
            stored.close()

    assert given_of(1, right) == content(1)
    for bit in range(8 * size):
        damaged = bytearray(right)
        damaged[one + bit // 8] ^= 1 << bit % 8
        assert given_of(1, damaged) in (None, content(1))
        assert given_of(2, damaged) == content(2)
    for length in range(two, two + 64 + 16 + 200):
        assert given_of(2, right[:length]) is None
    assert given_of(1, right[two:] + right[one:two]) is None
    older = bytearray(right)
    older[one:two] = packrecord.pack_record(
        packrecord.RecordHeader(Block(1, 0, 200), CHUNK),
        whole(1).crcs,
        content(1),
        packrecord.salt_in(right),
    )
    assert given_of(1, older) is None


def test_a_client_on_the_machine_reads_a_replica_in_its_pack(tmp_path):
    files = BlockFiles([str(tmp_path)])
    files.load()
    files.add_whole([whole(1), whole(2)])
    paths = files.local_paths(2)
    assert paths.data_path == paths.checksum_path
    replica = LocalReplica(Block(2, 1, 200), paths.data_path, paths.checksum_path, paths.record_at)
    assert bytes(replica.run(70, 190)) == content(2)[70:190]
    target = memoryview(bytearray(200))
    assert replica.run_into(target, 0, 200) == 200
    assert bytes(target) == content(2)
    # What is deleted meanwhile stays for who has it open.
    files.delete(2)
    assert bytes(replica.run(0, 200)) == content(2)
    for block, at in ((Block(2, 1, 200), paths.record_at), (Block(1, 9, 200), 0)):
        with pytest.raises(ChecksumException):
            LocalReplica(block, paths.data_path, paths.data_path, at)
    files.close()


def test_a_replica_that_is_changed_leaves_its_pack(tmp_path):
    files = BlockFiles([str(tmp_path)])
    files.load()
    store = ReplicaStore(files, lambda replica: None)
    store.add_whole([whole(1)])
    used = files.volumes[0].used_bytes
    store.update(Block(1, 1), Block(1, 5, 100), finalize=True)
    assert (tmp_path / "current" / "blk_1").read_bytes() == content(1)[:100]
    assert (used, files.volumes[0].used_bytes) == (200, 100)
    files.close()
    again = BlockFiles([str(tmp_path)])
    assert [replica.block for replica in again.load()] == [Block(1, 5, 100)]
    again.close()


def test_one_caught_on_its_way_out_of_a_pack_is_there_once(tmp_path):
    files = BlockFiles([str(tmp_path)])
    files.load()
    files.add_whole([whole(1), whole(2)])
    files.close()
    # As after a kill behind the sync of its new files, and once with a later stamp.
    for block_id, generation in ((1, 1), (2, 3)):
        volume = Volume(SystemDisk(), str(tmp_path))
        opened = OpenFiles.create(volume, Place.RBW, Block(block_id, generation), CHUNK)
        opened.write(0, whole(block_id).crcs, content(block_id))
        opened.sync()
        opened.close()
        volume.close()
    for _ in range(2):
        again = BlockFiles([str(tmp_path)])
        found = {replica.block.id: replica for replica in again.load()}
        assert found[1] == Replica(Block(1, 1, 200), ReplicaState.FINALIZED)
        assert found[2] == Replica(Block(2, 3, 200), ReplicaState.RWR)
        assert again.volumes[0].used_bytes == 400
        assert sorted(path.name for path in (tmp_path / "rbw").iterdir()) == ["blk_2", "blk_2.crc"]
        again.close()
