import math
from collections import namedtuple
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import IntEnum, StrEnum

import numpy as np
import pytest
from hypothesis import given, settings
from orders import Documented, keys

from mapred.shuffle.keys import encode


@settings(max_examples=600, deadline=None)
@given(keys, keys)
def test_encoded_bytes_compare_as_the_documented_order_says(left, right):
    one, other = Documented(left), Documented(right)
    assert (encode(left) < encode(right)) == (one < other)
    assert (encode(left) == encode(right)) == (one == other)


@settings(max_examples=200, deadline=None)
@given(keys, keys, keys)
def test_what_follows_in_a_tuple_never_leaks_into_what_comes_before(left, right, rest):
    one, other = Documented(left), Documented(right)
    if one != other:
        assert (encode((left, rest)) < encode((right,))) == (one < other)


def test_the_kinds_stand_in_their_order():
    in_order = [None, False, True, -math.inf, -(10**400), -1.5, -1, 0, 1, 1.5, 2**64, 2**64 + 1]
    in_order += [
        10**400,
        math.inf,
        math.nan,
        "",
        "a",
        "a\0",
        "b",
        b"",
        b"\0",
        date.max,
        datetime.min,
        (),
        (None,),
        ((),),
    ]
    encoded = [encode(key) for key in in_order]
    assert encoded == sorted(encoded)
    assert len(set(encoded)) == len(encoded)


def test_equal_numbers_are_one_key_but_true_is_not_one():
    assert encode(1) == encode(1.0) == encode(np.int32(1)) == encode(np.float32(1.0))
    assert encode(0.0) == encode(-0.0) == encode(0)
    assert encode(2**80) == encode(float(2**80))
    assert encode(2**80 + 1) != encode(float(2**80))
    assert encode(math.nan) == encode(-math.nan)
    assert encode(True) != encode(1)
    assert encode(np.bool_(True)) == encode(True)


def test_one_instant_in_two_zones_is_one_key_and_a_date_is_no_midnight():
    utc, east = UTC, timezone(timedelta(hours=2))
    noon = datetime(2026, 3, 29, 12, tzinfo=utc)
    assert encode(noon) == encode(noon.astimezone(east))
    assert encode(noon) != encode(noon.replace(tzinfo=None))
    assert encode(date(2026, 3, 29)) != encode(datetime(2026, 3, 29))
    # Before the year 1 in UTC, after the year 9999.
    first, last = (
        datetime.min.replace(tzinfo=east),
        datetime.max.replace(tzinfo=timezone(-east.utcoffset(None))),
    )
    assert encode(first) < encode(noon) < encode(last)
    assert encode(np.datetime64("2026-03-29")) == encode(date(2026, 3, 29))
    assert encode(np.datetime64("2026-03-29T12", "us")) == encode(datetime(2026, 3, 29, 12))


def test_times_that_pythons_cant_hold_are_refused():
    for key in (np.datetime64("2026-03-29", "ns"), timedelta(1), np.timedelta64(1, "ns"), time(12)):
        with pytest.raises(TypeError, match="can't be of type"):
            encode(key)


class Colour(IntEnum):
    RED = 3


class Name(StrEnum):
    ANA = "ana"


class Loud(str):
    def __str__(self) -> str:
        return self.upper()


def test_subclasses_sort_as_what_they_are():
    point = namedtuple("point", "x y")
    assert encode(Colour.RED) == encode(3)
    assert encode(Name.ANA) == encode("ana")
    assert encode(Loud("ana")) == encode("ana")
    assert encode(point(1, "a")) == encode((1, "a"))


@pytest.mark.parametrize("key", [[1], {"a": 1}, {1}, Decimal(1), object(), 1j, (1, [2])])
def test_a_type_without_order_is_refused_and_named(key):
    kind = type(key[1] if isinstance(key, tuple) else key).__name__
    with pytest.raises(TypeError, match=f"a key can't be of type {kind}"):
        encode(key)
