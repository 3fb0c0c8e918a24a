"""Indexes are read once a process, as long as they are what they were and have room."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapred.errors import FetchError
from mapred.shuffle.indexes import Indexes
from mapred.shuffle.segments import SegmentRange, index_path, write_index

MAPS, REDUCES = 20, 30
AMPLE = 1 << 20


def ranges_of(lengths, start=0):
    found = []
    for length in lengths:
        found.append(SegmentRange(start, length, length))
        start += length
    return found


def published(folder, lengths, start=0):
    folder.mkdir(exist_ok=True)
    write_index(folder / "map.data", ranges_of(lengths, start))
    return folder / "map.data"


def test_so_many_indexes_are_read_as_there_are_maps_whatever_the_number_of_reduces(tmp_path):
    indexes = Indexes(AMPLE)
    maps = [published(tmp_path / str(at), [at] * REDUCES) for at in range(MAPS)]
    for partition in range(REDUCES):
        for at, path in enumerate(maps):
            assert indexes.segment(path, partition) == (at * partition, at)
    assert indexes.reads == MAPS
    assert 0 < indexes.bytes < AMPLE


@given(
    st.lists(st.sampled_from([0, 1, 255, 256, 65_535, 65_536, 1 << 32, 1 << 40]), min_size=1),
    st.integers(0, 1000),
)
def test_what_is_kept_says_what_the_index_says(tmp_path_factory, lengths, start):
    path = published(tmp_path_factory.mktemp("map"), lengths, start)
    indexes = Indexes(AMPLE)
    expected = [(one.start, one.length) for one in ranges_of(lengths, start)]
    for _ in range(2):
        assert [indexes.segment(path, at) for at in range(len(lengths))] == expected
    assert indexes.reads == 1


def test_segments_that_do_not_lie_one_after_the_other_are_found_too(tmp_path):
    ranges = [SegmentRange(50, 10, 1), SegmentRange(0, 20, 2)]
    write_index(tmp_path / "map.data", ranges)
    indexes = Indexes(AMPLE)
    assert [indexes.segment(tmp_path / "map.data", at) for at in (1, 0)] == [(0, 20), (50, 10)]


def test_the_least_recently_used_go_first(tmp_path):
    one, two, three = (published(tmp_path / str(at), [7] * 100) for at in range(3))
    indexes = Indexes(AMPLE)
    indexes.segment(one, 0)
    indexes.within(2 * indexes.bytes)
    for path, reads in [(two, 2), (one, 2), (three, 3), (one, 3), (two, 4)]:
        indexes.segment(path, 0)
        assert indexes.reads == reads
    indexes.within(0)
    assert indexes.bytes == 0
    assert indexes.segment(one, 3) == (21, 7)


def test_another_index_under_the_same_path_is_read(tmp_path):
    indexes = Indexes(AMPLE)
    assert indexes.segment(published(tmp_path, [10, 20]), 1) == (10, 20)
    assert indexes.segment(published(tmp_path, [20, 10]), 1) == (20, 10)


def test_what_was_kept_of_an_index_that_is_gone_or_damaged_is_not_taken(tmp_path):
    indexes = Indexes(AMPLE)
    path = published(tmp_path, [10, 20])
    indexes.segment(path, 1)
    damaged = bytearray(index_path(path).read_bytes())
    damaged[-1] ^= 1
    index_path(path).unlink()
    with pytest.raises(FetchError, match=r"map\.data\.index can't be read: No such file"):
        indexes.segment(path, 1)
    index_path(path).write_bytes(damaged)
    with pytest.raises(FetchError, match=r"map\.data\.index is damaged"):
        indexes.segment(path, 1)


@pytest.mark.parametrize("partition", [-1, 2])
def test_a_partition_that_is_not_there_is_refused_also_by_what_is_kept(tmp_path, partition):
    indexes = Indexes(AMPLE)
    path = published(tmp_path, [10, 20])
    for _ in range(2):
        with pytest.raises(FetchError, match=f"has 2 partitions, and no number {partition}"):
            indexes.segment(path, partition)
