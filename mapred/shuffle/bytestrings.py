"""A string or binary column as numpy sees it: eight bytes of every row at a time."""

from functools import cached_property
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mapred.shuffle.cells import cells_of, words_at

_WORD: Final = 8
# Of so many rows at a time, what is made of them stays in a CPU's cache, and is never large.
_PIECE_ROWS: Final = 32_768
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

    @property
    def even(self) -> bool:
        """Whether all rows have one length; there `words_at` is quick."""
        return self._cells is not None

    @cached_property
    def lengths(self) -> NDArray[np.int32]:
        return np.diff(self._ends)

    @property
    def starts(self) -> NDArray[np.int32]:
        """Where each row begins in the column's data."""
        return self._ends[:-1]

    def words_at(self, at: int, order: str) -> NDArray[np.uint64]:
        """Bytes `at` to `at + 8` of every row, zero past its end; order "<u8" or ">u8"."""
        if self._cells is not None:
            return words_at(self._cells, at, order)
        words = np.zeros(len(self), np.uint64)
        for start in range(0, len(self), _PIECE_ROWS):
            longer = np.flatnonzero(self.lengths[start : start + _PIECE_ROWS] > at) + start
            words[longer] = self.words(longer, at, order)
        return words

    def words(self, rows: NDArray[np.int64], at: int, order: str) -> NDArray[np.uint64]:
        """The same of some rows, each of which must be longer than `at`."""
        last = len(self._data) - _WORD
        unaligned: NDArray[Any] = np.ndarray((last + 1,), order, buffer=self._data, strides=(1,))
        places = self.starts[rows].astype(np.int64) + at
        # Words that would reach past the end of the data.
        late = np.flatnonzero(places > last)
        missing = ((places[late] - last) * _WORD).astype(np.uint64)
        places[late] = last
        words = unaligned[places].astype(np.uint64, copy=False)
        little = order[0] == "<"
        words[late] = words[late] >> missing if little else words[late] << missing
        left = np.minimum(self.lengths[rows] - at, _WORD)
        words &= (_KEEP_FIRST_LOW if little else _KEEP_FIRST_HIGH)[left]
        return words

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
        data = np.frombuffer(self._column.buffers()[2] or b"", np.uint8)
        # There is always a word.
        return data if len(data) >= _WORD else np.append(data, np.zeros(_WORD, np.uint8))
