import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from orders import Documented, key_lists

from mapred.shuffle import bytestrings, ordering
from mapred.shuffle.columns import key_column
from mapred.shuffle.ordering import group_starts, rows_below, rows_up_to, sort_order


@settings(max_examples=300, deadline=None)
@given(key_lists)
def test_sorting_is_pythons_stable_sort_by_the_documented_order(items):
    _, column, _ = key_column(items)
    expected = sorted(range(len(items)), key=lambda row: Documented(items[row]))
    assert sort_order(column).tolist() == expected


@settings(max_examples=300, deadline=None)
@given(key_lists, st.randoms(use_true_random=False))
def test_groups_sort_before_keys(items, rng):
    groups = [rng.randrange(4) for _ in items]
    _, column, _ = key_column(items)
    expected = sorted(range(len(items)), key=lambda row: (groups[row], Documented(items[row])))
    assert sort_order(column, np.array(groups, np.uint32)).tolist() == expected


@settings(max_examples=150, deadline=None)
@given(key_lists)
def test_places_in_a_sorted_column_are_found_as_by_counting(items):
    _, column, _ = key_column(items)
    column = column.take(pa.array(sort_order(column)))
    ranked = sorted((Documented(key) for key in items), key=lambda one: one)
    starts = [row for row in range(len(ranked)) if row == 0 or ranked[row] != ranked[row - 1]]
    assert group_starts(column).tolist() == starts
    for row in range(len(ranked)):
        bound = column[row].as_py()
        assert rows_below(column, bound) == sum(one < ranked[row] for one in ranked)
        assert rows_up_to(column, bound) == sum(not ranked[row] < one for one in ranked)


def test_long_equal_beginnings_are_told_apart():
    beginning = "https://example.org/a/rather/long/path/that/many/keys/share/" * 4
    items = [beginning + tail for tail in ("b", "a", "", "ab", "a", "aa" * 50, "a\0")]
    _, column, _ = key_column(items)
    assert sort_order(column).tolist() == sorted(range(len(items)), key=lambda row: items[row])


@pytest.mark.parametrize("length", [9, 20])
@pytest.mark.parametrize("different", [1, 3, 40])
def test_ties_are_broken_piece_by_piece_whole_ones_in_each(monkeypatch, length, different):
    monkeypatch.setattr(ordering, "_PIECE_ROWS", 4)
    monkeypatch.setattr(bytestrings, "_PIECE_ROWS", 4)
    rng = random.Random(different)
    words = [f"{rng.randrange(different):08}" for _ in range(100)]
    items = [word + "x" * rng.randrange(length - 8) + rng.choice("abc") for word in words]
    groups = [rng.randrange(2) for _ in items]
    rows = range(len(items))
    _, column, _ = key_column(items)
    assert sort_order(column).tolist() == sorted(rows, key=items.__getitem__)
    expected = sorted(rows, key=lambda row: (groups[row], items[row]))
    assert sort_order(column, np.array(groups, np.uint32)).tolist() == expected


def test_a_sliced_column_sorts_by_its_own_rows():
    column = pa.array(["zz", "b", "a", "c", "aa"]).slice(1, 3)
    assert sort_order(column).tolist() == [1, 0, 2]


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["", "u", "user-", "\0\0", "a" * 8, "b" * 9, "c" * 127, "d" * 130]),
    st.lists(st.text("\0a", max_size=10), min_size=1, max_size=30),
)
def test_what_all_strings_begin_with_changes_nothing(beginning, tails):
    items = [beginning + tail for tail in tails]
    _, column, _ = key_column(items)
    assert sort_order(column).tolist() == sorted(range(len(items)), key=lambda row: items[row])
