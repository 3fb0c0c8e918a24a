"""Sum, Count, Min, Max: partials are numbers, so columns of int and float fold natively.

Sum   v0 + v1 + …: ints of any size exactly, floats in their order; whatever else has a `+`.
Count how many values, whatever they are.
Min   the least, Max the greatest, as Python compares them; of equal ones the first. NaN is greater
      than any number, as in the order of keys.
"""

import operator
from collections.abc import Iterator
from functools import reduce
from typing import Any

from mapred.reducers.port import Builtin
from mapred.shuffle.folds import Fold


class Sum(Builtin):
    """The sum of a key's values."""

    fold, closed = Fold.SUM, True

    def merged(self, partials: Iterator[Any]) -> Any:
        return reduce(operator.add, partials)


class Count(Builtin):
    """How many values a key has."""

    fold = Fold.SUM

    def lift(self, value: Any) -> int:
        return 1

    def merged(self, partials: Iterator[int]) -> int:
        return sum(partials)


class Min(Builtin):
    """The least of a key's values."""

    fold, closed = Fold.MIN, True

    def merged(self, partials: Iterator[Any]) -> Any:
        return reduce(_lesser, partials)


class Max(Builtin):
    """The greatest of a key's values."""

    fold, closed = Fold.MAX, True

    def merged(self, partials: Iterator[Any]) -> Any:
        return reduce(_greater, partials)


def _lesser(one: Any, other: Any) -> Any:
    # Only NaN differs from itself.
    return other if one != one or other < one else one


def _greater(one: Any, other: Any) -> Any:
    return one if one != one or not (other != other or other > one) else other
