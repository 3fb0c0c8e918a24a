"""A string or binary column whose rows have one length: a table of bytes, a line a row.

Records of one length are the most common large keys and values, and numpy moves lines of a table
several times as fast as Arrow moves strings.
"""

from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_WORD_BYTES: Final = 8
_OFFSET_BYTES: Final = 4

Cells = NDArray[np.uint8]


def cells_of(column: pa.Array) -> Cells | None:
    """The bytes where they lie; None: lengths differ, or there is no row."""
    rows = len(column)
    if not rows:
        return None
    _, offsets, data = column.buffers()
    ends = np.frombuffer(offsets, np.int32, rows + 1, _OFFSET_BYTES * column.offset)
    width = int(ends[1]) - int(ends[0])
    # The whole length tells nearly always.
    if int(ends[-1]) - int(ends[0]) != width * rows or (np.diff(ends) != width).any():
        return None
    if not width:
        return np.empty((rows, 0), np.uint8)
    return np.frombuffer(data, np.uint8, width * rows, int(ends[0])).reshape(rows, width)


def column_of(cells: Cells, kind: pa.DataType) -> pa.Array:
    """`cells` must be contiguous, and at most 2 GiB."""
    rows, width = cells.shape
    offsets = np.arange(rows + 1, dtype=np.int32) * np.int32(width)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(cells.reshape(-1))]
    return pa.Array.from_buffers(kind, rows, buffers)


def taken(cells: Cells, rows: NDArray[np.int64]) -> Cells:
    """These rows, in this order."""
    width = cells.shape[1]
    if not width:
        return np.empty((len(rows), 0), np.uint8)
    lines = cells.view(f"V{width}").reshape(-1)
    return lines.take(rows).view(np.uint8).reshape(-1, width)


def words_at(cells: Cells, at: int, order: str) -> NDArray[np.uint64]:
    """Bytes `at` to `at + 8` of every row as a number, zero past the end; order "<u8" or ">u8"."""
    rows, width = cells.shape
    if width - at < _WORD_BYTES:
        padded = np.zeros((rows, _WORD_BYTES), np.uint8)
        padded[:, : max(0, width - at)] = cells[:, at:]
        cells, at, width = padded, 0, _WORD_BYTES
    words: NDArray[Any] = np.ndarray((rows,), order, buffer=cells, offset=at, strides=(width,))
    return words.astype(np.uint64)
