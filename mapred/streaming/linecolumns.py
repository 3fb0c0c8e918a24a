"""Lines of a program's output as columns of keys and values, without a Python object for each.

A line without the wanted separator is a key with an empty value.
"""

from typing import Final

import numpy as np
import pyarrow as pa

from mapred.streaming.contract import Fields

_NEWLINE: Final = 10


def columns_of(lines: bytes, fields: Fields) -> tuple[pa.Array, pa.Array]:
    """Keys and values of whole lines, the last of which may lack its end; both binary."""
    if not lines.endswith(b"\n"):
        lines += b"\n"
    if len(fields.separator) != 1 or fields.keys < 1:
        return _one_by_one(lines, fields)
    letters = np.frombuffer(lines, np.uint8)
    ends = np.flatnonzero(letters == _NEWLINE)
    starts = np.concatenate(([0], ends[:-1] + 1))
    separators = np.flatnonzero(letters == fields.separator[0])
    # The one that ends the key, if it is in the same line.
    wanted = np.searchsorted(separators, starts) + (fields.keys - 1)
    there = np.append(separators, len(lines))[np.minimum(wanted, len(separators))]
    cuts = np.minimum(there, ends)
    values = np.minimum(cuts + 1, ends)
    # key, separator, value, line end; and again.
    borders = np.append(np.column_stack((starts, cuts, values, ends)).ravel(), len(lines))
    pieces = pa.Array.from_buffers(
        pa.large_binary(),
        len(borders) - 1,
        [None, pa.py_buffer(borders.astype(np.int64)), pa.py_buffer(lines)],
    )
    rows = np.arange(len(ends)) * 4
    return _taken(pieces, rows), _taken(pieces, rows + 2)


def _taken(pieces: pa.Array, rows: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> pa.Array:
    return pieces.take(pa.array(rows)).cast(pa.binary())


def _one_by_one(lines: bytes, fields: Fields) -> tuple[pa.Array, pa.Array]:
    pairs = [_cut(line, fields) for line in lines[:-1].split(b"\n")]
    keys, values = [key for key, _ in pairs], [value for _, value in pairs]
    return pa.array(keys, pa.binary()), pa.array(values, pa.binary())


def _cut(line: bytes, fields: Fields) -> tuple[bytes, bytes]:
    by = fields.separator
    if not by or fields.keys < 1:
        return line, b""
    parts = line.split(by, fields.keys)
    if len(parts) <= fields.keys:
        return line, b""
    return by.join(parts[: fields.keys]), parts[fields.keys]
