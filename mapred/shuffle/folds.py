"""The folds that columns know: what becomes of the values of a key."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias


class Fold(Enum):
    """Of the first three the value is Arrow's name."""

    SUM = "sum"
    MIN = "min"
    MAX = "max"
    FIRST = "first"
    LAST = "last"
    # These fold partial results, of which columns make values, and results: partials.py, listed.py,
    # sketched.py.
    MEAN = "mean"
    VARIANCE = "variance"
    DISTINCT = "distinct"
    COUNT_DISTINCT = "count distinct"
    COLLECT = "collect"
    APPROX_COUNT_DISTINCT = "approximate count distinct"

    @property
    def has_partials(self) -> bool:
        return self in (Fold.MEAN, Fold.VARIANCE, Fold.APPROX_COUNT_DISTINCT) or self.has_lists

    @property
    def has_lists(self) -> bool:
        return self in (Fold.DISTINCT, Fold.COUNT_DISTINCT, Fold.COLLECT)

    @property
    def types(self) -> Collection[type]:
        """Values of one of these are worth a column: others needn't even be able to travel."""
        if self in (Fold.DISTINCT, Fold.COUNT_DISTINCT):
            return (int, str)
        if self is Fold.COLLECT:
            return (int, float, str)
        if self in (Fold.MEAN, Fold.VARIANCE):
            return (int, float)
        return (int, float, str, bytes)


@dataclass(frozen=True, slots=True)
class OfNumbers:
    """A fold made to measure; its partial results are lists of ints or floats."""

    has_partials = True
    has_lists = True
    types = (int, float)


@dataclass(frozen=True, slots=True)
class Greatest(OfNumbers):
    """As many of the greatest, greatest first."""

    size: int


@dataclass(frozen=True, slots=True)
class Binned(OfNumbers):
    """How many lie between bounds, which rise."""

    bounds: tuple[int | float, ...]


AnyFold: TypeAlias = Fold | Greatest | Binned
