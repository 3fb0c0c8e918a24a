"""The journal, on a real directory and on the twin that forgets what wasn't synced."""

import random

import pytest

from blockstore.checksum import crc32c
from blockstore.errors import ConfigException, JournalCorruptException
from blockstore.model import Permission
from blockstore.namenode import journal, journalreader, syncmark
from blockstore.namenode.disk import MemoryDisk, RealDisk
from blockstore.namenode.entries import DirectoryMade
from blockstore.namenode.journal import Journal, segment_name

ANAS = Permission("ana", "lab", 0o755)


@pytest.fixture(params=["real", "memory"])
def disk(request, tmp_path):
    return RealDisk(str(tmp_path)) if request.param == "real" else MemoryDisk()


def entry(number):
    return DirectoryMade(number, 1, f"name-{number}" * (number % 7 + 1), 1.5, ANAS)


def begin(disk, last=0):
    writing = Journal(disk)
    writing.open(last)
    return writing


def append(writing, count, *, batch=3):
    for number in range(count):
        writing.append(entry(writing.last + 1))
        if number % batch == batch - 1:
            writing.sync()
    writing.sync()


def read(disk, after=0, **options):
    return list(journalreader.read(disk, after, **options))


def expected(first, last):
    return [(number, entry(number)) for number in range(first, last + 1)]


def damage(disk, name, at, with_=b"\xff"):
    data = bytearray(disk.read(name))
    data[at : at + len(with_)] = bytes(a ^ b for a, b in zip(data[at:], with_, strict=False))
    file = disk.create(name)
    file.write(bytes(data))
    file.sync()
    file.close()


def test_what_was_synced_is_read_in_order(disk):
    append(begin(disk), 10)
    assert read(disk) == expected(1, 10)
    assert read(disk, after=7) == expected(8, 10)
    assert read(disk, through=4) == expected(1, 4)


def test_sync_tells_the_last_durable_transaction(disk):
    writing = begin(disk)
    assert writing.sync() == 0
    writing.append(entry(1))
    writing.append(entry(2))
    assert (writing.last, writing.sync(), writing.sync()) == (2, 2, 2)


def test_an_empty_disk_has_no_transactions(disk):
    assert read(disk) == []


def test_segments_follow_each_other(disk):
    writing = begin(disk)
    append(writing, 5)
    assert writing.roll() == 5
    append(writing, 5)
    assert journal.segments(disk) == [1, 6]
    assert read(disk) == expected(1, 10)
    assert read(disk, after=5) == expected(6, 10)


def test_a_roll_makes_what_was_gathered_part_of_the_sealed_segment(disk):
    writing = begin(disk)
    writing.append(entry(1))
    assert writing.roll() == 1
    assert journal.segments(disk) == [1, 2]


def test_a_new_start_continues_in_a_new_segment(disk):
    append(begin(disk), 3)
    append(begin(disk, last=3), 3)
    assert journal.segments(disk) == [1, 4]
    assert read(disk) == expected(1, 6)


def test_purged_segments_are_gone_and_needed_ones_stay(disk):
    writing = begin(disk)
    for _ in range(3):
        append(writing, 5)
        writing.roll()
    writing.purge(through=9)
    assert journal.segments(disk) == [6, 11, 16]
    writing.purge(through=10)
    assert journal.segments(disk) == [11, 16]
    assert read(disk, after=10) == expected(11, 15)


def test_a_reader_before_the_purged_part_is_told_what_is_missing(disk):
    writing = begin(disk)
    append(writing, 5)
    writing.roll()
    writing.purge(through=5)
    with pytest.raises(JournalCorruptException, match="transaction 1: transactions are missing"):
        read(disk)


@pytest.mark.parametrize("cut", [1, 5, 23, 24, 30])
def test_a_torn_end_is_cut_off(disk, cut):
    append(begin(disk), 10, batch=1)
    name = segment_name(1)
    whole = len(disk.read(name))
    disk.truncate(name, whole - cut)
    assert read(disk, repair=True) == expected(1, 9)
    assert read(disk) == expected(1, 9)
    append(begin(disk, last=9), 1)
    assert read(disk) == expected(1, 10)


def test_a_torn_end_is_told_once_and_where_it_is(disk, caplog):
    append(begin(disk), 10)
    damage(disk, segment_name(1), len(disk.read(segment_name(1))) - 1)
    for repair in (False, True, True):
        assert read(disk, repair=repair) == expected(1, 9)
    left, cut = caplog.messages
    assert "transaction 10, from offset" in left
    assert "left out" in left
    assert "are cut off" in cut


def test_what_was_reserved_and_never_written_is_no_torn_end(disk, caplog):
    append(begin(disk), 3)
    data = disk.read(segment_name(1)) + bytes(4096)
    disk.create(segment_name(1)).write(data)
    assert read(disk, repair=True) == expected(1, 3)
    assert caplog.messages == []


def test_a_torn_end_without_repair_is_left_as_it_is(disk):
    append(begin(disk), 3)
    disk.truncate(segment_name(1), len(disk.read(segment_name(1))) - 1)
    before = disk.read(segment_name(1))
    assert read(disk) == expected(1, 2)
    assert disk.read(segment_name(1)) == before


def test_a_batch_that_was_torn_in_its_middle_is_cut_there(disk):
    """Pages of one unsynced write may arrive in any order: no later record knew the hole good."""
    writing = begin(disk)
    append(writing, 5)
    start = len(disk.read(segment_name(1)))
    append(writing, 9, batch=9)
    damage(disk, segment_name(1), start + 30, b"\xff" * 60)
    assert read(disk, repair=True) == expected(1, 5)


def test_reserved_space_at_the_end_is_no_record(disk):
    append(begin(disk), 3)
    data = disk.read(segment_name(1))
    file = disk.create(segment_name(1))
    file.write(data + bytes(10_000))
    file.sync()
    file.close()
    assert read(disk, repair=True) == expected(1, 3)
    assert disk.read(segment_name(1)) == data


def test_a_segment_whose_head_was_torn_counts_as_not_begun(disk):
    append(begin(disk), 3)
    begin(disk, last=3)
    disk.truncate(segment_name(4), 7)
    assert read(disk, repair=True) == expected(1, 3)
    append(begin(disk, last=3), 2)
    assert read(disk) == expected(1, 5)


def test_damage_in_the_middle_says_file_offset_and_transaction(disk):
    append(begin(disk), 10, batch=1)
    ends = record_ends(disk, segment_name(1))
    damage(disk, segment_name(1), ends[3] + 30)
    with pytest.raises(JournalCorruptException) as caught:
        read(disk, repair=True)
    for words in (segment_name(1), f"offset {ends[3]},", "transaction 5:", "admin journal recover"):
        assert words in str(caught.value)
    with pytest.raises(JournalCorruptException):
        read(disk)


@pytest.mark.parametrize(
    "field_at", [0, 4, 8, 16, 24], ids=["length", "crc", "number", "durable", "data"]
)
def test_no_field_of_a_durable_record_may_change(disk, field_at):
    append(begin(disk), 10, batch=1)
    ends = record_ends(disk, segment_name(1))
    damage(disk, segment_name(1), ends[3] + field_at, b"\x01")
    with pytest.raises(JournalCorruptException, match="transaction 5"):
        read(disk)


def test_damage_in_a_sealed_segment_is_never_taken_for_a_torn_end(disk):
    writing = begin(disk)
    append(writing, 3)
    writing.roll()
    disk.truncate(segment_name(1), len(disk.read(segment_name(1))) - 1)
    with pytest.raises(JournalCorruptException, match="segments follow"):
        read(disk)


@pytest.mark.parametrize("lost", ["a bit", "the last sector", "the segment"])
def test_damage_of_the_last_records_is_no_torn_end_once_the_journal_rested(disk, lost):
    writing = begin(disk)
    append(writing, 10)
    writing.mark()
    name = segment_name(1)
    size, ends = len(disk.read(name)), record_ends(disk, name)
    match lost:
        case "a bit":
            damage(disk, name, size - 3, b"\x01")
        case "the last sector":
            disk.truncate(name, ends[7] + 5)
        case "the segment":
            disk.remove(name)
    with pytest.raises(JournalCorruptException, match="synced says that transaction 10 was") as got:
        read(disk, repair=True)
    place = {"a bit": (ends[8], 10), "the last sector": (ends[7], 9), "the segment": (0, 1)}[lost]
    assert (got.value.offset, got.value.transaction) == place


def test_a_mark_in_the_middle_lets_a_torn_end_behind_it_be_cut(disk):
    writing = begin(disk)
    append(writing, 5)
    writing.mark()
    append(writing, 2)
    damage(disk, segment_name(1), len(disk.read(segment_name(1))) - 1)
    assert read(disk, repair=True) == expected(1, 6)


@pytest.mark.parametrize("at", [0, 9, 16, 19])
def test_a_damaged_mark_is_no_witness(disk, at):
    writing = begin(disk)
    append(writing, 3)
    writing.mark()
    assert syncmark.read(disk) == 3
    damage(disk, syncmark.NAME, at)
    assert syncmark.read(disk) == 0
    assert read(disk) == expected(1, 3)


def test_a_mark_costs_nothing_when_there_is_nothing_new(disk):
    writing = begin(disk)
    append(writing, 3)
    writing.mark()
    disk.remove(syncmark.NAME)
    writing.mark()
    assert syncmark.read(disk) == 0


def test_records_of_a_killed_process_are_durable_once_they_were_read():
    """It wrote and was killed before its fsync; the next one builds on what it found."""
    disk = MemoryDisk()
    writing = begin(disk)
    append(writing, 3)
    disk.before_step = CountDown(1)
    for _ in range(20):
        writing.append(entry(writing.last + 1))
    with pytest.raises(KeyboardInterrupt):
        writing.sync()
    disk.before_step = lambda: None
    found = read(disk, repair=True)
    assert len(found) == 23
    append(begin(disk, last=23), 1)
    for seed in range(20):
        assert len(read(disk.crash(random.Random(seed)), repair=True)) == 24


class CountDown:
    """Stops the world at the step after so many."""

    def __init__(self, steps):
        self.steps = steps

    def __call__(self):
        if self.steps == 0:
            raise KeyboardInterrupt
        self.steps -= 1


def test_a_missing_segment_is_noticed(disk):
    writing = begin(disk)
    for _ in range(2):
        append(writing, 3)
        writing.roll()
    disk.remove(segment_name(4))
    with pytest.raises(JournalCorruptException, match=r"journal-0+7, .*transaction 4"):
        read(disk)


def test_a_journal_that_is_too_short_for_a_checkpoint_is_noticed(disk):
    append(begin(disk), 3)
    with pytest.raises(JournalCorruptException, match="before 5"):
        read(disk, through=5)


def record_ends(disk, name):
    """Where records end, found by the format's own words."""
    data, at, ends = disk.read(name), 20, []
    while at < len(data):
        at += 25 + int.from_bytes(data[at : at + 4], "little")
        ends.append(at)
    return ends


@pytest.mark.parametrize("seed", range(200))
def test_after_a_crash_at_any_moment_what_was_synced_is_there_and_nothing_is_wrong(seed):
    """The disk forgets what wasn't synced; then the journal goes on, and crashes again."""
    rng = random.Random(seed)
    disk = MemoryDisk()
    last = 0
    for _ in range(4):
        promised = last
        group_ends = {last}
        steps = rng.randint(0, 40)

        def step():
            nonlocal steps
            if steps == 0:
                raise KeyboardInterrupt
            steps -= 1

        disk.before_step = step
        try:
            writing = begin(disk, last)
            while True:
                for _ in range(rng.randint(0, 5)):
                    size = rng.randint(1, 4)
                    group_ends.add(writing.last + size)
                    writing.append(*(entry(writing.last + 1 + n) for n in range(size)))
                promised = writing.roll() if rng.random() < 0.1 else writing.sync()
                if rng.random() < 0.1:
                    writing.mark()
        except KeyboardInterrupt:
            pass
        disk = disk.crash(rng)
        found = read(disk, repair=True)
        assert found == expected(1, len(found))
        assert len(found) >= promised
        assert len(found) in group_ends, "half of a request's entries are there"
        last = len(found)


def test_an_unfinished_group_at_the_end_is_cut_off_as_a_whole(disk):
    writing = begin(disk)
    writing.append(entry(1))
    writing.append(entry(2), entry(3), entry(4))
    writing.sync()
    name = segment_name(1)
    ends = record_ends(disk, name)
    for cut in (ends[1], ends[2], ends[3] - 1, ends[0] + 3):
        disk.truncate(name, cut)
        assert read(disk) == expected(1, 1)
    assert read(disk, repair=True) == expected(1, 1)
    assert len(disk.read(name)) == ends[0]


def test_an_unfinished_group_before_another_segment_is_damage(disk):
    writing = begin(disk)
    writing.append(entry(1), entry(2))
    writing.roll()
    disk.truncate(segment_name(1), record_ends(disk, segment_name(1))[0])
    with pytest.raises(JournalCorruptException, match="transaction 2"):
        read(disk)


def test_a_journal_of_another_version_is_refused_not_cut_as_torn(disk):
    writing = begin(disk)
    append(writing, 3)
    head = b"BSJRNL01" + (1).to_bytes(8, "little")
    old = head + crc32c(head).to_bytes(4, "little") + disk.read(segment_name(1))[20:]
    disk.remove(segment_name(1))
    file = disk.create(segment_name(1))
    file.write(old)
    file.sync()
    with pytest.raises(ConfigException, match="is in format 1, this version of mapred reads"):
        list(journalreader.read(disk, 0, repair=True))
    assert disk.read(segment_name(1)) == old
