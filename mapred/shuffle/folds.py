"""The folds that columns know: what becomes of two values of a key."""

from enum import Enum


class Fold(Enum):
    """The value is Arrow's name for it."""

    SUM = "sum"
    MIN = "min"
    MAX = "max"
