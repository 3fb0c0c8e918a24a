import hashlib

import pytest

from blockstore.errors import ConfigException, JournalCorruptException
from blockstore.namenode import image
from blockstore.namenode.disk import MemoryDisk
from blockstore.namenode.openings import Opening
from blockstore.namenode.state import State


@pytest.fixture
def lively(cluster):
    """A namespace with something of everything in it."""
    cluster.add_nodes("xyz")
    cluster.write("/a/b/f", 1000, 10, replication=2)
    cluster.write("/a/empty")
    cluster.mkdirs("/late")
    # Now a child has a lower id than its parent.
    cluster.rename("/a/b", "/late/b", request_id="r1")
    cluster.add_block(cluster.create("/open", request_id="r2"))
    cluster.create("/lost")
    cluster.delete("/a/empty", request_id="r3")
    cluster.take(cluster.core.set_replication("/late/b/f", 3))
    cluster.recover_lease("/open")
    cluster.take(
        cluster.core.attributes.set_owner("/late", owner="ana", group="lab", request_id="r4")
    )
    cluster.take(cluster.core.attributes.set_mode("/late/b/f", 0o600))
    cluster.take(
        cluster.core.attributes.set_times("/late/b/f", modified_at_s=5.0, accessed_at_s=6.0)
    )
    return cluster


def test_a_state_comes_back_as_it_was(lively, image_of):
    disk = MemoryDisk()
    image.write(disk, lively.state, unique=1)
    again = image.newest(disk)
    assert image_of(again) == image_of(lively.state)
    assert set(again.open_files) == set(lively.state.open_files)
    assert set(again.blocks) == set(lively.state.blocks)
    assert again.committed_blocks == lively.state.committed_blocks
    assert list(again.requests) == ["r1", "r2", "r3", "r4"]
    assert again.names.get("/late/b").permission is again.names.get("/a").permission
    assert again.names.get("/late/b/f").length == 1010


def test_a_state_from_an_image_lives_on_as_the_other_does(lively, image_of):
    disk = MemoryDisk()
    image.write(disk, lively.state, unique=1)
    again, before = image.newest(disk), len(lively.entries)
    lively.write("/more", 5)
    lively.delete("/late", recursive=True)
    for entry in lively.entries[before:]:
        again.apply(entry)
    assert image_of(again) == image_of(lively.state)


def test_an_empty_disk_gives_an_empty_state(image_of):
    assert image_of(image.newest(MemoryDisk())) == image_of(State())


def test_every_flipped_bit_is_noticed(lively):
    disk = MemoryDisk()
    image.write(disk, lively.state, unique=1)
    (name,) = disk.names()
    for at in range(0, len(disk.read(name)) * 8, 97):
        disk.flip_bit(name, at)
        with pytest.raises(JournalCorruptException):
            image.newest(disk)
        disk.flip_bit(name, at)
    image.newest(disk)


def test_a_damaged_image_is_passed_over_for_the_one_before_it(lively):
    disk = MemoryDisk()
    image.write(disk, lively.state, unique=1)
    first = lively.state.transaction
    lively.mkdirs("/x")
    image.write(disk, lively.state, unique=1)
    disk.flip_bit(image.image_name(first + 1), 500)
    assert image.newest(disk).transaction == first


def test_a_half_written_image_has_no_name_and_is_removed(lively):
    disk = MemoryDisk()

    def stop():
        if any(image.PART in name for name in disk.names()):
            raise KeyboardInterrupt

    disk.before_step = stop
    with pytest.raises(KeyboardInterrupt):
        image.write(disk, lively.state, unique=7)
    disk.before_step = lambda: None
    assert image.images(disk) == []
    assert disk.names() != []
    image.remove_parts(disk)
    assert disk.names() == []


def test_an_image_of_another_version_is_refused_by_name_not_as_damaged(lively):
    disk = MemoryDisk()
    image.write(disk, lively.state, unique=1)
    name = image.image_name(lively.state.transaction)
    old = b"BSIMAGE1" + disk.read(name)[len(image.MAGIC) : -32]
    file = disk.create(name)
    file.write(old + hashlib.sha256(old).digest())
    with pytest.raises(ConfigException, match="is in format 1, this version of mapred reads"):
        image.newest(disk)


def test_why_a_file_is_open_comes_back(cluster, image_of):
    cluster.add_nodes("xyz")
    for path in ("/cut", "/added-to"):
        cluster.write(path, 1000, 500)
    changes, now, wall = cluster.core.changes, cluster.now, cluster.wall
    cluster.take(changes.truncate("/cut", 1200, now=now, wall=wall))
    cluster.try_(lambda: changes.append("/added-to", client_id="ana/2", now=now, wall=wall))
    disk = MemoryDisk()
    image.write(disk, cluster.state, unique=1)
    again = image.newest(disk)
    assert image_of(again) == image_of(cluster.state)
    assert again.openings == cluster.state.openings
    openings = sorted(again.openings.values(), key=lambda opening: opening.is_cut)
    assert openings == [Opening(wall, 1), Opening(wall, 1, is_cut=True)]
