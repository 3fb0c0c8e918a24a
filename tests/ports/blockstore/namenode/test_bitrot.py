"""One flipped bit anywhere in journal or images: everything is there, or the start is refused with
the place. Nothing that was acknowledged is ever missing silently."""

import random
import re

import pytest

from blockstore.errors import StoreError
from blockstore.namenode import image, journal, recovery
from blockstore.namenode.config import NameNodeConfig
from blockstore.namenode.core import NameNode
from blockstore.namenode.disk import MemoryDisk

PATHS = {"/a", "/a/b", "/c", "/c/d", "/e", "/f", "/g", "/g/h"}


def written():
    """An image, a sealed segment after it, and a last one that rested."""
    disk = MemoryDisk()
    state, writing = recovery.recover(disk, wall=1.0)
    core = NameNode(NameNodeConfig(), random.Random(0), state, now=0.0)

    def do(ready):
        writing.append(*ready.entries)
        writing.sync()

    do(core.start())
    for place, path in enumerate(("/a/b", "/c/d", "/e", "/f", "/g/h")):
        do(core.mkdirs(path, wall=1.0))
        if place in (1, 2):
            through = writing.roll()
            if place == 1:
                recovery.checkpoint(disk, through, unique=1)
    writing.mark()
    return disk


def content():
    disk = written()
    return {name: disk.read(name) for name in disk.names()}


FILES = content()
SEGMENTS = [name for name in FILES if name.startswith(journal.PREFIX)]
IMAGE = next(name for name in FILES if name.startswith(image.PREFIX))


def disk_of(files):
    disk = MemoryDisk()
    for name, data in files.items():
        file = disk.create(name)
        file.write(data)
        file.sync()
    disk.sync_names()
    return disk


def paths(disk):
    names = recovery.recover(disk, wall=2.0)[0].names
    return {names.path_of(inode) for inode in names.inodes.values()} - {"/"}


def test_undamaged_all_is_there():
    assert len(SEGMENTS) == 3
    assert paths(disk_of(FILES)) == PATHS


@pytest.mark.parametrize("name", SEGMENTS[1:], ids=["sealed", "last"])
def test_a_flipped_bit_in_the_journal_is_refused_with_file_and_transaction(name):
    first = int(name[len(journal.PREFIX) :])
    for at in range(len(FILES[name])):
        disk = disk_of(FILES)
        disk.flip_bit(name, at * 8 + at % 8)
        with pytest.raises(StoreError) as caught:
            paths(disk)
        said = re.search(rf"{name}, offset (\d+), transaction (\d+)", str(caught.value))
        assert said, (at, caught.value)
        assert int(said[1]) <= at
        assert int(said[2]) >= first
        assert "mapred admin journal recover" in str(caught.value)


def test_a_flipped_bit_before_the_image_hurts_nobody():
    for at in range(len(FILES[SEGMENTS[0]])):
        disk = disk_of(FILES)
        disk.flip_bit(SEGMENTS[0], at * 8)
        assert paths(disk) == PATHS


def test_a_flipped_bit_in_the_image_is_made_up_for_by_the_journal():
    for at in range(len(FILES[IMAGE])):
        disk = disk_of(FILES)
        disk.flip_bit(IMAGE, at * 8 + at % 8)
        assert paths(disk) == PATHS


@pytest.mark.parametrize("name", SEGMENTS[1:], ids=["sealed", "last"])
def test_a_journal_that_lost_its_end_is_refused(name):
    for length in range(len(FILES[name])):
        disk = disk_of(FILES | {name: FILES[name][:length]})
        with pytest.raises(StoreError, match="transaction"):
            paths(disk)


@pytest.mark.parametrize("name", SEGMENTS[1:], ids=["sealed", "last"])
def test_a_journal_that_lost_a_segment_is_refused(name):
    with pytest.raises(StoreError, match="transaction"):
        paths(disk_of({other: data for other, data in FILES.items() if other != name}))


def test_segments_under_each_others_names_are_refused():
    one, two = SEGMENTS[1:]
    with pytest.raises(StoreError, match="transaction"):
        paths(disk_of(FILES | {one: FILES[two], two: FILES[one]}))
