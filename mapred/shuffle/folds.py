"""The folds that columns know: what becomes of the values of a key."""

from collections.abc import Collection
from enum import Enum


class Fold(Enum):
    """Of the first three the value is Arrow's name."""

    SUM = "sum"
    MIN = "min"
    MAX = "max"
    FIRST = "first"
    LAST = "last"
    # These fold partial results, of which columns make values, and results (partials.py).
    MEAN = "mean"
    VARIANCE = "variance"

    @property
    def has_partials(self) -> bool:
        return self in (Fold.MEAN, Fold.VARIANCE)

    @property
    def types(self) -> Collection[type]:
        """Values of one of these are worth a column: others needn't even be able to travel."""
        if self.has_partials:
            return (int, float)
        return (int, float, str, bytes)
