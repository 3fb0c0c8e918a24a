"""A string or binary column as numpy sees it: eight bytes of every row at a time."""

from functools import cached_property
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mapred.shuffle.cells import cells_of, words_at

_WORD: Final = 8
# Which bits of a word count when only n of its bytes belong to the row.
_KEEP_FIRST_LOW: Final = np.array([(1 << 8 * n) - 1 for n in range(9)], np.uint64)
_KEEP_FIRST_HIGH: Final = np.array(
    [((1 << 8 * n) - 1) << (64 - 8 * n) for n in range(9)], np.uint64
)


class ByteStrings:
    """Read-only view of a column without nulls."""

    def __init__(self, column: pa.Array) -> None:
        self._column = column
        self._cells = cells_of(column)

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        return np.diff(self._ends).astype(np.int64)

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        return (self._ends[:-1] - self._ends[:1]).astype(np.int64)

    def words_at(self, at: int, order: str) -> NDArray[np.uint64]:
        """Bytes `at` to `at + 8` of every row, zero past its end; order "<u8" or ">u8"."""
        if self._cells is not None:
            return words_at(self._cells, at, order)
        words = np.zeros(len(self), np.uint64)
        longer = np.flatnonzero(self.lengths > at)
        words[longer] = self.words(longer, at, order)
        return words

    def words(self, rows: NDArray[np.int64], at: int, order: str) -> NDArray[np.uint64]:
        """The same of some rows, each of which must be longer than `at`."""
        unaligned: NDArray[Any] = np.ndarray(
            (len(self._data) - _WORD + 1,), order, buffer=self._data, strides=(1,)
        )
        words = unaligned[self.starts[rows] + at].astype(np.uint64)
        left = np.minimum(self.lengths[rows] - at, _WORD)
        return words & (_KEEP_FIRST_LOW if order[0] == "<" else _KEEP_FIRST_HIGH)[left]

    def at(self, row: int) -> bytes:
        start = int(self.starts[row])
        return self._data[start : start + int(self.lengths[row])].tobytes()

    def __len__(self) -> int:
        return len(self._column)

    @cached_property
    def _ends(self) -> NDArray[np.int32]:
        offsets = np.frombuffer(self._column.buffers()[1], np.int32)
        return offsets[self._column.offset :][: len(self._column) + 1]

    @cached_property
    def _data(self) -> NDArray[np.uint8]:
        first, last = (int(self._ends[0]), int(self._ends[-1])) if len(self) else (0, 0)
        # A row's last word may reach past the end: padded so that it reads zeros.
        padded = np.zeros(last - first + _WORD, np.uint8)
        data = self._column.buffers()[2]
        if data is not None:
            padded[: last - first] = np.frombuffer(data, np.uint8)[first:last]
        return padded
