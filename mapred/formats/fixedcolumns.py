"""Records of one length as columns and back, a block at a time: no object a record."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mapred.shuffle.columns import BYTES, Rows


def record_columns(at: int, block: bytes, record_bytes: int, key_bytes: int) -> pa.RecordBatch:
    """Whole records that begin at byte `at` of the file, as `key` and `value`."""
    table = np.frombuffer(block, np.uint8).reshape(-1, record_bytes)
    if key_bytes:
        keys = _binary(table[:, :key_bytes])
    else:
        keys = pa.array(np.arange(at, at + len(block), record_bytes))
    return pa.RecordBatch.from_arrays([keys, _binary(table[:, key_bytes:])], ["key", "value"])


def _binary(cells: NDArray[np.uint8]) -> pa.Array:
    rows, width = cells.shape
    offsets = np.arange(rows + 1, dtype=np.int32) * np.int32(width)
    data = np.ascontiguousarray(cells)
    return pa.Array.from_buffers(pa.binary(), rows, [None, pa.py_buffer(offsets), _buffer(data)])


def _buffer(data: NDArray[np.uint8]) -> pa.Buffer:
    return pa.py_buffer(data.reshape(-1))


def joined_records(rows: Rows, record_bytes: int) -> bytes | None:
    """Keys and values side by side; None where they aren't bytes of one length each."""
    if rows.keys is not BYTES or rows.values is not BYTES or not len(rows):
        return None
    keys, values = (_cells(column) for column in rows.batch.columns)
    if keys is None or values is None or keys.shape[1] + values.shape[1] != record_bytes:
        return None
    return np.concatenate([keys, values], axis=1).tobytes()


def _cells(column: Any) -> NDArray[np.uint8] | None:
    _, offsets, data = column.buffers()
    ends = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
    width = int(ends[1] - ends[0])
    if not (np.diff(ends) == width).all():
        return None
    if not width:
        return np.empty((len(column), 0), np.uint8)
    flat = np.frombuffer(data, np.uint8)[ends[0] : ends[-1]]
    return flat.reshape(len(column), width)
