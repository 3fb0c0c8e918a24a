"""Pairs as they are, types and arrays included: what one program writes and another reads.

    file  = frame*
    frame = length(u64) packed value, a list of (key, value) tuples (mapred/iterative/packed.py)

Keys and values are plain values or NumPy arrays; others fail in the task that writes them.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Final

from mapred.errors import InputError
from mapred.formats.badrecords import REFUSED, BadRecords
from mapred.formats.port import RecordBatch
from mapred.iterative.packed import PackedError, pack, unpack
from mapred.model import Split
from mapred.storage.port import OutputFile, Storage

_LENGTH: Final = struct.Struct("<Q")
# Read at once.
_BELIEVED_BYTES: Final = 64 * 1024 * 1024


class PackedOutput:
    """Frames of pairs."""

    suffix = ".packed"
    lazy = False

    def writer(self, file: OutputFile) -> "PackedWriter":
        return PackedWriter(file)


class PackedWriter:
    """Frames into one part file."""

    def __init__(self, file: OutputFile) -> None:
        self._file = file
        self.bytes_written = 0

    def write(self, pairs: Sequence[tuple[Any, Any]]) -> None:
        body = pack(list(pairs))
        self._file.write(_LENGTH.pack(len(body)))
        self._file.write(body)
        self.bytes_written += _LENGTH.size + len(body)

    def close(self) -> None:
        """Nothing is held."""


class PackedInput:
    """Whole files of pairs."""

    def reader(self, split: Split, storage: Storage, bad: BadRecords = REFUSED) -> "PackedReader":
        return PackedReader(split, storage)

    def pieces(
        self, uri: str, length: int, storage: Storage, piece_bytes: int
    ) -> list[tuple[int, int]]:
        return [(0, length)]


class PackedReader:
    """The pairs of one file; arrays are read-only."""

    def __init__(self, split: Split, storage: Storage) -> None:
        self._split = split
        self._storage = storage
        self.bytes_read = 0

    def batches(self) -> Iterator[RecordBatch]:
        with self._storage.open_read(self._split.uri) as file:
            try:
                for key, value in read_pairs(file):
                    yield [key], [value]
            except PackedError as error:
                raise InputError(f"{self._split.uri} isn't what 'packed' writes: {error}") from None
        self.bytes_read = self._split.length

    def counters(self) -> Mapping[str, int]:
        return {}


def read_pairs(file: BinaryIO) -> Iterator[tuple[Any, Any]]:
    """The pairs of a part file, in order.

    Raises:
        PackedError: it is cut short or damaged.
    """
    for frame in frames(file):
        yield from frame


def frames(file: BinaryIO) -> Iterator[list[tuple[Any, Any]]]:
    """They as they were written together.

    Raises:
        PackedError: as `read_pairs`.
    """
    while head := file.read(_LENGTH.size):
        if len(head) < _LENGTH.size:
            raise PackedError("cut short: a frame has no length")
        length = _LENGTH.unpack(head)[0]
        body = _body(file, length)
        if len(body) < length:
            raise PackedError(f"cut short: a frame of {length} bytes has {len(body)}")
        yield unpack(body)


def _body(file: BinaryIO, length: int) -> bytes | bytearray:
    """Up to so many bytes; what a damaged file says needn't fit into memory."""
    if length <= _BELIEVED_BYTES:
        return file.read(length)
    body = bytearray()
    while piece := file.read(min(length - len(body), _BELIEVED_BYTES)):
        body += piece
    return body
