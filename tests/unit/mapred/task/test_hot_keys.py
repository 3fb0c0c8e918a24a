"""A key that has most of a reduce's records is named, whoever reduces: Python or columns."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapred import BatchReducer, Job, Mapper, Reducer, Sum
from mapred.model import HOT_GROUP
from mapred.shuffle.columns import rows_of
from mapred.shuffle.hottest import Commonest
from tests.unit.mapred.task.harness import Run

# More than a reduce's table of keys has room for.
KEYS = 40_000


class Words(Mapper):
    def map(self, offset, line):
        yield line, len(line)


class Longest(Reducer):
    def reduce(self, word, lengths):
        yield word, max(length for length in lengths)


class Total(Reducer):
    def reduce(self, word, lengths):
        yield word, sum(lengths)


class Same(Reducer):
    def reduce(self, word, lengths):
        for length in lengths:
            yield word, length


class Firsts(BatchReducer):
    def reduce_batch(self, keys, values, groups):
        yield keys, values.take(groups[:-1])


class InPython(Job):
    mapper, reducer = Words, Longest


class Hashed(Job):
    mapper, reducer = Words, Total


class Passed(Job):
    mapper, reducer = Words, Same


class InBatches(Job):
    mapper, reducer = Words, Firsts


class Split(Job):
    mapper, reducer = Words, Sum


def hot(job, folder, lines, **more):
    counters = Run(job, folder, lines, **more).all().counters
    return {name: value for (group, name), value in counters.items() if group == HOT_GROUP}


@pytest.mark.parametrize("job", [InPython, Hashed, Passed, InBatches])
def test_it_is_named_with_its_records(job, tmp_path):
    lines = ["hot"] * 1_500 + [f"cold {at % 300}" for at in range(600)]
    assert hot(job, tmp_path, lines) == {"'hot'": 1_500}


def test_it_is_named_also_where_a_table_has_no_room_for_all_keys(tmp_path):
    lines = ["hot"] * 2 * KEYS + [f"cold {at}" for at in range(KEYS)]
    [(key, records)] = hot(Hashed, tmp_path, lines, memory_bytes=1).items()
    assert key == "'hot'"
    assert records > 1.9 * KEYS


@pytest.mark.parametrize("job", [InPython, Hashed, Passed, InBatches])
def test_none_is_named_among_few_records_nor_one_with_less_than_half(job, tmp_path):
    (tmp_path / "few").mkdir()
    (tmp_path / "half").mkdir()
    assert hot(job, tmp_path / "few", ["hot"] * 900) == {}
    lines = ["hot"] * 1_500 + [f"cold {at}" for at in range(1_600)]
    assert hot(job, tmp_path / "half", lines, reducers=1) == {}


def test_a_builtin_splits_it(tmp_path):
    assert hot(Split, tmp_path, ["hot"] * 3_000 + ["cold"]) == {}


def test_of_a_secondary_sort_the_beginning_is_named(tmp_path):
    class ByUser(Mapper):
        def map(self, offset, line):
            user, time = line.split()
            yield (user, int(time)), None

    class Times(Reducer):
        def reduce(self, user, values):
            yield user, sum(1 for _ in values)

    class Sorted(Job):
        mapper, reducer, group_by = ByUser, Times, 1

    lines = [f"ana {at}" for at in range(40_000)] + [f"user{at} 1" for at in range(900)]
    assert hot(Sorted, tmp_path, lines) == {"'ana'": 40_000}


KEY_LISTS = st.lists(st.integers(0, 4) | st.just(math.nan), min_size=1, max_size=300)


@given(KEY_LISTS, st.integers(0, 4) | st.just(math.nan), st.integers(1, 400), st.integers(20, 90))
def test_what_columns_miss_of_a_key_in_order_is_a_part_of_a_batch(keys, key, more, batch):
    floats = sorted((float(one) for one in [*keys, *[key] * (len(keys) + more)]), key=_nan_last)
    commonest = Commonest()
    for at in range(0, len(floats), batch):
        part = floats[at : at + batch]
        commonest.see(rows_of(part, part))
    true = sum(one == key or (one != one and key != key) for one in floats)
    assert commonest.key == key or (commonest.key != commonest.key and key != key)
    assert true - batch / 2 <= commonest.records <= true


def _nan_last(key):
    return key != key, key
