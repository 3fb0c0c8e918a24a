"""Sums, least and greatest numbers by key, in tables that are kept while rows come: no row is
sorted, and keys that come again cost a look into a CPU's cache.

For keys that are ints, or strings of up to 64 bytes without a NUL. Floats are added in their order.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mapred.shuffle.columns import (
    BYTES,
    FLOAT,
    INT,
    INT64_MAX,
    SCHEMAS,
    STR,
    Kind,
    Rows,
    joined,
    vector,
    vector_column,
)
from mapred.shuffle.folds import AnyFold, Fold
from mapred.shuffle.keytable import MAP_STAGE, Indices, KeyTable, Words
from mapred.shuffle.slices import column_of, slices_of
from mapred.shuffle.summing import largest_sum

# numpy's function, and what changes nothing: for ints, and for floats.
_FOLDS: Final[dict[AnyFold, tuple[np.ufunc, int, float]]] = {
    # 0.0 + -0.0 is 0.0, so the zero is the other one.
    Fold.SUM: (np.add, 0, -0.0),
    Fold.MIN: (np.minimum, INT64_MAX, np.inf),
    Fold.MAX: (np.maximum, -INT64_MAX - 1, -np.inf),
}


def hashes(fold: AnyFold) -> bool:
    """Whether there are tables for this fold."""
    return fold in _FOLDS


def suits(rows: Rows, fold: AnyFold) -> bool:
    """Whether a table might take rows like these."""
    return fold in _FOLDS and rows.keys in (INT, STR, BYTES) and rows.values in (INT, FLOAT)


class HashFold:
    """Takes rows of two kinds, as `foldable` allows them; holds one row for each of their keys."""

    def __init__(
        self, keys: Kind, values: Kind, fold: AnyFold, bytes_max: int, stage: int = MAP_STAGE
    ) -> None:
        self._stage = stage
        self.kinds = keys, values
        self._fold = fold
        self._bytes_max = bytes_max
        # By the number of words of a key.
        self._tables: dict[int, KeyTable] = {}
        # No sum is greater.
        self._sum_max = 0
        self.records = 0

    @property
    def full(self) -> bool:
        """Whether it should be emptied before it takes more."""
        tables = self._tables.values()
        return sum(one.bytes for one in tables) > self._bytes_max or any(one.full for one in tables)

    @property
    def key_bytes(self) -> int:
        """What a key takes up, of the kind that takes up most: half of the places are free."""
        return 2 * max((one.place_bytes for one in self._tables.values()), default=0)

    @property
    def keys(self) -> int:
        return sum(table.keys for table in self._tables.values())

    def has_room_for(self, rows: Rows) -> bool:
        """Whether sums stay within 64 bits."""
        if self._fold is not Fold.SUM or rows.values is not INT:
            return True
        return self._sum_max + largest_sum(rows.batch.columns[-1]) <= INT64_MAX

    def add(self, rows: Rows) -> Rows | None:
        """Those rows that it doesn't take."""
        if self._fold is Fold.SUM and rows.values is INT:
            self._sum_max += largest_sum(rows.batch.columns[-1])
        values = vector(rows.batch.columns[-1])
        refused: list[Indices] = []
        if rows.keys is INT:
            refused.append(self._table(1).add([vector(rows.order).view(np.uint64)], values))
        else:
            slices = slices_of(rows.order)
            if slices is None:
                return rows
            for size, at, words in slices.by_words():
                some = values if at is None else values[at]
                left = self._table(size).add(words, some)
                refused.append(left if at is None else at[left])
            if slices.longer is not None:
                refused.append(slices.longer)
        rest = np.sort(np.concatenate(refused))
        self.records += len(rows) - len(rest)
        return rows.take(rest) if len(rest) else None

    def rows(self) -> Rows | None:
        """What it holds, in no order; it is empty from then on."""
        parts = list(self.pieces())
        return joined(parts) if parts else None

    def pieces(self) -> Iterator[Rows]:
        """The same, some rows at a time."""
        tables, self._tables, self._sum_max, self.records = self._tables, {}, 0, 0
        for size in list(tables):
            for words, values in tables.pop(size).items():
                yield self._of(words, values)

    def _of(self, words: list[Words], values: NDArray[Any]) -> Rows:
        schema = SCHEMAS[self.kinds]
        kind = schema.field(0).type
        is_int = self.kinds[0] is INT
        keys = vector_column(words[0].view(np.int64)) if is_int else column_of(words, kind)
        columns = [keys, vector_column(values)]
        return Rows(*self.kinds, pa.RecordBatch.from_arrays(columns, schema=schema))

    def _table(self, words: int) -> KeyTable:
        table = self._tables.get(words)
        if table is None:
            fold, of_ints, of_floats = _FOLDS[self._fold]
            ints = self.kinds[1] is INT
            start, kind = (of_ints, np.int64) if ints else (of_floats, np.float64)
            table = KeyTable(words, fold, start, kind, self._bytes_max, self._stage)
            self._tables[words] = table
        # It may grow into what the others leave.
        others = sum(one.bytes for one in self._tables.values()) - table.bytes
        table.bytes_max = self._bytes_max - others
        return table
