"""Reducing by a table against reducing what a merge gives; and what goes back to the merge."""

from functools import partial
from operator import itemgetter

import pytest
from harness import Run
from hypothesis import given
from hypothesis import strategies as st

from mapred import Job, Mapper, Min, Reducer, Sum
from mapred.shuffle.columns import rows_of
from mapred.shuffle.folds import Fold
from mapred.task.foldreduce import FoldedGroups, HashedGroups


class Held:
    """A segment in memory."""

    def __init__(self, *frames):
        self._frames = frames

    def frames(self):
        return iter(self._frames)


def hashed(segments, fold=Fold.SUM, bytes_max=1 << 30):
    groups = HashedGroups(segments, fold, floats=True)
    ticks = []
    found = groups.rows(bytes_max, ticks.append)
    if found is None:
        return None
    pairs = [pair for some in found for pair in some.pairs()]
    assert ticks == sorted(ticks)
    assert groups.groups == len(pairs)
    return pairs


pairs = st.tuples(st.sampled_from(["", "a", "ab", "b", "long " * 5]), st.sampled_from([0.1, 1e16]))
frames = st.lists(pairs, min_size=1, max_size=8).map(partial(sorted, key=itemgetter(0)))


def rows(frame):
    return rows_of(*map(list, zip(*frame, strict=True)))


@given(st.lists(frames, min_size=1, max_size=4))
def test_it_gives_what_folding_a_merge_gives(frames):
    batches = [rows(frame) for frame in frames]
    whole = [pair for frame in frames for pair in frame]
    merged = iter([rows(sorted(whole, key=itemgetter(0)))])
    expected = []
    for done in FoldedGroups(merged, Fold.SUM, floats=True):
        expected += done.pairs()
    assert hashed([Held(batch) for batch in batches]) == expected
    assert hashed([Held(*batches)]) == expected


def test_without_rows_there_is_nothing():
    assert hashed([]) == []


@pytest.mark.parametrize(
    "other",
    [
        rows_of([1], [1]),
        rows_of(["a"], ["text"]),
        rows_of(["a\0"], [1]),
        rows_of(["a"], [1 << 63]),
        rows_of(["a" * 65], [1]),
    ],
)
def test_what_isnt_for_a_table_is_left_to_the_merge(other):
    assert hashed([Held(rows_of(["a"], [1])), Held(other)]) is None


def test_too_many_keys_are_left_to_the_merge():
    many = rows_of(list(range(200_000)), [1] * 200_000)
    assert hashed([Held(many)], bytes_max=1 << 22) is None
    assert len(hashed([Held(many)])) == 200_000


class Pairs(Mapper):
    def map(self, offset, line):
        key, value = line.split()
        yield key, eval(value)


class Total(Reducer):
    def reduce(self, key, values):
        yield key, sum(values)


class Sums(Job):
    mapper, reducer = Pairs, Sum


class UsersSums(Job):
    mapper, reducer = Pairs, Total


class Least(Job):
    mapper, reducer = Pairs, Min


LINES = [f"key-{number % 7} {number}" for number in range(100)]


@pytest.mark.parametrize(("job", "fold"), [(Sums, sum), (UsersSums, sum), (Least, min)])
@pytest.mark.parametrize("odd", ["", f"key-3 {1 << 70}", "key-3 0.5"])
def test_jobs_have_pythons_results_with_and_without_it(tmp_path, job, fold, odd):
    lines = [*LINES, odd] if odd else LINES
    run = Run(job, tmp_path, lines, maps=3, reducers=2).all()
    expected = {}
    for key, value in (line.split() for line in lines):
        expected.setdefault(key, []).append(eval(value))
    assert {key: eval(value) for key, value in (line.split("\t") for line in run.lines())} == {
        key: fold(values) for key, values in expected.items()
    }
    assert run.counter("reduce_input_groups") == 7
    for text in run.outputs.values():
        assert text.splitlines() == sorted(text.splitlines())


class Numbers(Mapper):
    def map(self, offset, line):
        yield int(line) * 7919 % 100_003, 1


class HowOften(Job):
    mapper, reducer = Numbers, Sum


@pytest.mark.parametrize("memory_bytes", [0, 1 << 20])
def test_reduces_without_room_for_all_keys_sort_what_maps_left_unsorted(tmp_path, memory_bytes):
    lines = [str(number) for number in range(30_000) for _ in range(2)]
    run = Run(HowOften, tmp_path, lines, memory_bytes=memory_bytes, reducers=2).all()
    keys = sorted(number * 7919 % 100_003 for number in range(30_000))
    assert sorted(run.lines()) == sorted(f"{key}\t2" for key in keys)
    for text in run.outputs.values():
        found = [int(line.partition("\t")[0]) for line in text.splitlines()]
        assert found == sorted(found)
    assert run.counter("reduce_input_records") == run.counter("combine_output_records")
    assert run.counter("reduce_input_groups") == len(keys)
    # With little memory tables are too small; otherwise the maps needn't sort, and nobody does.
    assert bool(list(tmp_path.glob("*/sorted-*"))) == bool(memory_bytes)
