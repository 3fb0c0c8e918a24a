"""Volumes that are full, ill, read-only or gone: the replica fails over, the node goes on."""

import errno
import threading

import pytest

from blockstore import checksum
from blockstore.datanode import diskcheck, identity, layout, openfiles
from blockstore.datanode.blockfiles import BlockFiles, MemoryBlockFiles
from blockstore.datanode.disk import SystemDisk
from blockstore.datanode.diskcheck import DiskCheck
from blockstore.datanode.faultydisk import FaultyDisk
from blockstore.datanode.memorydisk import MemoryDisk
from blockstore.datanode.store import ReplicaStore
from blockstore.datanode.storedfiles import StoredFiles
from blockstore.datanode.volume import VolumeFailure
from blockstore.errors import ConfigException, StoreError
from blockstore.model import Block, Replica, ReplicaState
from blockstore.runtime.clock import SYSTEM_CLOCK


@pytest.fixture(params=["system", "memory"])
def disk(request):
    return FaultyDisk(SystemDisk() if request.param == "system" else MemoryDisk())


@pytest.fixture
def volumes(disk, tmp_path):
    return [f"{tmp_path}/one", f"{tmp_path}/two"]


@pytest.fixture
def reports():
    return []


@pytest.fixture
def files(disk, volumes):
    found = BlockFiles(volumes, disk)
    yield found
    found.close()


@pytest.fixture
def store(files, reports):
    return ReplicaStore(files, reports.append)


def begin(store, block_id, length=100):
    writing = store.create(Block(block_id, 1), 64)
    add(writing, length)
    return writing


def add(writing, length):
    data = b"x" * length
    writing.write(0, checksum.checksums(data, 64), data)


def where(files, block_id):
    return files._where[block_id][0].path


def states(files):
    return [(v.state, v.reason) for v in files.load_of_disks().volumes]


@pytest.mark.parametrize("number", [errno.EIO, errno.EROFS], ids=["ill", "read-only"])
@pytest.mark.parametrize("operation", ["write", "sync", "rename", "sync_directory"])
def test_a_fault_in_the_middle_of_a_block_costs_the_volume_and_not_the_node(
    store, files, disk, reports, operation, number
):
    kept = begin(store, 1)
    kept.finish()
    bad = where(files, 1)
    reports.clear()
    writing = begin(store, 2)
    other = where(files, 2)
    disk.fail(operation, other, number)
    with pytest.raises(VolumeFailure, match=f"volume {other} failed: .*: "):
        (add(writing, 200), writing.sync(), writing.finish())
    store.drop_failed_volumes()
    gone = {Block(2, 1).id} | ({1} if bad == other else set())
    assert {replica.block.id for replica in store.report()} == {1, 2} - gone
    begin(store, 3).finish()
    assert where(files, 3) != other
    ((path, _),) = [
        (v.path, v.reason) for v in files.load_of_disks().volumes if v.state != "in use"
    ]
    assert path == other


def test_a_full_volume_is_told_with_its_path_and_stays(store, files, disk, reports):
    writing = begin(store, 1)
    volume = where(files, 1)
    disk.fail("write", volume, errno.ENOSPC)
    with pytest.raises(StoreError, match=f"volume {volume}: .*No space left on device"):
        add(writing, 200)
    writing.release()
    disk.heal()
    resumed = store.resume(Block(1, 1))
    add(resumed, 200)
    resumed.finish()
    assert store.report() == [Replica(Block(1, 1, 200), ReplicaState.FINALIZED)]
    assert states(files) == [("in use", "")] * 2


def test_whatever_else_a_sync_says_the_volume_is_ill(store, files, disk):
    """Also an error that no other call is blamed for: nothing is known of what it wrote."""
    writing = begin(store, 1)
    volume = where(files, 1)
    disk.fail("sync", volume, errno.EAGAIN)
    with pytest.raises(VolumeFailure, match="Resource temporarily unavailable"):
        writing.finish()
    assert [(v.path, v.state) for v in files.load_of_disks().volumes if v.reason] == [
        (volume, "failed")
    ]


def test_a_long_replica_leaves_the_reserve_alone(monkeypatch):
    monkeypatch.setattr(openfiles, "WRITEBACK_BYTES", 1_000)
    disk = MemoryDisk(capacity_bytes=10_000)
    files = BlockFiles(["/one"], disk, reserved_bytes=5_000)
    writing = begin(ReplicaStore(files, lambda replica: None), 1, 3_000)
    with pytest.raises(StoreError, match=r"only the reserve of 5000 bytes is left"):
        add(writing, 6_000)
    assert files.load_of_disks().free_bytes == 0


@pytest.mark.parametrize("end", ["sync", "finish"])
def test_a_replica_whose_sync_found_no_room_is_never_trusted_again(
    store, disk, reports, files, end
):
    """What the kernel could not write it has forgotten: a second sync would lie."""
    writing = begin(store, 1)
    disk.fail("sync", where(files, 1), errno.ENOSPC)
    with pytest.raises(StoreError, match="No space left"):
        getattr(writing, end)()
    disk.heal()
    assert reports == [Replica(Block(1, 1, 100), ReplicaState.DELETED)]
    assert store.report() == []
    with pytest.raises(StoreError):
        writing.finish()
    begin(store, 1).finish()


def test_a_replica_whose_stamp_could_not_be_synced_is_thrown_away(store, disk, reports, files):
    begin(store, 1).release()
    disk.fail("sync", where(files, 1), errno.ENOSPC)
    with pytest.raises(StoreError, match="No space left"):
        store.update(Block(1, 1), Block(1, 2, 100), finalize=True)
    disk.heal()
    assert store.report() == []
    assert reports == [Replica(Block(1, 1, 100), ReplicaState.DELETED)]


def test_blocks_go_to_the_volume_that_has_room_and_none_is_a_reason():
    disk = MemoryDisk(capacity_bytes=10_000)
    files = MemoryBlockFiles(disk, ("/one",))
    store = ReplicaStore(files, lambda replica: None)
    begin(store, 1, 9_000).finish()
    with pytest.raises(StoreError, match=r"volume /one: .*No space left on device"):
        begin(store, 2, 5_000)
    assert store.local_paths(Block(1, 1))
    reserving = BlockFiles(["/two"], disk, reserved_bytes=5_000)
    assert states(reserving) == [
        ("full", "only the reserve of 5000 bytes is left (reserved_bytes)")
    ]
    assert reserving.load_of_disks().free_bytes == 0
    with pytest.raises(StoreError, match="no volume of this DataNode has room: volume /two: only"):
        ReplicaStore(reserving, lambda replica: None).create(Block(9, 1), 64)
    store.delete([Block(1, 1)])
    ReplicaStore(reserving, lambda replica: None).create(Block(9, 1), 64)
    assert states(reserving) == [("in use", "")]


def test_a_node_starts_on_a_full_disk_and_serves_what_it_has():
    disk = MemoryDisk(capacity_bytes=20_000)
    files = MemoryBlockFiles(disk, ("/one",))
    first = identity.begin(files.volumes, ["/one"])
    begin(ReplicaStore(files, lambda replica: None), 1, 9_000).finish()
    files.close()
    filler = disk.open("/one/other", create=True)
    filler.pwrite(bytes(disk.space("/one").free_bytes), 0)
    again = MemoryBlockFiles(disk, ("/one",))
    second = identity.begin(again.volumes, ["/one"])
    assert (second.node_id, second.incarnation) == (first.node_id, first.incarnation + 1)
    assert len(ReplicaStore(again, lambda replica: None).report()) == 1


def test_a_volume_that_cant_be_read_at_start_is_told_and_the_others_serve(disk, volumes, reports):
    files = BlockFiles(volumes, disk)
    identity.begin(files.volumes, volumes)
    store = ReplicaStore(files, reports.append)
    for number in range(6):
        begin(store, number).finish()
    lost = where(files, 1)
    left = [n for n in range(6) if where(files, n) != lost]
    files.close()
    disk.fail("names", lost, errno.EIO)
    disk.fail("read", f"{lost}/VERSION", errno.EIO)
    again = BlockFiles(volumes, disk)
    identity.begin(again.volumes, volumes)
    store = ReplicaStore(again, reports.append)
    assert sorted(replica.block.id for replica in store.report()) == left
    assert any(state == "failed" and "Input/output" in why for state, why in states(again))
    again.close()


def test_when_no_volume_can_be_read_the_node_says_so(disk, volumes):
    files = BlockFiles(volumes, disk)
    for volume in volumes:
        disk.fail("names", volume, errno.EIO)
    with pytest.raises(ConfigException, match=r"no storage directory can be used .*Input/output"):
        files.load()
    files.close()


def test_a_volume_whose_disk_is_not_mounted_is_missed_and_comes_back(tmp_path):
    paths = [str(tmp_path / "one"), str(tmp_path / "two")]

    def start():
        files = BlockFiles(paths)
        found = identity.begin(files.volumes, paths)
        files.close()
        return found, [v.state for v in files.load_of_disks().volumes], files

    first, _, _ = start()
    (tmp_path / "two").rename(tmp_path / "away")
    (tmp_path / "two").mkdir()
    second, seen, files = start()
    assert (second.node_id, sorted(seen)) == (first.node_id, ["failed", "in use"])
    assert "is its disk mounted?" in files.load_of_disks().failed_volumes[0]
    assert list((tmp_path / "two").iterdir()) == []
    (tmp_path / "two").rmdir()
    (tmp_path / "away").rename(tmp_path / "two")
    assert start()[1] == ["in use", "in use"]


def test_a_disk_that_was_replaced_is_taken_when_somebody_says_so(tmp_path):
    paths = [str(tmp_path / "one"), str(tmp_path / "two")]
    for _ in range(2):
        files = BlockFiles(paths)
        identity.begin(files.volumes, paths)
        files.close()
        assert [v.state for v in files.load_of_disks().volumes] == ["in use", "in use"]
        for path in (tmp_path / "two").iterdir():
            path.rmdir() if path.is_dir() else path.unlink()
        (tmp_path / "two" / layout.NEW_VOLUME_FILE).touch()


def test_an_old_volume_that_comes_back_doesnt_hide_the_newer_replica():
    disk = MemoryDisk()
    for path, generation in (("/old", 1), ("/new", 5)):
        files = MemoryBlockFiles(disk, (path,))
        writing = ReplicaStore(files, lambda _: None).create(Block(7, generation), 64)
        add(writing, 100)
        writing.finish()
        files.close()
    for order in (("/old", "/new"), ("/new", "/old")):
        files = MemoryBlockFiles(disk, order)
        store = ReplicaStore(files, lambda _: None)
        assert store.report() == [Replica(Block(7, 5, 100), ReplicaState.FINALIZED)]
        assert where(files, 7) == "/new"
        files.close()


# --- the disk check --------------------------------------------------------------------------


def test_the_disk_check_finds_a_dead_disk_that_nobody_uses(files, disk, volumes):
    for volume in files.volumes:
        diskcheck.check(volume)
    assert states(files) == [("in use", "")] * 2
    disk.fail("sync", volumes[1], errno.EIO)
    for volume in files.volumes:
        diskcheck.check(volume)
    assert states(files)[1] == ("failed", "checking the disk: Input/output error")
    assert states(files)[0] == ("in use", "")


def test_a_disk_that_isnt_mounted_any_more_is_missed(files, disk, volumes):
    gone = files.volumes[0]
    identity.keep(files.volumes, identity.Identity(1, "dn-1", "cluster", 1))
    disk.unlink(f"{gone.path}/{layout.VERSION_FILE}")
    for volume in files.volumes:
        diskcheck.check(volume)
    assert states(files) == [
        ("failed", "its VERSION file is gone: is its disk still mounted?"),
        ("in use", ""),
    ]
    assert layout.CHECK_FILE not in disk.names(gone.path)


def test_the_disk_check_takes_a_full_disk_for_no_dead_one(files, disk, volumes):
    disk.fail("write", volumes[0], errno.ENOSPC)
    diskcheck.check(files.volumes[0])
    assert states(files) == [("in use", "")] * 2


def test_a_disk_that_hangs_counts_as_dead_and_the_other_goes_on(files, disk):
    release = threading.Event()
    hanging, well = files.volumes

    class Hanging:
        def open(self, path, **how):
            release.wait(60)
            raise OSError(errno.EIO, "released")

    hanging.disk = Hanging()
    looking = DiskCheck(files.volumes, 0.01, 0.05, SYSTEM_CLOCK)
    looking.start()
    try:
        for _ in range(1000):
            if hanging.failure:
                break
            threading.Event().wait(0.01)
        assert "has not answered" in hanging.failure
        assert well.failure is None
    finally:
        looking.stop()
        release.set()


@pytest.mark.parametrize("read", [StoredFiles.run, lambda files, *_: files.frame(0, 100, 1, 0)])
def test_a_sector_that_cant_be_read_costs_the_replica_and_has_the_disk_checked(
    store, files, disk, read
):
    begin(store, 1).finish()
    volume = files._where[1][0]
    reading = store.read(Block(1, 1))
    disk.fail("read", f"{volume.path}/current/blk_1", errno.EIO)
    with pytest.raises(StoreError, match="can't be read: Input/output error"):
        read(reading, 0, 100)
    assert volume.suspected
    assert volume.failure is None
