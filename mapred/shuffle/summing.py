"""Sums of runs of numbers, added one after the other as Python does.

numpy's `reduceat` adds floats in an order of its own: the last digits would depend on where the
batches of a merge end, and so on which map's output came first.
"""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Vector = NDArray[Any]


def sums_of_runs(values: Vector, starts: Vector) -> Vector:
    """The sum from each start to the next."""
    if values.dtype.kind != "f":
        return np.add.reduceat(values, starts)
    sizes = np.diff(np.append(starts, len(values)))
    return sums_by_code(values, np.repeat(np.arange(len(starts)), sizes), len(starts))


def sums_by_code(values: Vector, codes: Vector, count: int) -> Vector:
    """The sums of the floats of each code from 0 to `count`."""
    # The zero that changes nothing: 0.0 + -0.0 is 0.0.
    sums = np.full(count, -0.0)
    # Infinities of both signs, and sums past the largest float, are as in Python.
    with np.errstate(all="ignore"):
        np.add.at(sums, codes, values)
    return sums


def largest_sum(column: pa.Array) -> int:
    """No sum of some of these ints is greater, nor less than its negative; at least one."""
    limits = pc.min_max(column)
    return int(max(-limits["min"].as_py(), limits["max"].as_py())) * len(column)
