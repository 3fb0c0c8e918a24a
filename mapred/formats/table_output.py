"""Parquet and Arrow out: a pair is a row of the fields that fields.py makes of it.

Columns have the types that were told (`types`: column → Arrow's name, such as int64, string,
float64, bool, date32[day]), or those that Arrow finds in the first rows of the file; what doesn't
fit them later is an error. A part without rows has no file, unless all types were told.

    columns       names of the fields
    types         column → type
    compression   parquet: snappy (if nothing is said), zstd, gzip, lz4, brotli, none
                  arrow: lz4, zstd, none (if nothing is said)
    group_rows    rows of a row group or record batch at most
    stream        arrow only: a stream instead of a file
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import ipc

from mapred.errors import JobDefinitionError
from mapred.formats.fields import Fields
from mapred.shuffle.columns import ENCODED, PICKLED, Rows
from mapred.storage.port import OutputFile
from mapred.task.failure import RecordError

_GROUP_ROWS: Final = 128 * 1024
# Held as Arrow's columns until a group is full, or has this size.
_GROUP_BYTES_MAX: Final = 32 * 1024 * 1024
# What types are found in.
_LEARNED_FROM_ROWS: Final = 8192
# What fields.py calls a single key and a single value.
_NAMES: Final = ("key", "value")
_PARQUET_CODECS: Final = ("none", "snappy", "zstd", "gzip", "lz4", "brotli")
_ARROW_CODECS: Final = ("none", "lz4", "zstd")


@dataclass(frozen=True)
class _TableOutput:
    columns: Sequence[str] = ()
    types: Mapping[str, str] = field(default_factory=dict)
    group_rows: int = _GROUP_ROWS

    def __post_init__(self) -> None:
        if self.group_rows < 1:
            raise JobDefinitionError(f"a group can't have {self.group_rows} rows")
        for name, kind in self.types.items():
            if self.columns and name not in self.columns:
                raise JobDefinitionError(f"types tell of '{name}', which isn't one of the columns")
            try:
                pa.type_for_alias(kind)
            except ValueError:
                raise JobDefinitionError(
                    f"column '{name}' can't be of type '{kind}': Arrow has no such type"
                ) from None

    @property
    def schema(self) -> pa.Schema | None:
        """None: the rows must be seen first."""
        if not self.columns or set(self.columns) != set(self.types):
            return None
        return pa.schema([(name, pa.type_for_alias(self.types[name])) for name in self.columns])

    @property
    def lazy(self) -> bool:
        return self.schema is None


def _check_codec(codec: str, known: Sequence[str]) -> None:
    if codec not in known:
        raise JobDefinitionError(f"compression can't be '{codec}'. There are: {', '.join(known)}")


@dataclass(frozen=True)
class ParquetOutput(_TableOutput):
    """Parquet files."""

    compression: str = "snappy"

    suffix = ".parquet"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_codec(self.compression, _PARQUET_CODECS)

    def writer(self, file: OutputFile) -> "TableWriter":
        def begin(sink: Any, schema: pa.Schema) -> Any:
            return pq.ParquetWriter(sink, schema, compression=self.compression)

        return TableWriter(file, self, begin)


@dataclass(frozen=True)
class ArrowOutput(_TableOutput):
    """Arrow IPC files or streams."""

    compression: str = "none"
    stream: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_codec(self.compression, _ARROW_CODECS)

    @property
    def suffix(self) -> str:
        return ".arrows" if self.stream else ".arrow"

    def writer(self, file: OutputFile) -> "TableWriter":
        codec = None if self.compression == "none" else self.compression
        new = ipc.new_stream if self.stream else ipc.new_file

        def begin(sink: Any, schema: pa.Schema) -> Any:
            return new(sink, schema, options=ipc.IpcWriteOptions(compression=codec))

        return TableWriter(file, self, begin)


class TableWriter:
    """Rows into one part file. `begin(file, schema)` makes Arrow's writer."""

    def __init__(self, file: OutputFile, form: _TableOutput, begin: Any) -> None:
        self._form = form
        self._begin = begin
        self._sink = _Sink(file)
        self._schema = form.schema
        self._fields = Fields(form.columns)
        self._writer: Any = None
        # Pairs until the types are known; then batches until a group is full.
        self._pairs: list[tuple[Any, Any]] = []
        self._batches: list[pa.RecordBatch] = []
        self._rows = 0
        self._bytes = 0

    @property
    def bytes_written(self) -> int:
        return self._sink.position

    def write(self, pairs: Sequence[tuple[Any, Any]]) -> None:
        """Raises RecordError for what doesn't fit the columns."""
        if self._schema is None:
            self._pairs.extend(pairs)
            if len(self._pairs) < _LEARNED_FROM_ROWS:
                return
            pairs, self._pairs = self._pairs, []
        if pairs:
            self._gather(pairs)

    def write_rows(self, rows: Rows) -> bool:
        """Where the fields are the two columns, and the types are theirs."""
        if self._pairs or rows.keys is ENCODED or rows.values >= PICKLED:
            return False
        names = list(self._form.columns or _NAMES)
        if len(names) != len(_NAMES) or self._fields.names not in ([], names):
            return False
        batch = pa.RecordBatch.from_arrays(rows.batch.columns, names=names)
        schema = self._schema or pa.schema(
            [
                (field.name, pa.type_for_alias(self._form.types[field.name]))
                if field.name in self._form.types
                else field
                for field in batch.schema
            ]
        )
        if batch.schema != schema:
            return False
        self._schema = schema
        self._hold(batch)
        return True

    def close(self) -> None:
        if self._pairs:
            self._gather(self._pairs)
            self._pairs = []
        if self._schema is not None:
            self._write_group()
            self._writer.close()

    def _gather(self, pairs: Sequence[tuple[Any, Any]]) -> None:
        columns = self._fields.columns(pairs)
        arrays = [
            self._array(name, column)
            for name, column in zip(self._fields.names, columns, strict=True)
        ]
        batch = pa.RecordBatch.from_arrays(arrays, names=self._fields.names)
        self._schema = self._schema or batch.schema
        self._hold(batch)

    def _hold(self, batch: pa.RecordBatch) -> None:
        self._batches.append(batch)
        self._rows += batch.num_rows
        self._bytes += batch.nbytes
        if self._rows >= self._form.group_rows or self._bytes >= _GROUP_BYTES_MAX:
            self._write_group()

    def _array(self, name: str, column: Sequence[Any]) -> pa.Array:
        kind = None
        if self._schema is not None:
            kind = self._schema.field(name).type
        elif name in self._form.types:
            kind = pa.type_for_alias(self._form.types[name])
        try:
            return pa.array(column, kind)
        except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
            raise RecordError(
                f"column '{name}'{f' of type {kind}' if kind else ''} can't take a value: {error}. "
                f"Tell the output format its type:  types={{{name!r}: …}}"
            ) from None

    def _write_group(self) -> None:
        assert self._schema is not None
        if self._writer is None:
            self._writer = self._begin(pa.PythonFile(self._sink, mode="w"), self._schema)
        if self._rows:
            table = pa.Table.from_batches(self._batches, self._schema).combine_chunks()
            for start in range(0, self._rows, self._form.group_rows):
                part = table.slice(start, self._form.group_rows)
                self._writer.write_table(part)
        self._batches, self._rows, self._bytes = [], 0, 0


class _Sink:
    """A part file as Arrow writes into it."""

    closed = False

    def __init__(self, file: OutputFile) -> None:
        self._file = file
        self.position = 0

    def write(self, data: Any) -> int:
        view = memoryview(data)
        self._file.write(view)
        self.position += view.nbytes
        return view.nbytes

    def tell(self) -> int:
        return self.position

    def flush(self) -> None:
        """Its owner commits it."""

    def close(self) -> None:
        self.closed = True
