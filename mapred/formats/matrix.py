"""Tables of numbers, a block of rows at a time: what learning jobs read.

A record is (where the block begins, its rows as a 2-D array of float64): the key is the byte
offset of its first line, for .npy files the number of its first row.

Text: one row a line, numbers separated by commas, semicolons, tabs or spaces, whichever the
first line has. A first line of the file without any number is taken for column names; blank
lines and lines that begin with # are passed over. A word that is no number, an empty field,
or a row of another length is an error that names the file and the place.

.npy: numpy.save's files of two dimensions (npy.py). .parquet: columns of numbers, in the order
of the file. Sparse rows: libsvm's text by the names .svm, .libsvm and .svmlight (libsvm.py), and
.csr (csr.py); their blocks are `Csr` instead of arrays.

Option dtype: "float32" rounds the numbers, and blocks take half of the memory (narrowing.py).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import csv

from mapred.errors import InputError, JobDefinitionError
from mapred.formats.badrecords import REFUSED, BadRecords
from mapred.formats.csr import CsrReader
from mapred.formats.libsvm import LibsvmReader
from mapred.formats.lines import BLOCK_BYTES, LineBlocks
from mapred.formats.narrowing import narrowed_rows
from mapred.formats.npy import NpyReader
from mapred.formats.port import RecordBatch, RecordReader
from mapred.model import Split
from mapred.storage.port import Storage

Matrix = npt.NDArray[np.float64]

_WIDE: Final = "float64"
_NARROW: Final = "float32"
_SEPARATORS: Final = (b",", b";", b"\t")
_LIBSVM: Final = frozenset({"svm", "libsvm", "svmlight"})
_SAMPLE_LETTERS: Final = 200
_ARROWS_WORDS: Final = re.compile(
    r"(In CSV )(?=column #)|CSV conversion error to double: |CSV parse error: "
)


@dataclass(frozen=True)
class MatrixInput:
    """By the file's name; what isn't known is text."""

    dtype: str = _WIDE

    def __post_init__(self) -> None:
        if self.dtype not in (_WIDE, _NARROW):
            raise JobDefinitionError(
                f"format 'matrix': dtype is '{_WIDE}' or '{_NARROW}', not '{self.dtype}'"
            )

    def reader(self, split: Split, storage: Storage, bad: BadRecords = REFUSED) -> RecordReader:
        found = self._exact(split, storage)
        return found if self.dtype == _WIDE else _Narrowing(found, split.uri)

    def _exact(self, split: Split, storage: Storage) -> RecordReader:
        ending = split.uri.rpartition("/")[2].rpartition(".")[2]
        if ending == "npy":
            return NpyReader(split, storage)
        if ending == "parquet":
            return ParquetMatrixReader(split, storage)
        if ending == "csr":
            return CsrReader(split, storage)
        if ending in _LIBSVM:
            return LibsvmReader(split, storage)
        return MatrixReader(split, storage)


class _Narrowing:
    """Another reader's blocks, as float32."""

    def __init__(self, reader: RecordReader, uri: str) -> None:
        self._reader = reader
        self._uri = uri

    @property
    def bytes_read(self) -> int:
        return self._reader.bytes_read

    def batches(self) -> Iterator[RecordBatch]:
        for keys, blocks in self._reader.batches():
            try:
                yield keys, [narrowed_rows(block, self._uri) for block in blocks]
            except ValueError as error:
                raise InputError(str(error)) from None

    def counters(self) -> Mapping[str, int]:
        return self._reader.counters()


class ParquetMatrixReader:
    """The row groups of one split: (number of the first row, rows)."""

    def __init__(self, split: Split, storage: Storage) -> None:
        # Only who reads Parquet waits for what it takes.
        from mapred.formats.parquet import ParquetInput, ParquetReader

        self._uri = split.uri
        self._reader = ParquetReader(ParquetInput(), split, storage)

    @property
    def bytes_read(self) -> int:
        return self._reader.bytes_read

    def batches(self) -> Iterator[RecordBatch]:
        for numbers, table in self._reader.tables():
            if numbers:
                yield [numbers[0]], [self._rows(numbers[0], table)]

    def counters(self) -> Mapping[str, int]:
        return self._reader.counters()

    def _rows(self, first: int, table: Any) -> Matrix:
        columns = []
        for name, column in zip(table.schema.names, table.columns, strict=True):
            kind = column.type
            if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
                raise InputError(
                    f"{self._uri}: column '{name}' holds {kind}, and numbers are needed"
                )
            if column.null_count:
                raise InputError(
                    f"{self._uri}: column '{name}' has nulls after row {first}: fill or drop them"
                )
            columns.append(column.to_numpy(zero_copy_only=False).astype(np.float64))
        if not columns:
            raise InputError(f"{self._uri} has no columns")
        return np.column_stack(columns)


class MatrixReader:
    """The rows of one split of a text."""

    def __init__(self, split: Split, storage: Storage, block_bytes: int = BLOCK_BYTES) -> None:
        self._uri = split.uri
        self._blocks = LineBlocks(split, storage, block_bytes)
        self._passed_over = 0

    @property
    def bytes_read(self) -> int:
        return self._blocks.bytes_read

    def batches(self) -> Iterator[RecordBatch]:
        for offset, block in self._blocks:
            lines = self._without_remarks(block)
            if offset == 0 and lines and not _has_number(lines[0]):
                lines = lines[1:]
            if lines:
                yield [offset], [self._parsed(offset, lines)]

    def counters(self) -> Mapping[str, int]:
        return {"lines_passed_over": self._passed_over} if self._passed_over else {}

    def _without_remarks(self, block: bytes) -> list[bytes]:
        lines = block.splitlines()
        kept = [line for line in lines if line.strip() and not line.lstrip().startswith(b"#")]
        self._passed_over += len(lines) - len(kept)
        return kept

    def _parsed(self, offset: int, lines: list[bytes]) -> Matrix:
        separator = next((one for one in _SEPARATORS if one in lines[0]), None)
        if separator is None:
            separator, lines = b",", [b",".join(line.split()) for line in lines]
        columns = lines[0].count(separator) + 1
        names = [str(number) for number in range(columns)]
        try:
            table = csv.read_csv(
                pa.BufferReader(b"\n".join(lines)),
                csv.ReadOptions(column_names=names, use_threads=False),
                csv.ParseOptions(delimiter=separator.decode()),
                csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.float64()),
                    null_values=[],
                ),
            )
        except pa.ArrowInvalid as error:
            raise InputError(
                f"{self._uri}, in the {len(lines)} lines from byte {offset}: {_words(error)}"
            ) from None
        return np.column_stack([column.to_numpy() for column in table.columns])


def _has_number(line: bytes) -> bool:
    for separator in _SEPARATORS:
        line = line.replace(separator, b" ")
    return any(map(_is_number, line.split()))


def _is_number(word: bytes) -> bool:
    try:
        float(word.strip(b'"'))
    except ValueError:
        return False
    return True


def _words(error: Any) -> str:
    """Arrow's message without its own names for things."""
    return _ARROWS_WORDS.sub("", str(error))[:_SAMPLE_LETTERS]
