"""Rows from the columns that user code yields: typed where they are int, float, str or bytes."""

from typing import Any, Final

import numpy as np
import pyarrow as pa

from mapred.shuffle.columns import BYTES, FLOAT, INT, SCHEMAS, STR, Kind, Rows, rows_of

_KEY: Final = "key"
_VALUE: Final = "value"


def rows_from(item: Any) -> Rows:
    """Of a batch or table with a key and a value, or a pair of columns.

    Raises:
        TypeError: it is none of these; or as `rows_of`.
        ValueError: a batch without keys or values, or columns of two lengths.
    """
    keys, values = _columns(item)
    if len(keys) != len(values):
        raise ValueError(f"there are {len(keys)} keys, but {len(values)} values")
    typed_keys, typed_values = _typed(keys), _typed(values)
    if typed_keys is None or typed_values is None:
        return rows_of(_listed(keys), _listed(values))
    (key_kind, keys), (value_kind, values) = typed_keys, typed_values
    schema = SCHEMAS[key_kind, value_kind]
    return Rows(key_kind, value_kind, pa.RecordBatch.from_arrays([keys, values], schema=schema))


def _columns(item: Any) -> tuple[Any, Any]:
    if isinstance(item, pa.RecordBatch | pa.Table):
        names = item.schema.names
        if _KEY not in names or len(names) < 2:
            raise ValueError(f"the batch has the columns {names}: it needs `key` and `value`")
        others = [name for name in names if name != _KEY]
        if others == [_VALUE]:
            return item.column(_KEY), item.column(_VALUE)
        return item.column(_KEY), item.select(others).to_pylist()
    if isinstance(item, tuple) and len(item) == 2 and all(map(_is_column, item)):
        return item
    raise TypeError(
        f"{type(item).__name__} is neither a RecordBatch nor a pair of columns. "
        "Write  yield keys, values  with two arrays of one length"
    )


def _is_column(column: Any) -> bool:
    return isinstance(column, pa.Array | pa.ChunkedArray | np.ndarray | list)


def _typed(column: Any) -> tuple[Kind, pa.Array] | None:
    array = _as_arrow(column)
    kind = _kind(array.type) if array is not None and not array.null_count else None
    if kind is None:
        return None
    wanted = SCHEMAS[kind, INT].field(0).type
    try:
        return kind, array if array.type == wanted else array.cast(wanted)
    except pa.ArrowInvalid:
        # A uint64 past int64, a large_string past 2 GiB.
        return None


def _as_arrow(column: Any) -> Any:
    """None: what Arrow would make of it isn't what Python has."""
    if isinstance(column, list):
        return None
    if isinstance(column, np.ndarray):
        return pa.array(column) if column.ndim == 1 and column.dtype.kind in "iufUS" else None
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        # More than 2 GiB: in several pieces even so.
        return None
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _kind(kind: pa.DataType) -> Kind | None:
    if pa.types.is_integer(kind):
        return INT
    if pa.types.is_floating(kind):
        return FLOAT
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return STR
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return BYTES
    return None


def _listed(column: Any) -> list[Any]:
    if isinstance(column, list):
        return column
    if isinstance(column, np.ndarray):
        return list(column) if column.ndim > 1 else list(column.tolist())
    return list(column.to_pylist())
