from bisect import bisect_right
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapred.shuffle.boundaries import choose
from mapred.shuffle.columns import key_column
from mapred.shuffle.keys import Descending, encode, head_of
from mapred.shuffle.prefixes import by_prefix
from mapred.shuffle.ranges import ranges

INTS = st.integers(-(2**63), 2**63 - 1) | st.integers(-5, 5)
FLOATS = st.floats() | st.sampled_from([0.0, -0.0, 1.0, 2.5])
TEXTS = st.text(st.sampled_from("ab\0é"), max_size=10)
BYTES = st.binary(max_size=10)
KEYS = st.none() | st.booleans() | INTS | FLOATS | TEXTS | BYTES | st.tuples(INTS, TEXTS)


@given(
    st.lists(KEYS, max_size=6),
    st.sampled_from([INTS, FLOATS, TEXTS, BYTES, KEYS]).flatmap(st.lists),
)
def test_columns_of_any_kind_find_the_ranges_of_the_order_of_keys(boundaries, keys):
    encoded = sorted({encode(one) for one in boundaries})
    found = ranges(encoded)(keys, *key_column(keys)[:2]) if keys else np.array([])
    assert found.tolist() == [bisect_right(encoded, encode(key)) for key in keys]


@given(st.lists(st.integers(0, 30)), st.integers(1, 9))
def test_boundaries_are_few_enough_and_in_order(sample, partitions):
    boundaries = choose(map(encode, sample), partitions)
    assert len(boundaries) < partitions
    assert boundaries == sorted(set(boundaries))


def loads(sample, partitions):
    boundaries = choose(map(encode, sample), partitions)
    return Counter(bisect_right(boundaries, encode(key)) for key in sample)


def test_reducers_get_about_as_much():
    assert set(loads(range(1000), 7).values()) <= {142, 143}


def test_a_hot_key_has_a_reducer_of_its_own():
    sample = [*range(400), *[400] * 1000, *range(401, 1001)]
    found = loads(sample, 5)
    assert sorted(found.values()) == pytest.approx([200, 200, 250, 350, 1000], abs=160)
    assert 1000 in found.values()


@given(st.lists(KEYS.map(lambda key: (key, 1)), max_size=12))
def test_descending_keys_are_in_the_reverse_order(keys):
    descending = sorted(keys, key=lambda key: encode(Descending(key)))
    assert list(map(encode, descending)) == sorted(map(encode, keys), reverse=True)


def test_parts_of_a_tuple_can_be_descending():
    keys = [("a", 1), ("b", 1), ("a", 2), ("a", 1.5)]
    assert sorted(keys, key=lambda key: encode((key[0], Descending(key[1])))) == [
        ("a", 2),
        ("a", 1.5),
        ("a", 1),
        ("b", 1),
    ]
    assert str(Descending(3)) == "3"


def test_keys_that_begin_alike_are_one_group():
    nan = float("nan")
    groups = [((True, 1), "ab"), ((1, 0), "c"), ((1.0, 2), "d"), ((nan, 0), "e"), ((nan, 1), "f")]
    found = [(key, list(values)) for key, values in by_prefix(iter(groups), 1)]
    assert [values for _, values in found] == [["a", "b"], ["c", "d"], ["e", "f"]]
    assert found[0][0] is True
    pairs = by_prefix([(("a", 1, 0), "x"), (("a", 1, 1), "y"), (("a", 2, 0), "z")], 2)
    assert [(key, list(values)) for key, values in pairs] == [
        (("a", 1), ["x", "y"]),
        (("a", 2), ["z"]),
    ]


def test_a_group_may_be_left_unread():
    groups = [((key, at), iter("xy")) for key in "ab" for at in range(3)]
    assert [key for key, _ in by_prefix(iter(groups), 1)] == ["a", "b"]


def test_a_key_without_that_many_elements_is_named():
    with pytest.raises(TypeError, match=r"'word' is no tuple of so many"):
        head_of("word", 1)
