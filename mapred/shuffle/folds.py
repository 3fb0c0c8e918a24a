"""The folds that columns know: what becomes of the values of a key."""

from enum import Enum


class Fold(Enum):
    """Of the first three the value is Arrow's name."""

    SUM = "sum"
    MIN = "min"
    MAX = "max"
    # These fold partial results, of which columns make values, and results (partials.py).
    MEAN = "mean"
    VARIANCE = "variance"

    @property
    def has_partials(self) -> bool:
        return self in (Fold.MEAN, Fold.VARIANCE)
