"""Floats are added in their order, wherever batches end, as Python adds them."""

import operator
from functools import reduce
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mapred.shuffle.columns import rows_of
from mapred.shuffle.folding import folded, folded_sorted
from mapred.shuffle.folds import Fold
from mapred.shuffle.summing import sums_of_runs
from mapred.task.foldreduce import FoldedGroups

FLOATS = st.floats() | st.sampled_from([0.0, -0.0, 0.1, 0.2, 0.3, 1e16, -1e16])


def as_python_adds(keys, values):
    groups = {}
    for key, value in zip(keys, values, strict=True):
        groups.setdefault(key, []).append(value)
    # repr: the two zeros are two results, and NaN is one.
    return {key: repr(reduce(operator.add, group)) for key, group in groups.items()}


def sums(rows):
    return {key: repr(value) for key, value in zip(rows.key_list(), rows.value_list(), strict=True)}


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), FLOATS), min_size=1, max_size=60), st.data())
@example([("a", -0.0), ("a", -0.0), ("b", -0.0)], None)
def test_sums_are_those_of_python_to_the_last_bit(pairs, data):
    keys, values = map(list, zip(*pairs, strict=True))
    assert sums(folded(rows_of(keys, values), Fold.SUM, floats=True)) == as_python_adds(
        keys, values
    )
    pairs.sort(key=operator.itemgetter(0))
    keys, values = map(list, zip(*pairs, strict=True))
    expected = as_python_adds(keys, values)
    assert sums(folded_sorted(rows_of(keys, values), Fold.SUM, floats=True)) == expected
    cuts = data.draw(st.sets(st.integers(0, len(pairs)))) if data else set()
    batches = [
        rows_of(keys[start:end], values[start:end])
        for start, end in pairwise(sorted(cuts | {0, len(pairs)}))
    ]
    groups = FoldedGroups(iter(batches), Fold.SUM, floats=True)
    found = {}
    for rows in groups:
        found |= sums(rows)
    assert list(groups.rest) == []
    assert found == expected


@pytest.mark.parametrize("size", [3, 9, 129, 1000])
def test_long_runs_are_added_one_after_the_other(size):
    values = np.random.default_rng(size).normal(size=2 * size)
    found = sums_of_runs(values, np.array([0, size]))
    assert found.tolist() == [
        reduce(operator.add, part.tolist()) for part in (values[:size], values[size:])
    ]
