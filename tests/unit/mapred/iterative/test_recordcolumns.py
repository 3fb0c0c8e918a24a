"""Records as columns: the same values of the same types come out, whatever goes in."""

import copy
import pickle
from collections import Counter, namedtuple
from datetime import date
from enum import IntEnum

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as some

from mapred.iterative.recordcolumns import NotKeepableError, decoded, encoded

Point = namedtuple("Point", "x y")


class Colour(IntEnum):
    RED = 1


def there_and_back(items):
    """(how they were kept, what became of them)."""
    buffers = []

    def put(buffer):
        buffers.append(memoryview(bytes(memoryview(buffer).cast("B") if len(buffer) else b"")))
        return len(buffers) - 1

    column = encoded(items, put)
    return column[0], decoded(column, buffers.__getitem__)


def same(one, other) -> bool:
    """Equal, of the same types, to the last bit."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return (
            one.dtype == other.dtype
            and one.shape == other.shape
            and (
                one.tolist() == other.tolist()
                if one.dtype.hasobject
                else one.tobytes("A") == other.tobytes("A")
                and one.flags.c_contiguous == other.flags.c_contiguous
            )
        )
    if isinstance(one, dict):
        return same(list(one.items()), list(other.items()))
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float):
        return np.float64(one).tobytes() == np.float64(other).tobytes()
    return one == other


_SCALARS = (
    some.none()
    | some.booleans()
    | some.integers()
    | some.floats()
    | some.text(alphabet=some.characters(), max_size=5)
    | some.binary(max_size=5)
)
_KEYS = some.text(max_size=3) | some.integers(-2, 2) | some.booleans()
_VALUES = some.recursive(
    _SCALARS,
    lambda inner: (
        some.lists(inner, max_size=3)
        | some.tuples(inner, inner)
        | some.dictionaries(_KEYS, inner, max_size=3)
    ),
    max_leaves=6,
)


@given(some.lists(_VALUES, max_size=6) | _VALUES.flatmap(lambda one: some.just([one] * 5)))
def test_any_records_come_out_as_they_went_in(items):
    items = [copy.deepcopy(item) for item in items]
    assert same(there_and_back(items)[1], items)


@pytest.mark.parametrize(
    ("how", "items"),
    [
        ("texts", ["a", "", "ä", "\0", "line\r"]),
        ("pickle", ["a\nb", "c"]),
        ("pickle", ["\ud800", "lone"]),
        ("repeated", ["yes", "no"] * 8),
        ("repeated", ["two\nlines", ""] * 8),
        ("numbers", [1, -(1 << 63), (1 << 63) - 1]),
        ("pickle", [1, 1 << 63]),
        ("numbers", [0.0, -0.0, float("nan"), float("inf")]),
        ("numbers", [True, False]),
        ("pickle", [True, 1]),
        ("pickle", [1.0, None]),
        ("nones", [None, None]),
        ("pickle", [Colour.RED, Colour.RED]),
        ("pickle", [Point(1, 2), Point(3, 4)]),
        ("pickle", [Counter("ab"), Counter("b")]),
        ("pickle", [b"bytes", b""]),
        ("pickle", []),
        ("pickle", range(5)),
        ("rows", [(1, "a", [2.0]), (3, "b", [4.0])]),
        ("rows", [["a", "b"], ["c", "d"]]),
        ("ragged", [(1,), (2, 3), ()]),
        ("ragged", [["a"], [], ["b", None]]),
        ("pickle", [(), ()]),
        ("records", [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]),
        ("dicts", [{"a": 1}, {"b": 2, "a": 3}, {}]),
        ("dicts", [{"a": 1, "b": 2}, {"b": 2, "a": 1}]),
        ("pickle", [{1: 2}, {True: 3}]),
        ("arrays", [np.arange(3.0), np.arange(3.0, 6.0)]),
        ("arrays", [np.float32(1), np.float32(2)]),
        ("arrays", [np.zeros((2, 3)), np.ones((2, 3))]),
        ("cut arrays", [np.arange(3), np.arange(2), np.arange(0)]),
        ("pickle", [np.arange(3), np.arange(2.0)]),
        ("pickle", [np.asfortranarray(np.eye(3)), np.eye(3)]),
        ("pickle", [np.arange(3, dtype=">i4"), np.arange(3, dtype=">i4")]),
        ("pickle", [np.array(1.0), np.array(2.0)]),
        ("pickle", [np.array(["a", 1], object), np.array(["b", 2], object)]),
        ("pickle", [np.timedelta64(1, "s"), np.timedelta64(1, "D")]),
        ("pickle", [np.datetime64("2026-01-01"), np.datetime64("2026-01-02")]),
        ("pickle", [np.arange(10_000), np.arange(10_000)]),
        ("pickle", [date(2026, 1, 1), date(2026, 1, 2)]),
    ],
)
def test_what_is_alike_lies_together_and_comes_out_as_it_went_in(how, items):
    found = there_and_back(items)
    assert found[0] == how
    assert same(found[1], items) or found[1] == items


def test_a_value_that_many_records_share_is_written_once():
    table = {f"k{number}": number for number in range(100)}
    items = [(number, table) for number in range(50)]
    buffers = []
    column = encoded(
        items, lambda buffer: buffers.append(memoryview(bytes(buffer))) or len(buffers) - 1
    )
    assert sum(map(len, buffers)) < 3_000
    assert decoded(column, buffers.__getitem__) == items


def test_a_record_that_holds_itself_comes_out():
    item: list = [1]
    item.append(item)
    [[one, inner]] = there_and_back([item])[1]
    assert (one, inner[0]) == (1, 1)


@pytest.mark.parametrize("items", [[lambda: 1], [(1, lambda: 1), (2, lambda: 2)], [object, open]])
def test_what_can_not_be_pickled_is_refused_unless_it_can(items):
    try:
        pickle.dumps(items)
    except Exception:
        with pytest.raises(NotKeepableError, match="lambda"):
            there_and_back(items)
    else:
        assert there_and_back(items)[1] == items


class Halfway:
    """Can be pickled, and not be made again."""

    def __init__(self, *, needed):
        self.needed = needed

    def __reduce__(self):
        return Halfway, ()


def test_what_can_not_be_made_again_is_refused():
    with pytest.raises(NotKeepableError, match="needed"):
        there_and_back([Halfway(needed=1)])


TABLE = pa.table(
    {"a": pa.array(range(5_000)), "b": [f"t{n}" if n % 7 else None for n in range(5_000)]}
)


@pytest.mark.parametrize(
    ("how", "items"),
    [
        ("tables", [TABLE, TABLE.slice(10, 3), TABLE.slice(0, 0)]),
        ("batches", [*TABLE.to_batches(), TABLE.to_batches()[0].slice(10, 3)]),
        ("pickle", [TABLE, TABLE.to_batches()[0]]),
    ],
)
def test_arrows_tables_lie_in_the_buffers(how, items):
    buffers = []

    def put(buffer):
        buffers.append(memoryview(buffer))
        return len(buffers) - 1

    column = encoded(items, put)
    found = decoded(column, buffers.__getitem__)
    assert column[0] == how
    assert [type(one) for one in found] == [type(one) for one in items]
    assert all(one.equals(other) for one, other in zip(found, items, strict=True))
    if how == "pickle":
        return
    starts = [np.frombuffer(one, np.uint8).__array_interface__["data"][0] for one in buffers]
    places = [(start, start + len(one)) for start, one in zip(starts, buffers, strict=True)]
    texts = found[0]["b"].chunk(0) if how == "tables" else found[0]["b"]
    for part in texts.buffers():
        assert any(start <= part.address < end for start, end in places)


def test_some_rows_of_a_table_take_no_room_for_the_others():
    buffers = []

    def put(buffer):
        buffers.append(memoryview(buffer))
        return len(buffers) - 1

    encoded([TABLE.slice(at, 500) for at in range(0, 5_000, 500)], put)
    assert sum(map(len, buffers)) < 2 * TABLE.nbytes
