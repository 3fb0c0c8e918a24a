"""Distinct and CountDistinct: different values, by the rules of keys.

Values are of the types that keys can have, and equal as keys are: 1 and 1.0 are one, True is
another. The different values of a key are in memory at once.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Any, ClassVar

from mapred.reducers.port import Builtin
from mapred.shuffle.folds import AnyFold, Fold
from mapred.shuffle.keys import encode


class Distinct(Builtin):
    """A key's different values, sorted as keys are, as a list."""

    fold: ClassVar[AnyFold | None] = Fold.DISTINCT

    def lift(self, value: Any) -> list[Any]:
        return [value]

    def merged(self, partials: Iterator[list[Any]]) -> list[Any]:
        return list(_by_order(partials).values())

    def result(self, partial: list[Any]) -> Any:
        return sorted(partial, key=encode)


class CountDistinct(Distinct):
    """How many different values a key has."""

    fold = Fold.COUNT_DISTINCT

    def result(self, partial: list[Any]) -> int:
        return len(partial)


def _by_order(lists: Iterator[list[Any]]) -> dict[Any, Any]:
    """The first of equal values, by what makes them equal."""
    seen: dict[Any, Any] = {}
    for value in chain.from_iterable(lists):
        # str is equal to nothing else in a dict too, and needs no encoding.
        seen.setdefault(value if type(value) is str else encode(value), value)
    return seen
