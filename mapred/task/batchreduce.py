"""Reducing by batches: sorted rows become runs of whole groups, as columns."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mapred.columnar import BatchReducer
from mapred.shuffle import columns
from mapred.shuffle.columns import ENCODED, PICKLED, Rows, joined
from mapred.shuffle.ordering import group_starts
from mapred.task.blocks import as_rows
from mapred.task.failure import RecordError, sample_of


class BatchGroups:
    """Iterates over the rows that a reducer makes of each run."""

    def __init__(self, batches: Iterator[Rows], reducer: BatchReducer) -> None:
        self._batches = batches
        self._reducer = reducer
        # Rows in batches taken so far, and keys given out.
        self.records = 0
        self.groups = 0

    def __iter__(self) -> Iterator[Rows]:
        name = f"{type(self._reducer).__name__}.reduce_batch"
        for rows, starts in self._runs():
            self.groups += len(starts)
            for item in self._reducer.reduce_batch(*_given(rows, starts)) or ():
                yield as_rows(item, name)

    def _runs(self) -> Iterator[tuple[Rows, NDArray[np.int64]]]:
        # A group that may go on in the next batch: its pieces.
        held: list[Rows] = []
        for rows in self._batches:
            self.records += len(rows)
            if held and _same_key(held[0], rows, len(rows) - 1):
                held.append(rows)
                self._check(held)
                continue
            last = int(group_starts(rows.order)[-1])
            whole = joined([*held, rows.slice(0, last)])
            if len(whole):
                yield whole, group_starts(whole.order)
            held = [rows.slice(last, len(rows) - last)]
        if held:
            whole = joined(held)
            yield whole, group_starts(whole.order)

    def _check(self, held: list[Rows]) -> None:
        """Raises RecordError where a group is larger than what a column holds."""
        size = sum(rows.bytes for rows in held)
        if size > columns.COLUMN_BYTES_MAX:
            raise RecordError(
                f"the values of the key {sample_of(held[0].slice(0, 1).key_list()[0])} have "
                f"{size} bytes or more, and {type(self._reducer).__name__}, a BatchReducer, gets "
                f"whole groups of at most {columns.COLUMN_BYTES_MAX}. Let a Reducer take them"
            )


def _same_key(one: Rows, other: Rows, row: int) -> bool:
    """Whether the first row of one and that row of the other are of one group."""
    return len(group_starts(joined([one.slice(0, 1), other.slice(row, 1)]).order)) == 1


def _given(rows: Rows, starts: NDArray[np.int64]) -> tuple[Any, Any, NDArray[np.int64]]:
    firsts = rows.take(starts)
    keys = firsts.key_list() if rows.keys is ENCODED else firsts.order
    values = rows.value_list() if rows.values is PICKLED else rows.batch.columns[-1]
    return keys, values, np.append(starts, len(rows))
