"""The combiner's table against a plain dict, for any stream of pairs and any budget."""

from collections import defaultdict
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mapred.shuffle.budget import Budget
from mapred.shuffle.frames import FileSegment
from mapred.shuffle.groups import Groups
from mapred.shuffle.merge import merged
from mapred.shuffle.segments import read_range
from mapred.shuffle.sorter import Sorter
from mapred.task.combine import CombiningTable

keys = st.one_of(
    st.text("ab", max_size=2),
    st.sampled_from([b"a", 1, 2, 1.0, 2.5, True, False, None, (1, "a"), (True, "a")]),
)
streams = st.one_of(
    st.lists(st.tuples(st.text("abc", max_size=2), st.just(1)), max_size=80),
    st.lists(st.tuples(keys, st.integers(0, 5)), max_size=80),
    # Counting that meets another value only later.
    st.tuples(
        st.lists(st.tuples(st.text("ab", max_size=2), st.just(1)), max_size=40),
        st.lists(st.tuples(keys, st.integers(0, 5)), max_size=40),
    ).map(lambda parts: parts[0] + parts[1]),
)


def shuffled(pairs, folder: Path, combine, table_bytes, rows):
    sorter = Sorter(
        partitions=1,
        partition=lambda keys, kind, column: np.zeros(len(keys), np.uint32),
        budget=Budget.of(0),
        folder=folder,
    )
    table = CombiningTable(combine, sorter, table_bytes)
    for start in range(0, len(pairs), rows):
        table.add(pairs[start : start + rows], 100 * rows)
    table.finish()
    path, _ = sorter.finish()
    where = read_range(path, 0)
    segments = [FileSegment(path, where.start, where.length)] if where.length else []
    groups = {
        (type(key).__name__ if isinstance(key, bool | tuple) else "", repr(key)): list(values)
        for key, values in Groups(merged(segments, Budget.of(0), folder))
    }
    return groups, table


def name_of(key):
    """Keys that are one in the order of keys have one name: 1 and 1.0, but not True."""
    if isinstance(key, float) and key == int(key):
        key = int(key)
    return (type(key).__name__ if isinstance(key, bool | tuple) else "", repr(key))


def total(key, values):
    yield key, sum(values)


@settings(max_examples=200, deadline=None)
@given(streams, st.sampled_from([1, 2000, 10**9]), st.integers(1, 30))
def test_sums_are_those_of_a_dict(tmp_path_factory, pairs, table_bytes, rows):
    expected = defaultdict(int)
    for key, value in pairs:
        expected[name_of(key)] += value
    groups, table = shuffled(pairs, tmp_path_factory.mktemp("c"), total, table_bytes, rows)
    sums = defaultdict(int)
    for (kind, text), values in groups.items():
        sums[(kind, text.removesuffix(".0"))] += sum(values)
    assert sums == expected
    assert table.records_in >= len(pairs)


def test_values_reach_the_combiner_in_their_order(tmp_path):
    seen = []

    def note(key, values):
        seen.append((key, list(values)))
        yield key, 0

    pairs = [("a", 1), ("a", 1), ("a", 1), ("b", 1), ("a", 2), ("a", 3), ("b", 4)]
    shuffled(pairs, tmp_path, note, 10**9, 2)
    assert seen == [("a", [1, 1, 1, 2, 3]), ("b", [1, 4])]


def test_equal_values_of_one_kind_are_only_counted(tmp_path):
    pairs = [(f"k{number % 10}", 1) for number in range(100_000)]
    groups, table = shuffled(pairs, tmp_path, total, 10**9, 1000)
    assert groups == {("", repr(f"k{number}")): [10_000] for number in range(10)}
    assert (table.records_in, table.records_out) == (100_000, 10)


def test_a_combiner_may_drop_and_multiply(tmp_path):
    def odd(key, values):
        if key != "b":
            yield key, len(list(values))
            yield key, -1

    pairs = [("a", 5), ("a", 6), ("b", 7), ("b", 8), ("c", 9)]
    groups, _ = shuffled(pairs, tmp_path, odd, 10**9, 10)
    assert groups == {("", "'a'"): [2, -1], ("", "'c'"): [9]}
    assert shuffled(pairs, tmp_path, lambda key, values: None, 10**9, 10)[0] == {("", "'c'"): [9]}
