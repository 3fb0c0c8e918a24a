"""numpy.save's files: the rows of a two-dimensional array, cut at any byte.

A row belongs to the split in which its first byte is, as with lines. The array must be in C
order and of real numbers; rows come as float64.
"""

from collections.abc import Iterator, Mapping
from typing import BinaryIO, Final

import numpy as np
from numpy.lib import format as npy

from mapred.errors import InputError
from mapred.formats.port import RecordBatch
from mapred.model import Split
from mapred.storage.port import Storage

# Small enough for a CPU's cache together with what is computed from it.
BLOCK_BYTES: Final = 1024 * 1024


class NpyReader:
    """The rows of one split: (number of the first row, rows), a block at a time."""

    def __init__(self, split: Split, storage: Storage, block_bytes: int = BLOCK_BYTES) -> None:
        self._split = split
        self._storage = storage
        self._block_bytes = block_bytes
        self.bytes_read = 0

    def batches(self) -> Iterator[RecordBatch]:
        with self._storage.open_read(self._split.uri) as file:
            rows, columns, kind = self._header(file)
            data = file.tell()
            row_bytes = columns * kind.itemsize
            at = self._first_row_at(self._split.start, data, row_bytes, rows)
            end = self._first_row_at(self._split.start + self._split.length, data, row_bytes, rows)
            step = max(1, self._block_bytes // max(1, row_bytes))
            file.seek(data + at * row_bytes)
            while at < end:
                count = min(step, end - at)
                block = file.read(count * row_bytes)
                if len(block) < count * row_bytes:
                    missing = at + len(block) // row_bytes
                    raise InputError(
                        f"{self._split.uri} is cut short: row {missing} of {rows} isn't there"
                    )
                values = np.frombuffer(block, kind).reshape(count, columns)
                self.bytes_read += len(block)
                yield [at], [values.astype(np.float64)]
                at += count

    def counters(self) -> Mapping[str, int]:
        return {}

    def _header(self, file: BinaryIO) -> tuple[int, int, np.dtype[np.generic]]:
        uri = self._split.uri
        try:
            version = npy.read_magic(file)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, fortran_order, kind = read(file)
        except ValueError as error:
            raise InputError(f"{uri} is no .npy file that can be read: {error}") from None
        if len(shape) != 2:
            raise InputError(
                f"{uri} holds an array of shape {shape}, and rows of a table are needed: "
                "two dimensions. Save array.reshape(len(array), -1)"
            )
        if fortran_order:
            raise InputError(
                f"{uri} lies column by column. Save numpy.ascontiguousarray(array) instead"
            )
        if kind.kind not in "biuf":
            raise InputError(f"{uri} holds {kind}, and real numbers are needed")
        return shape[0], shape[1], kind

    @staticmethod
    def _first_row_at(byte: int, data: int, row_bytes: int, rows: int) -> int:
        """The first row that begins at or after the byte."""
        if byte <= data or not row_bytes:
            return 0
        return min(rows, -(-(byte - data) // row_bytes))
