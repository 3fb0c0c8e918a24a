"""Columns as lines of text, made whole: the bytes that `str` of each key and value would give."""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mapred.shuffle.columns import INT, STR, Rows

_TEXT: Final = pa.large_string()
# What Arrow writes as Python does: floats aren't, and bytes have quotes there.
_ALIKE: Final = (INT, STR)


def text_of(rows: Rows, separator: str, keys: bool, values: bool) -> bytes | None:
    """A line a row, with its key, its value, or both; None: Python must write these."""
    if (keys and rows.keys not in _ALIKE) or (values and rows.values not in _ALIKE):
        return None
    columns = [rows.batch.column(0)] if keys else []
    if values:
        columns.append(rows.batch.columns[-1])
    # One text may be larger than its columns.
    *before, last = [column.cast(_TEXT) for column in columns]
    end, between = pa.scalar("\n", _TEXT), pa.scalar(separator, _TEXT)
    # After the end of a line there is nothing more of it.
    lines = pc.binary_join_element_wise(last, pa.scalar("", _TEXT), end)
    for column in before:
        lines = pc.binary_join_element_wise(column, lines, between)
    _, offsets, data = lines.buffers()
    length = int(np.frombuffer(offsets, np.int64)[len(lines)])
    return data.slice(0, length).to_pybytes() if data else b""
