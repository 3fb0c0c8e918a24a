"""Records of one length as columns and back, a block at a time: no object a record."""

import numpy as np
import pyarrow as pa

from mapred.shuffle.cells import Cells, cells_of, column_of
from mapred.shuffle.columns import BYTES, Rows


def record_columns(at: int, block: bytes, record_bytes: int, key_bytes: int) -> pa.RecordBatch:
    """Whole records that begin at byte `at` of the file, as `key` and `value`."""
    table = np.frombuffer(block, np.uint8).reshape(-1, record_bytes)
    if key_bytes:
        keys = _binary(table[:, :key_bytes])
    else:
        keys = pa.array(np.arange(at, at + len(block), record_bytes))
    return pa.RecordBatch.from_arrays([keys, _binary(table[:, key_bytes:])], ["key", "value"])


def _binary(cells: Cells) -> pa.Array:
    return column_of(np.ascontiguousarray(cells), pa.binary())


def joined_records(rows: Rows, record_bytes: int) -> memoryview | None:
    """Keys and values side by side; None where they aren't bytes of one length each."""
    if rows.keys is not BYTES or rows.values is not BYTES or not len(rows):
        return None
    keys, values = (cells_of(column) for column in rows.batch.columns)
    if keys is None or values is None or keys.shape[1] + values.shape[1] != record_bytes:
        return None
    records = np.empty((len(rows), record_bytes), np.uint8)
    records[:, : keys.shape[1]] = keys
    records[:, keys.shape[1] :] = values
    return records.reshape(-1).data
