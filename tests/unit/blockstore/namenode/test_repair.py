"""What a repair of a damaged journal says, does, keeps and never does."""

import random

import pytest

from blockstore.errors import JournalCorruptException
from blockstore.namenode import image, journal, recovery, repair, syncmark
from blockstore.namenode.config import NameNodeConfig
from blockstore.namenode.core import NameNode
from blockstore.namenode.disk import MemoryDisk


class Server:
    """A core over a journal, without network."""

    def __init__(self, disk):
        self.disk = disk
        self.state, self.journal = recovery.recover(disk, wall=1.0)
        self.core = NameNode(NameNodeConfig(), random.Random(0), self.state, now=0.0)
        self.do(self.core.start())

    def do(self, ready):
        for entry in ready.entries:
            self.journal.append(entry)
        self.journal.sync()

    def mkdirs(self, *paths):
        for path in paths:
            self.do(self.core.mkdirs(path, wall=1.0))

    def checkpoint(self):
        recovery.checkpoint(self.disk, self.journal.roll(), unique=1)


@pytest.fixture
def disk():
    """Transactions 1-2 begin the namespace, 3-5 make /a /b /c, then 6-8 /d /e /f."""
    disk = MemoryDisk()
    server = Server(disk)
    server.mkdirs("/a", "/b", "/c")
    server.journal.roll()
    server.mkdirs("/d", "/e", "/f")
    server.journal.mark()
    return disk


def names_of(disk):
    state = recovery.recover(disk, wall=2.0)[0]
    return sorted(inode.name for inode in state.names.inodes.values() if inode.name)


def content(disk):
    return {name: disk.read(name) for name in disk.names()}


def offset_of(disk, first, transaction):
    """Where a record starts, by the format's own words."""
    data, at = disk.read(journal.segment_name(first)), 20
    while int.from_bytes(data[at + 8 : at + 16], "little") != transaction:
        at += 25 + int.from_bytes(data[at : at + 4], "little")
    return at


def flip(first, transaction):
    def damage(disk):
        at = offset_of(disk, first, transaction)
        disk.flip_bit(journal.segment_name(first), (at + 30) * 8)

    return damage


def flip_head(disk):
    disk.flip_bit(journal.segment_name(6), 40)


def cut_end(disk):
    disk.truncate(journal.segment_name(6), offset_of(disk, 6, 8))


def test_an_undamaged_journal_needs_nothing(disk):
    before = content(disk)
    found = repair.survey(disk)
    assert (found.damage, found.last, found.lost, found.inodes) == (None, 8, 0, 7)
    assert repair.repair(disk, found) == []
    assert content(disk) == before


@pytest.mark.parametrize(
    ("damage", "at", "last", "dropped", "left"),
    [
        (flip(1, 4), 4, 3, [5, 6, 7, 8], ["a"]),
        (flip(6, 6), 6, 5, [7, 8], ["a", "b", "c"]),
        (flip(6, 8), 8, 7, [], ["a", "b", "c", "d", "e"]),
        (flip_head, 6, 5, [6, 7, 8], ["a", "b", "c"]),
        (cut_end, 8, 7, [], ["a", "b", "c", "d", "e"]),
    ],
    ids=["middle", "first of a segment", "last", "head of a segment", "lost end"],
)
def test_what_remains_is_everything_before_the_damage(disk, damage, at, last, dropped, left):
    damage(disk)
    before = content(disk)
    with pytest.raises(JournalCorruptException, match=f"transaction {at}: "):
        recovery.recover(disk, wall=2.0)

    found = repair.survey(disk)

    assert (found.damage.transaction, found.last, found.highest) == (at, last, 8)
    assert [transaction for transaction, _ in found.dropped] == dropped
    assert content(disk) == before

    kept = repair.repair(disk, found)

    assert names_of(disk) == left
    for name in kept:
        assert disk.read(name) == before[name.removeprefix(f"{repair.ASIDE}1-")]
    changed = {name for name in before if before[name] != content(disk).get(name)}
    assert changed <= {name.removeprefix(f"{repair.ASIDE}1-") for name in kept} | {"synced"}


def test_a_repair_that_is_interrupted_anywhere_can_be_run_again(disk):
    flip(1, 4)(disk)
    files = content(disk)
    for steps in range(100):
        torn = MemoryDisk()
        for name, data in files.items():
            file = torn.create(name)
            file.write(data)
            file.sync()
        torn.sync_names()
        left = [steps]

        def step(left=left):
            if left[0] == 0:
                raise KeyboardInterrupt
            left[0] -= 1

        torn.before_step = step
        try:
            repair.repair(torn, repair.survey(torn))
            break
        except KeyboardInterrupt:
            after = torn.crash(random.Random(steps))
        repair.repair(after, repair.survey(after))
        assert names_of(after) == ["a"]
    assert 5 < steps < 99


def test_an_image_makes_up_for_a_damaged_segment_before_it(disk):
    server = Server(disk)
    server.checkpoint()
    flip(1, 4)(disk)
    assert repair.survey(disk).damage is None


def test_damaged_images_are_moved_aside_with_the_journal(disk):
    server = Server(disk)
    server.checkpoint()
    disk.flip_bit(image.image_name(9), 300)
    flip(6, 8)(disk)
    found = repair.survey(disk)
    assert found.aside == (journal.segment_name(9), journal.segment_name(10), image.image_name(9))
    repair.repair(disk, found)
    assert image.images(disk) == []
    assert names_of(disk) == ["a", "b", "c", "d", "e"]


def test_without_any_beginning_there_is_nothing_to_recover(disk):
    server = Server(disk)
    server.checkpoint()
    disk.flip_bit(image.image_name(9), 300)
    disk.remove(journal.segment_name(1))
    with pytest.raises(JournalCorruptException, match="no checkpoint image can be read"):
        repair.survey(disk)


def test_a_segment_that_is_missing_at_the_beginning_loses_all_behind_it(disk):
    disk.remove(journal.segment_name(1))
    found = repair.survey(disk)
    assert (found.last, found.highest, found.aside) == (0, 8, (journal.segment_name(6),))


def test_the_mark_follows_the_repair(disk):
    flip(6, 8)(disk)
    repair.repair(disk, repair.survey(disk))
    assert syncmark.read(disk) == 7
