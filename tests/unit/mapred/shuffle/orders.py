"""The order of keys as its document says it, written with Python's own comparisons."""

import math
from datetime import date, datetime, timedelta, timezone
from functools import total_ordering
from typing import Any

from hypothesis import strategies as st

RANKS = [type(None), bool, (int, float), str, bytes]


def rank_of(key: Any) -> int:
    if isinstance(key, tuple):
        return 8
    if isinstance(key, datetime):
        return 6 if key.tzinfo is None else 7
    if isinstance(key, date):
        return 5
    return next(at for at, kind in enumerate(RANKS) if isinstance(key, kind))


@total_ordering
class Documented:
    """Compares by mapred/shuffle/keys.py's first paragraph; knows nothing of its bytes."""

    def __init__(self, key: Any) -> None:
        self.key = key
        self.rank = rank_of(key)

    def _value(self) -> Any:
        if isinstance(self.key, tuple):
            return [Documented(one) for one in self.key]
        if isinstance(self.key, float) and math.isnan(self.key):
            return (1, 0)
        if self.rank == 2:
            return (0, self.key)
        return self.key

    def __eq__(self, other: object) -> bool:
        assert isinstance(other, Documented)
        if self.rank != other.rank:
            return False
        return self.key is None or self._value() == other._value()

    def __lt__(self, other: "Documented") -> bool:
        if self.rank != other.rank:
            return self.rank < other.rank
        return self.key is not None and self._value() < other._value()

    __hash__ = None  # type: ignore[assignment]


# Lone surrogates, zeros and the ends of each plane beside ordinary letters.
letters = st.one_of(
    st.characters(),
    st.characters(categories=["Cs"]),
    st.sampled_from(["\0", "\x01", "\x7f", "\x80", "\u07ff", "\ue000", "\uffff", "\U0010ffff"]),
)
numbers = st.one_of(
    st.integers(),
    st.integers(min_value=-(2**70), max_value=2**70),
    st.integers(min_value=-3, max_value=3),
    st.integers(min_value=0, max_value=1100).map(lambda bits: 2**bits),
    st.integers(min_value=60, max_value=70).flatmap(
        lambda bits: st.integers(min_value=2**bits - 2, max_value=2**bits + 2)
    ),
    st.floats(),
    st.integers(min_value=-(2**60), max_value=2**60).map(float),
    st.sampled_from([0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, -5e-324, 2.0**63, 2**63]),
)
texts = st.text(letters, max_size=12)
blobs = st.one_of(st.binary(max_size=12), st.lists(st.sampled_from([0, 1, 254, 255])).map(bytes))
zones = st.none() | st.integers(-1439, 1439).map(lambda late: timezone(timedelta(minutes=late)))
moments = st.datetimes(timezones=zones)
near = st.datetimes(datetime(2026, 3, 29), datetime(2026, 3, 29, 0, 0, 3), timezones=zones)
times = st.one_of(st.dates(), moments, near)
scalars = st.one_of(st.none(), st.booleans(), numbers, texts, blobs, times)
keys = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=6)
# Keys of one kind, as real jobs have, and mixtures.
key_lists = st.one_of(
    st.lists(texts, max_size=60),
    st.lists(st.sampled_from(["a", "ab", "abcdefgh", "abcdefgh\0", "abcdefghi", ""]), max_size=60),
    st.lists(blobs, max_size=60),
    st.lists(st.integers(min_value=-(2**63), max_value=2**63 - 1), max_size=60),
    st.lists(st.floats(), max_size=60),
    st.lists(numbers, max_size=60),
    st.lists(times, max_size=40),
    st.lists(st.tuples(texts, numbers), max_size=40),
    st.lists(keys, max_size=40),
)


def same(left: Any, right: Any) -> bool:
    """Whether two objects are the same to a user: type, value, NaN as itself."""
    if type(left) is not type(right):
        return False
    if isinstance(left, tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float):
        return left == right or (math.isnan(left) and math.isnan(right))
    return bool(left == right)
