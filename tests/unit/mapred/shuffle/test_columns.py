import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from orders import key_lists, same, scalars, texts

from mapred.shuffle.columns import BYTES, ENCODED, FLOAT, INT, PICKLED, STR, joined, rows_of
from mapred.shuffle.frames import MemorySegment, to_frame

values = st.one_of(
    st.lists(scalars, min_size=60, max_size=60),
    st.lists(st.integers(), min_size=60, max_size=60),
    st.lists(texts, min_size=60, max_size=60),
    st.lists(st.dictionaries(texts, scalars, max_size=2), min_size=60, max_size=60),
)


@settings(max_examples=120, deadline=None)
@given(key_lists, values)
def test_records_come_back_as_they_went_in_through_columns_and_frames(keys, values):
    values = values[: len(keys)]
    rows = rows_of(keys, values)
    for one in (rows, next(MemorySegment(to_frame(rows), "frame").frames())):
        assert all(map(same, one.key_list(), keys))
        assert len(one) == len(one.key_list()) == len(keys)
        assert [pickle.dumps(value) for value in one.value_list()] == [
            pickle.dumps(value) for value in values
        ]


@pytest.mark.parametrize(
    ("keys", "kind"),
    [
        ([1, -5, 2**63 - 1], INT),
        ([1, 2**63], ENCODED),
        ([1.5, -0.0], FLOAT),
        ([1, 1.5], ENCODED),
        (["a", ""], STR),
        (["a", "\ud800"], ENCODED),
        ([b"a", b""], BYTES),
        ([True, False], ENCODED),
        ([1, True], ENCODED),
        ([("a", 1)], ENCODED),
        ([np.int64(1)], ENCODED),
    ],
)
def test_a_column_is_typed_only_when_every_key_fits(keys, kind):
    assert rows_of(keys, keys).keys is kind
    assert rows_of(keys, keys).values is (PICKLED if kind is ENCODED else kind)


def test_kinds_that_differ_meet_in_the_general_ones():
    together = joined([rows_of([1, 2], ["a", "b"]), rows_of(["x"], [None])])
    assert (together.keys, together.values) == (ENCODED, PICKLED)
    assert together.key_list() == [1, 2, "x"]
    assert together.value_list() == ["a", "b", None]


def test_a_value_that_cannot_be_pickled_is_refused():
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
        rows_of(["a"], [lambda: None])
