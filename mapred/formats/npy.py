"""numpy.save's files: the rows of an array, cut at any byte.

A row belongs to the split in which its first byte is, as with lines. The array must be in C
order.

npy       a record is (number of the row, row): an array of one dimension less, with the
          file's own type, or a number of Python where the array has one dimension
matrix    blocks of rows of a two-dimensional array of real numbers, as float64 (matrix.py)
"""

import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, TypeAlias

import numpy as np
from numpy.lib import format as npy

from mapred.errors import InputError
from mapred.formats.badrecords import REFUSED, BadRecords
from mapred.formats.port import RecordBatch
from mapred.model import Split
from mapred.storage.port import Storage

# Small enough for a CPU's cache together with what is computed from it.
BLOCK_BYTES: Final = 1024 * 1024

_Shape: TypeAlias = tuple[int, ...]
_Kind: TypeAlias = np.dtype[Any]


@dataclass(frozen=True)
class NpyInput:
    """Rows of arrays of any type."""

    def reader(self, split: Split, storage: Storage, bad: BadRecords = REFUSED) -> "NpyRowReader":
        return NpyRowReader(split, storage)


class _Blocks:
    """The rows of one split, a block at a time."""

    def __init__(self, split: Split, storage: Storage, block_bytes: int) -> None:
        self._split = split
        self._storage = storage
        self._block_bytes = block_bytes
        self.bytes_read = 0

    def batches(self) -> Iterator[RecordBatch]:
        """Raises InputError."""
        for first, rows in self.blocks():
            yield self._batch(first, rows)

    def counters(self) -> Mapping[str, int]:
        return {}

    def _batch(self, first: int, rows: Any) -> RecordBatch:
        raise NotImplementedError

    def _check(self, shape: _Shape, kind: _Kind) -> None:
        """Raises InputError for an array of another kind."""
        raise NotImplementedError

    def blocks(self) -> Iterator[tuple[int, Any]]:
        """(number of the first row, rows)."""
        with self._storage.open_read(self._split.uri) as file:
            shape, kind = self._header(file)
            data, rows = file.tell(), shape[0]
            row_bytes = math.prod(shape[1:]) * kind.itemsize
            self._check_whole(file, data, row_bytes, rows)
            at = _first_row_at(self._split.start, data, row_bytes, rows)
            end = _first_row_at(self._split.start + self._split.length, data, row_bytes, rows)
            step = max(1, self._block_bytes // max(1, row_bytes))
            file.seek(data + at * row_bytes)
            while at < end:
                count = min(step, end - at)
                block = file.read(count * row_bytes)
                if len(block) < count * row_bytes:
                    raise self._cut_short(at + len(block) // row_bytes, rows)
                self.bytes_read += len(block)
                yield at, np.frombuffer(block, kind).reshape(count, *shape[1:])
                at += count

    def _check_whole(self, file: BinaryIO, data: int, row_bytes: int, rows: int) -> None:
        """Of rows that are in no split nobody would miss any."""
        there = file.seek(0, io.SEEK_END) - data
        if there < rows * row_bytes:
            raise self._cut_short(there // row_bytes, rows)

    def _cut_short(self, row: int, rows: int) -> InputError:
        return InputError(f"{self._split.uri} is cut short: row {row} of {rows} isn't there")

    def _header(self, file: BinaryIO) -> tuple[_Shape, _Kind]:
        uri = self._split.uri
        try:
            version = npy.read_magic(file)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, fortran_order, kind = read(file)
        except ValueError as error:
            raise InputError(f"{uri} is no .npy file that can be read: {error}") from None
        self._check(shape, kind)
        if fortran_order and len(shape) > 1:
            raise InputError(
                f"{uri} lies column by column. Save numpy.ascontiguousarray(array) instead"
            )
        return shape, kind


class NpyReader(_Blocks):
    """Of `matrix`: (number of the first row, rows as float64)."""

    def __init__(self, split: Split, storage: Storage, block_bytes: int = BLOCK_BYTES) -> None:
        super().__init__(split, storage, block_bytes)

    def _batch(self, first: int, rows: Any) -> RecordBatch:
        return [first], [rows.astype(np.float64)]

    def _check(self, shape: _Shape, kind: _Kind) -> None:
        uri = self._split.uri
        if len(shape) != 2:
            raise InputError(
                f"{uri} holds an array of shape {shape}, and rows of a table are needed: "
                "two dimensions. Save array.reshape(len(array), -1)"
            )
        if kind.kind not in "biuf":
            raise InputError(f"{uri} holds {kind}, and real numbers are needed")


class NpyRowReader(_Blocks):
    """Of `npy`: (number of the row, row)."""

    def __init__(self, split: Split, storage: Storage, block_bytes: int = BLOCK_BYTES) -> None:
        super().__init__(split, storage, block_bytes)

    def _batch(self, first: int, rows: Any) -> RecordBatch:
        values = rows.tolist() if rows.ndim == 1 else list(rows)
        return list(range(first, first + len(values))), values

    def _check(self, shape: _Shape, kind: _Kind) -> None:
        uri = self._split.uri
        if not shape:
            raise InputError(f"{uri} holds a single value, which has no rows")
        if kind.hasobject:
            raise InputError(
                f"{uri} holds pickled objects, and those could run code when they are read. "
                "Save an array of numbers, or read the file by another format"
            )


def _first_row_at(byte: int, data: int, row_bytes: int, rows: int) -> int:
    """The first row that begins at or after the byte."""
    if byte <= data or not row_bytes:
        return 0
    return min(rows, -(-(byte - data) // row_bytes))
