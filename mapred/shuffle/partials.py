"""Partial results as columns: made of values, folded, finished. Here those of Mean and Variance,
which are structs; lists are in listed.py.

    lifted    int or float values → partials
    foldable  whether columns fold these partials exactly, or for floats as well as Python does
    reduced   sorted partials → one a key
    results   partials → results

Partials are the tuples of mapred/reducers/moments.py, so that Python can go on from any point.

In maps moments of a key merge all at once (the formula of Chan, Golub and LeVeque for any number of
parts): the mean from distances to the first mean, then M2 from distances to that mean. It rounds
otherwise than a merge one by one, but cancels no more. Reduces merge one by one, as Python does:
there a key has few partials, and where batches end must not be seen in the last digits.
"""

from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mapred.shuffle import listed, sketched
from mapred.shuffle.columns import (
    BYTES,
    FLOAT,
    INT,
    INT64_MAX,
    MEAN_FLOAT,
    MEAN_INT,
    MOMENTS,
    STRUCTS,
    Kind,
    Rows,
    vector,
    vector_column,
)
from mapred.shuffle.folds import AnyFold, Fold
from mapred.shuffle.summing import largest_sum, sums_of_runs

# Below it neither squares nor their sums leave the range of floats.
_MEAN_MAX: Final = 1e140
# Ints up to here are floats exactly, and their quotient is rounded once.
_EXACT_MAX: Final = 1 << 53

Vector = NDArray[Any]


def lifted(rows: Rows, fold: AnyFold) -> Rows | None:
    """None: values that only Python knows how to take."""
    if fold.has_lists:
        return listed.lifted(rows, fold)
    if fold is Fold.APPROX_COUNT_DISTINCT:
        return sketched.lifted(rows)
    if rows.values not in (INT, FLOAT):
        return None
    values = vector(rows.batch.columns[-1])
    ones = np.ones(len(rows), np.int64)
    if fold is Fold.VARIANCE:
        return _of(rows, MOMENTS, ones, values.astype(np.float64), np.zeros(len(rows)))
    if rows.values is INT:
        return _of(rows, MEAN_INT, ones, values)
    # As in Python, where a total begins with 0: there is no -0.0.
    return _of(rows, MEAN_FLOAT, ones, values + 0.0)


def foldable(rows: Rows, fold: AnyFold) -> bool:
    """Whether columns do what Python would."""
    if fold.has_lists:
        return listed.foldable(rows)
    if not len(rows):
        return False
    if fold is Fold.APPROX_COUNT_DISTINCT:
        return rows.values is BYTES
    if rows.values is MEAN_INT:
        return largest_sum(rows.batch.columns[-1].field(1)) <= INT64_MAX
    if rows.values is MOMENTS:
        _, means, squares = _fields(rows)
        return bool((np.abs(means) <= _MEAN_MAX).all() and np.isfinite(squares).all())
    return rows.values is MEAN_FLOAT


def reduced(rows: Rows, starts: Vector, fold: AnyFold, one_by_one: bool = False) -> pa.Array:
    """The partials of sorted rows: one from each start to the next."""
    if fold.has_lists:
        return listed.reduced(rows, starts, fold)
    if fold is Fold.APPROX_COUNT_DISTINCT:
        return sketched.reduced(rows.batch.columns[-1], starts)
    if rows.values is MOMENTS:
        merged = _merged_one_by_one if one_by_one else _merged_moments
        return _struct(MOMENTS, *merged(_fields(rows), starts))
    counts, totals = _fields(rows)
    return _struct(rows.values, sums_of_runs(counts, starts), sums_of_runs(totals, starts))


def results(rows: Rows, fold: AnyFold) -> Rows:
    """One partial a key, as foldable ones are, to its result."""
    if fold.has_lists:
        return listed.results(rows, fold)
    if fold is Fold.APPROX_COUNT_DISTINCT:
        return sketched.results(rows)
    if rows.values is MOMENTS:
        return _variances(rows)
    counts, totals = _fields(rows)
    if rows.values is MEAN_INT and int(np.abs(totals).max(initial=0)) > _EXACT_MAX:
        pairs = zip(totals.tolist(), counts.tolist(), strict=True)
        return rows.with_value_list([total / count for total, count in pairs])
    return rows.with_values(FLOAT, vector_column(totals / counts))


def _merged_moments(fields: list[Vector], starts: Vector) -> tuple[Vector, Vector, Vector]:
    counts, means, squares = fields
    sizes = np.diff(np.append(starts, len(counts)))
    together = np.add.reduceat(counts, starts)
    firsts = means[starts]
    distances = means - np.repeat(firsts, sizes)
    merged = firsts + np.add.reduceat(counts * distances, starts) / together
    distances = means - np.repeat(merged, sizes)
    return together, merged, np.add.reduceat(squares + counts * distances * distances, starts)


def _merged_one_by_one(fields: list[Vector], starts: Vector) -> tuple[Vector, Vector, Vector]:
    """The second partial of every key into its first, then the third, …"""
    sizes = np.diff(np.append(starts, len(fields[0])))
    counts, means, squares = (field[starts] for field in fields)
    for step in range(1, sizes.max()):
        keys = np.flatnonzero(sizes > step)
        count, mean, its_squares = (field[starts[keys] + step] for field in fields)
        together = counts[keys] + count
        distance = mean - means[keys]
        squares[keys] += its_squares + distance * distance * (counts[keys] * count / together)
        means[keys] += distance * (count / together)
        counts[keys] = together
    return counts, means, squares


def _variances(rows: Rows) -> Rows:
    counts, _, squares = _fields(rows)
    found = squares / np.maximum(counts - 1, 1)
    if (counts > 1).all():
        return rows.with_values(FLOAT, vector_column(found))
    pairs = zip(counts.tolist(), found.tolist(), strict=True)
    return rows.with_value_list([one if count > 1 else None for count, one in pairs])


def _fields(rows: Rows) -> list[Vector]:
    column = rows.batch.columns[-1]
    return [vector(column.field(at)) for at in range(column.type.num_fields)]


def _of(rows: Rows, kind: Kind, *fields: Vector) -> Rows:
    return rows.with_values(kind, _struct(kind, *fields))


def _struct(kind: Kind, *fields: Vector) -> pa.Array:
    return pa.StructArray.from_arrays(list(map(vector_column, fields)), fields=list(STRUCTS[kind]))
