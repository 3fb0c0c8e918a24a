"""Records as Arrow columns: how keys and values are typed, and how they come back.

A batch of rows has one kind of key and one kind of value:

    kind        columns                             when
    INT         int64                               every one is an int that fits
    FLOAT       float64                             every one is a float
    STR         string                              every one is a str without lone surrogates
    BYTES       binary                              every one is bytes
    ENCODED     keys: order (binary, keys.encode), original (binary, pickled)   otherwise
    PICKLED     values: binary, pickle protocol 5   otherwise
    MEAN_…      values: struct                      partial results of built-in reducers, which
    MOMENTS                                         columns fold (partials.py): tuples in Python
    …S          values: list                        the same, lists or dicts in Python (listed.py)

The first column is what sorts. Kinds come back as the very objects that went in; where
equal keys of different types meet (1 and 1.0), reduce sees the first in order.
"""

import pickle
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mapred.shuffle.cells import Cells, cells_of, column_of, taken
from mapred.shuffle.keys import encode


class Kind(IntEnum):
    """Stored in every frame: a number once given stays."""

    INT = 0
    FLOAT = 1
    STR = 2
    BYTES = 3
    # Keys only.
    ENCODED = 4
    # Values only.
    PICKLED = 5
    MEAN_INT = 6
    MEAN_FLOAT = 7
    MOMENTS = 8
    INTS = 9
    FLOATS = 10
    STRS = 11
    BINS = 12


INT, FLOAT, STR, BYTES, ENCODED, PICKLED, MEAN_INT, MEAN_FLOAT, MOMENTS = list(Kind)[:9]
INTS, FLOATS, STRS, BINS = list(Kind)[9:]

# Kinds whose values are tuples.
STRUCTS: Final = {
    MEAN_INT: pa.struct([("count", pa.int64()), ("total", pa.int64())]),
    MEAN_FLOAT: pa.struct([("count", pa.int64()), ("total", pa.float64())]),
    MOMENTS: pa.struct([("count", pa.int64()), ("mean", pa.float64()), ("squares", pa.float64())]),
}
# Kinds whose values are lists; BINS are dicts of an int to an int.
LISTS: Final = {
    INTS: pa.list_(pa.int64()),
    FLOATS: pa.list_(pa.float64()),
    STRS: pa.list_(pa.string()),
    BINS: pa.list_(pa.struct([("place", pa.int64()), ("count", pa.int64())])),
}
_ARROW: Final = {
    INT: pa.int64(),
    FLOAT: pa.float64(),
    STR: pa.string(),
    BYTES: pa.binary(),
    **STRUCTS,
    **LISTS,
}
# What an Arrow column holds at most: its offsets have 31 bits.
COLUMN_BYTES_MAX: Final = (1 << 31) - 1
INT64_MAX: Final = (1 << 63) - 1
_KIND_OF: Final = {int: INT, float: FLOAT, str: STR, bytes: BYTES}


def _schema(keys: Kind, values: Kind) -> pa.Schema:
    fields = (
        [("order", pa.binary()), ("key", pa.binary())]
        if keys is ENCODED
        else [("key", _ARROW[keys])]
    )
    return pa.schema([*fields, ("value", _ARROW.get(values, pa.binary()))])


SCHEMAS: Final = {
    (keys, values): _schema(keys, values)
    for keys in (INT, FLOAT, STR, BYTES, ENCODED)
    for values in (INT, FLOAT, STR, BYTES, PICKLED, *STRUCTS, *LISTS)
}


@dataclass(frozen=True, slots=True)
class Rows:
    """Some records in columns."""

    keys: Kind
    values: Kind
    batch: pa.RecordBatch

    def __len__(self) -> int:
        return int(self.batch.num_rows)

    @property
    def order(self) -> pa.Array:
        """The column that sorts."""
        return self.batch.column(0)

    @property
    def is_numbered(self) -> bool:
        """Whether the keys are numbers."""
        return self.keys in (INT, FLOAT)

    @property
    def bytes(self) -> int:
        return int(self.batch.nbytes)

    def slice(self, start: int, length: int) -> "Rows":
        return Rows(self.keys, self.values, self.batch.slice(start, length))

    def take(self, rows: Any) -> "Rows":
        return next(self.takes([rows]))

    def takes(self, pieces: Iterable[Any]) -> Iterator["Rows"]:
        """Some rows after others, as `take` gives them."""
        tables = [_cells(column) for column in self.batch.columns]
        for rows in pieces:
            yield self._taken(rows, tables)

    def _taken(self, rows: Any, tables: list[Cells | None]) -> "Rows":
        if all(cells is None for cells in tables):
            return Rows(self.keys, self.values, self.batch.take(vector_column(rows)))
        at = np.asarray(rows, np.int64)
        columns = [
            column.take(vector_column(at))
            if cells is None or len(at) * cells.shape[1] > COLUMN_BYTES_MAX
            else column_of(taken(cells, at), column.type)
            for column, cells in zip(self.batch.columns, tables, strict=True)
        ]
        return _rows(self.keys, self.values, columns)

    def key_list(self) -> list[Any]:
        if self.keys is ENCODED:
            return list(map(pickle.loads, self.batch.column(1).to_pylist()))
        return list(self.batch.column(0).to_pylist())

    def value_list(self) -> list[Any]:
        column = self.batch.column(self.batch.num_columns - 1)
        if self.values is PICKLED:
            return list(map(pickle.loads, column.to_pylist()))
        if self.values in STRUCTS:
            fields = [column.field(at).to_pylist() for at in range(column.type.num_fields)]
            return list(zip(*fields, strict=True))
        if self.values in LISTS:
            return _lists(self.values, column)
        return list(column.to_pylist())

    def pairs(self) -> list[tuple[Any, Any]]:
        """As Python has them."""
        return list(zip(self.key_list(), self.value_list(), strict=True))

    def with_values(self, values: Kind, column: pa.Array) -> "Rows":
        """The same keys with other values."""
        return _rows(self.keys, values, [*self.batch.columns[:-1], column])

    def with_value_list(self, values: Sequence[Any]) -> "Rows":
        """The same keys with other values, in a column of the narrowest kind."""
        return self.with_values(*_value_column(values))

    def recast(self, keys: Kind, values: Kind) -> "Rows":
        """The same records in more general kinds."""
        if (keys, values) == (self.keys, self.values):
            return self
        key_columns = self.batch.columns[:-1]
        if keys is not self.keys:
            key_columns = list(_encoded(self.key_list()))
        value_column = self.batch.columns[-1]
        if values is not self.values:
            value_column = _pickled(self.value_list())
        return _rows(keys, values, [*key_columns, value_column])


def rows_of(keys: Sequence[Any], values: Sequence[Any]) -> Rows:
    """Records in columns of the narrowest kinds.

    Raises:
        TypeError: a key of a type without order, or a value that can't be pickled.
        OverflowError: more than 2 GiB of keys or values.
    """
    key_kind, order, originals = key_column(keys)
    value_kind, value_column = _value_column(values)
    key_columns = [order] if originals is None else [order, originals]
    return _rows(key_kind, value_kind, [*key_columns, value_column])


def _rows(keys: Kind, values: Kind, columns: list[pa.Array]) -> Rows:
    schema = SCHEMAS[keys, values]
    return Rows(keys, values, pa.RecordBatch.from_arrays(columns, schema=schema))


def key_column(keys: Sequence[Any]) -> tuple[Kind, pa.Array, pa.Array | None]:
    """(kind, the column that sorts, the originals where the first isn't enough)."""
    typed = _typed(keys)
    if typed:
        return (*typed, None)
    return (ENCODED, *_encoded(keys))


def _value_column(values: Sequence[Any]) -> tuple[Kind, pa.Array]:
    return _typed(values) or (PICKLED, _pickled(values))


def _typed(items: Sequence[Any]) -> tuple[Kind, pa.Array] | None:
    types = set(map(type, items))
    kind = _KIND_OF.get(types.pop()) if len(types) == 1 else None
    if kind is None:
        return None
    try:
        return kind, _array(items, _ARROW[kind])
    except (pa.ArrowInvalid, UnicodeEncodeError):
        return None
    except OverflowError:
        if kind is INT:
            return None
        raise


def _array(items: Sequence[Any], kind: pa.DataType) -> pa.Array:
    try:
        column = pa.array(items, kind)
    except pa.ArrowCapacityError:
        # One item alone.
        column = None
    if not isinstance(column, pa.Array) or column.nbytes > COLUMN_BYTES_MAX:
        raise OverflowError(f"{len(items)} records have more than 2 GiB of keys or values")
    return column


def _encoded(keys: Sequence[Any]) -> tuple[pa.Array, pa.Array]:
    return _array(list(map(encode, keys)), pa.binary()), _pickled(keys)


def _pickled(items: Sequence[Any]) -> pa.Array:
    dumps = pickle.dumps
    return _array([dumps(item, 5) for item in items], pa.binary())


def _cells(column: pa.Array) -> Cells | None:
    kind = column.type
    return cells_of(column) if pa.types.is_binary(kind) or pa.types.is_string(kind) else None


def vector_column(vector: Any) -> pa.Array:
    """A vector of int64 or float64, or a list of ints, as it is.

    `pa.array` would import numpy.ma, to ask whether some are masked: 10 ms in a fresh process.
    """
    vector = np.ascontiguousarray(vector)
    kind = pa.float64() if vector.dtype == np.float64 else pa.int64()
    if kind == pa.int64():
        vector = vector.astype(np.int64, copy=False)
    return pa.Array.from_buffers(kind, len(vector), [None, pa.py_buffer(vector)])


def vector(column: pa.Array) -> NDArray[Any]:
    """A column of numbers as numpy has it."""
    return np.asarray(column.to_numpy(zero_copy_only=False))


def _lists(kind: Kind, column: pa.Array) -> list[Any]:
    offsets = column.offsets.to_pylist()
    flat = column.flatten()
    items = (
        list(zip(flat.field(0).to_pylist(), flat.field(1).to_pylist(), strict=True))
        if kind is BINS
        else flat.to_pylist()
    )
    make: Any = dict if kind is BINS else list
    begin = offsets[0]
    return [make(items[one - begin : other - begin]) for one, other in pairwise(offsets)]


def common_kinds(rows: Sequence[Rows]) -> tuple[Kind, Kind]:
    """The narrowest kinds that hold all of these."""
    keys, values = {one.keys for one in rows}, {one.values for one in rows}
    return (
        keys.pop() if len(keys) == 1 else ENCODED,
        values.pop() if len(values) == 1 else PICKLED,
    )


def joined(parts: Sequence[Rows]) -> Rows:
    """One batch of them all, in this order; at least one."""
    if len(parts) == 1:
        return parts[0]
    keys, values = common_kinds(parts)
    batches = [part.recast(keys, values).batch for part in parts]
    columns = [
        pa.concat_arrays([batch.column(at) for batch in batches])
        for at in range(batches[0].num_columns)
    ]
    return _rows(keys, values, columns)
