"""Rows of one key become one row, natively, as long as that is exact.

    folded         rows in any order, to rows in no particular one: by hash
    folded_sorted  sorted rows, as a merge gives them, stay so

Both give None for what numpy and Arrow can't do as Python would: values that aren't all int or all
float, or partial results of those (partials.py), and sums that might leave 64 bits. Then Python
does it, with the numbers as they are.
"""

from typing import Any, Final

import numpy as np
import pyarrow as pa

from mapred.shuffle import partials
from mapred.shuffle.columns import FLOAT, INT, INT64_MAX, SCHEMAS, Rows, vector, vector_column
from mapred.shuffle.folds import AnyFold, Fold
from mapred.shuffle.ordering import Indices, group_starts, sort_order
from mapred.shuffle.summing import largest_sum, sums_by_code, sums_of_runs

_UFUNCS: Final[dict[AnyFold, Any]] = {
    Fold.SUM: np.add,
    Fold.MIN: np.minimum,
    Fold.MAX: np.maximum,
}
_RADIX_MAX: Final = (1 << 16) - 1


def folded(rows: Rows, fold: AnyFold, *, floats: bool = False) -> Rows | None:
    """One row a key."""
    if rows.keys is FLOAT:
        # A hash takes the two zeros for two keys.
        return folded_sorted(rows.take(sort_order(rows.order)), fold, floats=floats)
    if not foldable(rows, fold, floats):
        return None
    if fold is Fold.SUM and rows.values is FLOAT:
        return _summed_floats(rows)
    if not isinstance(fold, Fold) or fold not in _UFUNCS:
        return _of_runs(*_in_runs(rows), fold)
    by, *originals = rows.batch.schema.names[:-1]
    # One thread: the order of additions is the order of rows.
    groups = pa.Table.from_batches([rows.batch]).group_by(by, use_threads=False)
    table = groups.aggregate([*((name, "first") for name in originals), ("value", fold.value)])
    columns = [table[by], *(table[f"{name}_first"] for name in originals)]
    return _with_values(rows, columns, table[f"value_{fold.value}"])


def folded_sorted(
    rows: Rows, fold: AnyFold, *, floats: bool = False, one_by_one: bool = False
) -> Rows | None:
    """One row a key. `one_by_one`: the result doesn't depend on where a key's rows were cut into
    batches before, the first of which are folded already."""
    if not foldable(rows, fold, floats):
        return None
    return _of_runs(rows, group_starts(rows.order), fold, one_by_one)


def _summed_floats(rows: Rows) -> Rows:
    """As Arrow's own hash would, but for the zeros: it begins every sum with 0.0."""
    codes = vector(rows.order.dictionary_encode().indices)
    firsts = np.zeros(codes.max() + 1, dtype=np.int64)
    # The last assignment stays: that of a key's first row.
    firsts[codes[::-1]] = np.arange(len(rows) - 1, -1, -1)
    sums = sums_by_code(vector(rows.batch.columns[-1]), codes, len(firsts))
    return rows.take(firsts).with_values(FLOAT, vector_column(sums))


def _in_runs(rows: Rows) -> tuple[Rows, Indices]:
    """Rows of a key side by side in their order, keys in none; and where each key starts."""
    codes = vector(rows.order.dictionary_encode().indices)
    if codes.max() <= _RADIX_MAX:
        # numpy sorts 16 bits by radix, which is several times as fast.
        order = np.argsort(codes.astype(np.uint16), kind="stable")
    else:
        order = sort_order(vector_column(codes))
    return rows.take(order), group_starts(vector_column(codes[order]))


def _of_runs(rows: Rows, starts: Indices, fold: AnyFold, one_by_one: bool = False) -> Rows:
    if len(starts) == len(rows):
        return rows
    firsts = rows.take(starts)
    if fold is Fold.FIRST:
        return firsts
    return firsts.with_values(rows.values, _reduced(rows, starts, fold, one_by_one))


def _reduced(rows: Rows, starts: Indices, fold: AnyFold, one_by_one: bool) -> pa.Array:
    """A value for each run of rows."""
    if fold is Fold.LAST:
        ends = np.append(starts[1:], len(rows)) - 1
        return rows.batch.columns[-1].take(vector_column(ends))
    if fold.has_partials:
        return partials.reduced(rows, starts, fold, one_by_one)
    values = vector(rows.batch.columns[-1])
    if fold is Fold.SUM:
        return vector_column(sums_of_runs(values, starts))
    return vector_column(_UFUNCS[fold].reduceat(values, starts))


def foldable(rows: Rows, fold: AnyFold, floats: bool) -> bool:
    """Whether columns do exactly what Python would."""
    if fold.has_partials:
        return partials.foldable(rows, fold)
    if fold in (Fold.FIRST, Fold.LAST):
        return len(rows) > 0
    if not len(rows) or rows.values not in (INT, FLOAT):
        return False
    if rows.values is FLOAT:
        values = vector(rows.batch.columns[-1])
        # Which zero is the least, and what NaN is: as Python has it.
        return floats and (fold is Fold.SUM or not (np.isnan(values) | (values == 0)).any())
    if fold is not Fold.SUM:
        return True
    return largest_sum(rows.batch.columns[-1]) <= INT64_MAX


def _with_values(rows: Rows, keys: list[Any], values: Any) -> Rows:
    columns = [_one_chunk(column) for column in [*keys, values]]
    schema = SCHEMAS[rows.keys, rows.values]
    return Rows(rows.keys, rows.values, pa.RecordBatch.from_arrays(columns, schema=schema))


def _one_chunk(column: Any) -> pa.Array:
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)
