"""Partial results that are lists, as Arrow's: of Distinct, Collect, TopK and Histogram.

    kind            what a list has
    INTS, STRS      different values, in the order of keys      (Distinct, CountDistinct)
    INTS, FLOATS    the greatest, greatest first; NaN before    (TopK)
    any of these    all values, in their order                  (Collect)
    BINS            places between bounds, and how many         (Histogram)

All lists of a batch lie in one flat column: items are sorted by (key's number, item), and those
that stay become the lists again.
"""

from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mapred.shuffle.columns import (
    BINS,
    FLOAT,
    FLOATS,
    INT,
    INTS,
    LISTS,
    STR,
    STRS,
    Kind,
    Rows,
    vector,
    vector_column,
)
from mapred.shuffle.folds import AnyFold, Binned, Fold, Greatest
from mapred.shuffle.ordering import sort_order

_KIND_OF: Final = {INT: INTS, FLOAT: FLOATS, STR: STRS}
_TYPE_OF: Final = {INT: int, FLOAT: float, STR: str}
# Ints up to here are floats exactly, so that they compare with bounds as in Python.
_EXACT_MAX: Final = 1 << 53

Vector = NDArray[Any]


def lifted(rows: Rows, fold: AnyFold) -> Rows | None:
    """Lists of one; None: values that only Python knows how to take."""
    flat = rows.batch.columns[-1]
    if isinstance(fold, Binned):
        if rows.values not in (INT, FLOAT):
            return None
        places = _places(vector(flat), fold.bounds)
        return None if places is None else _of(rows, BINS, _bins(places, np.ones_like(places)))
    if not (rows.values in _KIND_OF and _TYPE_OF[rows.values] in fold.types):
        return None
    return _of(rows, _KIND_OF[rows.values], flat)


def _of(rows: Rows, kind: Kind, flat: pa.Array) -> Rows:
    return rows.with_values(kind, _lists(kind, np.ones(len(rows), np.int64), flat))


def _places(values: Vector, bounds: tuple[int | float, ...]) -> Vector | None:
    """As bisect_right finds them."""
    edges = np.array(bounds)
    if values.dtype != edges.dtype:
        ints = values if values.dtype == np.int64 else edges
        if ints.min() < -_EXACT_MAX or ints.max() > _EXACT_MAX:
            return None
    return np.searchsorted(edges, values, side="right").astype(np.int64)


def _bins(places: Vector, counts: Vector) -> pa.Array:
    fields = list(LISTS[BINS].value_type)
    return pa.StructArray.from_arrays([vector_column(places), vector_column(counts)], fields=fields)


def foldable(rows: Rows) -> bool:
    """Whether columns do what Python would."""
    return len(rows) > 0 and rows.values in LISTS


def reduced(rows: Rows, starts: Vector, fold: AnyFold) -> pa.Array:
    """The lists of sorted rows: one from each start to the next."""
    column = rows.batch.columns[-1]
    sizes = np.add.reduceat(_lengths(column), starts)
    if fold is Fold.COLLECT:
        return _lists(rows.values, sizes, column.flatten())
    groups = np.repeat(np.arange(len(starts)), sizes)
    flat = column.flatten()
    if rows.values is BINS:
        return _counted(flat, groups, len(starts))
    if isinstance(fold, Greatest):
        order = _falling(flat, groups)
        begins = np.cumsum(sizes) - sizes
        # Groups lie where they lay: only their items have changed places.
        kept = order[np.arange(len(order)) - begins[groups] < fold.size]
        counts = np.minimum(sizes, fold.size)
    else:
        order = sort_order(flat, groups.astype(np.uint32))
        codes = vector(flat if rows.values is INTS else flat.dictionary_encode().indices)[order]
        kept = order[_changes(codes) | _changes(groups)]
        counts = np.bincount(groups[kept], minlength=len(starts))
    return _lists(rows.values, counts, flat.take(vector_column(kept)))


def _falling(flat: pa.Array, groups: Vector) -> Vector:
    """The order of (group, greatest first); of equal ones the earlier first."""
    values = vector(flat)
    if values.dtype == np.int64:
        # The one's complement turns the order round, also of the least.
        return sort_order(vector_column(~values), groups.astype(np.uint32))
    return np.lexsort((-values, ~np.isnan(values), groups))


def _counted(flat: pa.Array, groups: Vector, size: int) -> pa.Array:
    places, counts = vector(flat.field(0)), vector(flat.field(1))
    order = np.lexsort((places, groups))
    places, groups = places[order], groups[order]
    begins = np.flatnonzero(_changes(places) | _changes(groups))
    found = _bins(places[begins], np.add.reduceat(counts[order], begins))
    return _lists(BINS, np.bincount(groups[begins], minlength=size), found)


def results(rows: Rows, fold: AnyFold) -> Rows:
    """One list a key to its result."""
    lengths = _lengths(rows.batch.columns[-1])
    if fold is Fold.COUNT_DISTINCT:
        return rows.with_values(INT, vector_column(lengths))
    if not isinstance(fold, Binned):
        return rows
    flat = rows.batch.columns[-1].flatten()
    bins = len(fold.bounds) + 1
    whole = np.zeros(len(rows) * bins, np.int64)
    row_of = np.repeat(np.arange(len(rows)), lengths)
    whole[row_of * bins + vector(flat.field(0))] = vector(flat.field(1))
    sizes = np.full(len(rows), bins)
    return rows.with_values(INTS, _lists(INTS, sizes, vector_column(whole)))


def _lengths(column: pa.Array) -> Vector:
    return np.asarray(np.diff(vector(column.offsets)).astype(np.int64))


def _changes(vector: Vector) -> Vector:
    return np.concatenate(([True], vector[1:] != vector[:-1]))


def _lists(kind: Kind, sizes: Vector, flat: pa.Array) -> pa.Array:
    offsets = np.zeros(len(sizes) + 1, np.int32)
    np.cumsum(sizes, out=offsets[1:])
    places = pa.Array.from_buffers(pa.int32(), len(offsets), [None, pa.py_buffer(offsets)])
    return pa.ListArray.from_arrays(places, flat, type=LISTS[kind])
