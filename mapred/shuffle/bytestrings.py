"""A string or binary column as numpy sees it: eight bytes of every row at a time."""

from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_WORD: Final = 8
# Which bits of a word count when only n of its bytes belong to the row.
_KEEP_FIRST_LOW: Final = np.array([(1 << 8 * n) - 1 for n in range(9)], np.uint64)
_KEEP_FIRST_HIGH: Final = np.array(
    [((1 << 8 * n) - 1) << (64 - 8 * n) for n in range(9)], np.uint64
)


class ByteStrings:
    """Read-only view of a column without nulls."""

    def __init__(self, column: pa.Array) -> None:
        _, offsets, data = column.buffers()
        ends = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
        first, last = (int(ends[0]), int(ends[-1])) if len(column) else (0, 0)
        self.starts: NDArray[np.int64] = (ends[:-1] - first).astype(np.int64)
        self.lengths: NDArray[np.int64] = np.diff(ends).astype(np.int64)
        # A row's last word may reach past the end: padded so that it reads zeros.
        self._data = np.zeros(last - first + _WORD, np.uint8)
        if data is not None:
            self._data[: last - first] = np.frombuffer(data, np.uint8)[first:last]

    def words(self, rows: NDArray[np.int64], at: int, order: str) -> NDArray[np.uint64]:
        """Bytes `at` to `at + 8` of the rows, zero past their ends; order "<u8" or ">u8".

        Every row must be longer than `at`.
        """
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
        return len(self.lengths)
