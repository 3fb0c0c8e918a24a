"""Several disks: which one a block gets, and what happens when one fails."""

import pytest

from blockstore import checksum
from blockstore.datanode import identity
from blockstore.datanode.blockfiles import BlockFiles, MemoryBlockFiles
from blockstore.datanode.layout import LAYOUT_VERSION
from blockstore.datanode.memorydisk import MemoryDisk
from blockstore.datanode.store import ReplicaStore
from blockstore.datanode.volume import VolumeFailure
from blockstore.errors import ConfigException, StoreError
from blockstore.model import Block, Replica, ReplicaState

VOLUMES = ("/one", "/two")


def write(store: ReplicaStore, block_id: int, length: int = 100):
    writing = store.create(Block(block_id, 1), 64)
    data = b"x" * length
    writing.write(0, checksum.checksums(data, 64), data)
    return writing


@pytest.fixture
def disk():
    return MemoryDisk()


@pytest.fixture
def reports():
    return []


@pytest.fixture
def store(disk, reports):
    return ReplicaStore(MemoryBlockFiles(disk, VOLUMES), reports.append)


def where(store: ReplicaStore, block_id: int) -> str:
    path = store.local_paths(Block(block_id, 1)).data_path
    return next(volume for volume in VOLUMES if path.startswith(volume))


def test_a_failed_volume_costs_its_replicas_and_not_the_node(store, disk, reports):
    write(store, 1).finish()
    volume = where(store, 1)
    reports.clear()
    disk.broken.add(volume)
    store.delete([Block(1, 1)])
    with pytest.raises(VolumeFailure):
        store.read(Block(1, 1))
    store.drop_failed_volumes()
    assert reports == [Replica(Block(1, 1, 100), ReplicaState.DELETED)]
    for block_id in range(2, 6):
        write(store, block_id).finish()
        assert where(store, block_id) != volume


def test_a_disk_that_cant_sync_fails_and_the_write_is_not_acknowledged(store, disk, reports):
    writing = write(store, 1)
    disk.read_only.update(VOLUMES)
    with pytest.raises(VolumeFailure):
        writing.finish()
    assert reports == []
    store.drop_failed_volumes()
    assert store.report() == []
    with pytest.raises(StoreError, match="no volume"):
        write(store, 2)


def test_a_volume_that_cannot_be_opened_is_reported(disk, tmp_path):
    disk.broken.add("/two")
    files = MemoryBlockFiles(disk, VOLUMES)
    files.load()
    (failed,) = files.load_of_disks().failed_volumes
    assert failed.startswith("/two: ")


def test_no_volume_at_all_is_refused(disk):
    disk.broken.update(VOLUMES)
    with pytest.raises(ConfigException, match="no storage directory"):
        MemoryBlockFiles(disk, VOLUMES)


# --- who the node is -----------------------------------------------------------------------


def start(directories) -> tuple[BlockFiles, identity.Identity]:
    files = BlockFiles([str(path) for path in directories])
    try:
        return files, identity.begin(files.volumes)
    finally:
        files.close()


def test_the_node_stays_who_it_is_and_every_start_is_a_new_incarnation(tmp_path):
    _, first = start([tmp_path / "a"])
    _, second = start([tmp_path / "a"])
    assert second == identity.Identity(LAYOUT_VERSION, first.node_id, "", 2)
    assert first.incarnation == 1


def test_a_new_directory_joins_the_others(tmp_path):
    _, first = start([tmp_path / "a"])
    start([tmp_path / "a", tmp_path / "b"])
    _, again = start([tmp_path / "b"])
    assert again.node_id == first.node_id


def test_directories_of_two_nodes_are_refused(tmp_path):
    start([tmp_path / "a"])
    start([tmp_path / "b"])
    with pytest.raises(ConfigException, match="belong to different nodes"):
        start([tmp_path / "a", tmp_path / "b"])


def test_a_node_belongs_to_its_cluster(tmp_path):
    files, own = start([tmp_path / "a"])
    joined = identity.join(files.volumes, own, "cluster-1")
    assert joined.cluster_id == "cluster-1"
    with pytest.raises(ConfigException, match="belong to cluster cluster-1"):
        identity.join(files.volumes, joined, "cluster-2")
    assert start([tmp_path / "a"])[1].cluster_id == "cluster-1"


def test_a_damaged_identity_is_refused(tmp_path):
    start([tmp_path / "a"])
    (tmp_path / "a" / "VERSION").write_text("{")
    with pytest.raises(ConfigException, match="damaged"):
        start([tmp_path / "a"])
