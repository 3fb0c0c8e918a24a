"""Packed sorting against a stable argsort: any integers, any groups, many rows and few."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapred.shuffle.packing import packed_order

INT64 = np.iinfo(np.int64)


def wanted(keys, groups):
    by_key = np.argsort(keys, kind="stable")
    return by_key if groups is None else by_key[np.argsort(groups[by_key], kind="stable")]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.integers(-3, 3)
        | st.integers(INT64.min, INT64.max)
        | st.sampled_from([0, 1, 2, 1 << 62]),
        min_size=1,
        max_size=100,
    ),
    st.sampled_from([None, 1, 2, 1000, 1 << 31]),
    st.randoms(use_true_random=False),
)
def test_the_order_is_that_of_a_stable_sort(numbers, partitions, rng):
    keys = np.array(numbers, np.int64)
    groups = None
    if partitions:
        groups = np.array([rng.randrange(partitions) for _ in numbers], np.uint32)
    order = packed_order(keys, groups)
    assert order is None or order.tolist() == wanted(keys, groups).tolist()


@pytest.mark.parametrize("bits", [8, 40, 63, 64])
@pytest.mark.parametrize("partitions", [None, 1, 7])
def test_many_rows_are_packed_whatever_the_width_of_their_keys(bits, partitions):
    rng = np.random.default_rng(bits)
    keys = (
        rng.integers(0, 1 << bits, 50_000, dtype=np.uint64, endpoint=False)
        if bits < 64
        else (rng.integers(0, np.iinfo(np.uint64).max, 50_000, dtype=np.uint64))
    )
    keys[::1000] = keys[0]
    groups = None if partitions is None else rng.integers(0, partitions, 50_000).astype(np.uint32)
    order = packed_order(keys, groups)
    assert order is not None
    assert (order == wanted(keys, groups)).all()


def test_keys_that_differ_only_in_lost_bits_are_sorted_or_left_to_another_way():
    few = np.concatenate([np.arange(50_000) << 40, [(7 << 40) + 3, (7 << 40) + 1, 1 << 62]])
    order = packed_order(few, None)
    assert order is not None
    assert (order == wanted(few, None)).all()
    many = np.concatenate([np.arange(50_000), [1 << 62]])
    assert packed_order(many, None) is None
