"""Folds in tables that are kept against the same folds in Python."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapred.shuffle.columns import INT, STR, rows_of
from mapred.shuffle.folding import foldable
from mapred.shuffle.folds import Fold
from mapred.shuffle.hashfold import HashFold, suits
from mapred.shuffle.keytable import MAP_STAGE, REDUCE_STAGE, WORDS_STAGE

PLENTY = 1 << 30
FOLDS = {Fold.SUM: lambda one, other: one + other, Fold.MIN: min, Fold.MAX: max}
texts = st.text(st.sampled_from("ab\0é"), max_size=70)
keys = st.one_of(
    st.lists(st.integers(-3, 3) | st.integers(-(1 << 63), (1 << 63) - 1), min_size=1),
    st.lists(texts, min_size=1),
    st.lists(texts.map(str.encode), min_size=1),
)
ints = st.integers(-(1 << 40), 1 << 40)
floats = st.sampled_from([0.1, 1e16, -1e16, 3.0, -0.1, math.inf])


def folded(fold, pairs):
    found = {}
    for key, value in pairs:
        found[key] = FOLDS[fold](found[key], value) if key in found else value
    return found


@pytest.mark.parametrize("fold", FOLDS)
@given(data=st.data(), keys=keys)
def test_a_table_and_what_it_refuses_are_all(fold, data, keys):
    of = data.draw(st.sampled_from([ints, floats]))
    values = data.draw(st.lists(of, min_size=len(keys), max_size=len(keys)))
    cut = data.draw(st.integers(0, len(keys)))
    batches = [
        rows_of(keys[start:end], values[start:end])
        for start, end in [(0, cut), (cut, len(keys))]
        if start < end
    ]
    table = HashFold(batches[0].keys, batches[0].values, fold, PLENTY)
    refused = []
    for rows in batches:
        assert suits(rows, fold)
        assert foldable(rows, fold, floats=True)
        assert table.has_room_for(rows)
        rest = table.add(rows)
        refused += rest.pairs() if rest else []
    held = table.rows()
    found = held.pairs() if held else []
    # No key is in both; floats were added in their order.
    assert len(found) == len({key for key, _ in found})
    assert folded(fold, [*found, *refused]) == pytest.approx(
        folded(fold, list(zip(keys, values, strict=True))), nan_ok=True, rel=0, abs=0
    )
    assert table.rows() is None


def test_sums_that_might_leave_64_bits_are_told_before():
    table = HashFold(STR, INT, Fold.SUM, PLENTY)
    rows = rows_of(["a"], [1 << 62])
    assert table.has_room_for(rows)
    assert table.add(rows) is None
    assert not table.has_room_for(rows)
    assert table.has_room_for(rows_of(["a"], [1]))
    assert table.rows().pairs() == [("a", 1 << 62)]
    assert table.has_room_for(rows)


def test_a_full_table_says_so_and_loses_nothing():
    table = HashFold(INT, INT, Fold.SUM, 1 << 21)
    keys = list(range(100_000))
    rest = table.add(rows_of(keys, keys))
    assert table.full
    held = dict(table.rows().pairs())
    assert sorted([*held, *(rest.key_list() if rest else [])]) == keys
    assert not table.full


@pytest.mark.parametrize("bytes_max", [1 << 20, 1 << 25])
def test_keys_of_all_lengths_fit_into_one_budget_together(bytes_max):
    table = HashFold(STR, INT, Fold.SUM, bytes_max)
    assert table.add(rows_of(["x" * length for length in range(65)], [1] * 65)) is None
    assert table.keys == 65
    assert not table.full


def test_zeros_keep_their_signs_in_sums():
    table = HashFold(STR, rows_of(["a"], [-0.0]).values, Fold.SUM, PLENTY)
    table.add(rows_of(["a", "a", "b", "b"], [-0.0, -0.0, 0.0, -0.0]))
    assert {key: math.copysign(1, value) for key, value in table.rows().pairs()} == {
        "a": -1,
        "b": 1,
    }


def test_keys_in_the_order_of_one_table_crowd_no_other():
    one = HashFold(INT, INT, Fold.SUM, PLENTY, MAP_STAGE)
    keys = list(range(100_000))
    one.add(rows_of(keys, keys))
    rows = one.rows()
    for stage in (WORDS_STAGE, REDUCE_STAGE):
        other = HashFold(INT, INT, Fold.SUM, PLENTY, stage)
        for start in range(0, len(rows), 16_384):
            assert other.add(rows.slice(start, 16_384)) is None
        assert other.keys == len(keys)
