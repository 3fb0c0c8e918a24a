r"""Lines of a split, as blocks of whole lines: Hadoop's rule, any cut gives every line once.

- A line ends with "\n"; the last one of a file may lack it. One "\r" before it belongs to
  the end. A "\r" elsewhere is part of the line: Hadoop ends lines there too, other tools don't.
- A line belongs to the split in which its first byte is. So a split that doesn't start at 0
  begins after the first "\n" at or after the byte before its start, and goes on past its end
  to finish a line that began inside. When its last byte is a "\n", it ends right there.
"""

from collections.abc import Iterator
from typing import BinaryIO, Final

import numpy as np

from mapred.formats.compression import Decompressed, is_compressed
from mapred.model import Split
from mapred.storage.port import Storage

# Large enough that Python's cost per block vanishes, small enough for a CPU's cache.
BLOCK_BYTES: Final = 1024 * 1024
# What is read past a split's end at a time, to finish its last line.
_TAIL_BYTES: Final = 64 * 1024
_NEWLINE: Final = ord("\n")


class LineBlocks:
    """Iterates over (offset in the file, bytes of whole lines)."""

    def __init__(self, split: Split, storage: Storage, block_bytes: int = BLOCK_BYTES) -> None:
        self._split = split
        self._storage = storage
        self._block_bytes = block_bytes
        # Of the split; for compressed files, of what is stored.
        self.bytes_read = 0

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        file = self._storage.open_read(self._split.uri)
        if is_compressed(self._split.uri):
            return self._unpacked(Decompressed(self._split.uri, file))
        return self._plain(file)

    def _unpacked(self, stream: Decompressed) -> Iterator[tuple[int, bytes]]:
        offset, begun = 0, _BegunLine()
        try:
            while data := stream.read(self._block_bytes):
                self.bytes_read = stream.compressed_bytes_read
                if whole := begun.completed_by(data):
                    yield offset, whole
                    offset += len(whole)
        finally:
            stream.close()
        if begun:
            yield offset, b"".join(begun.take())

    def _plain(self, file: BinaryIO) -> Iterator[tuple[int, bytes]]:
        with file:
            offset = self._first_line(file)
            end = self._split.start + self._split.length
            file.seek(offset)
            at, begun = offset, _BegunLine()
            while at < end and (data := file.read(min(self._block_bytes, end - at))):
                at += len(data)
                self.bytes_read = at - self._split.start
                if whole := begun.completed_by(data):
                    yield offset, whole
                    offset += len(whole)
            if begun:
                yield offset, b"".join((*begun.take(), *_rest_of_line(file)))

    def _first_line(self, file: BinaryIO) -> int:
        """Where the first line of the split starts."""
        at = self._split.start
        if at == 0:
            return 0
        at -= 1
        file.seek(at)
        while data := file.read(_TAIL_BYTES):
            newline = data.find(b"\n")
            if newline >= 0:
                return at + newline + 1
            at += len(data)
            if at >= self._split.start + self._split.length:
                break
        return at


def line_ends(block: bytes) -> int:
    """How many there are; `bytes.count` goes from one to the next, which takes much longer."""
    return int(np.count_nonzero(np.frombuffer(block, np.uint8) == _NEWLINE))


class _BegunLine:
    """The pieces of a line whose end hasn't been read: joined once, however long it gets."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def completed_by(self, data: bytes) -> bytes:
        """The whole lines that `data` ends; what is left over is held."""
        end = data.rfind(b"\n") + 1
        if not end:
            self._pieces.append(data)
            return b""
        whole = b"".join((*self.take(), memoryview(data)[:end])) if self._pieces else data[:end]
        if end < len(data):
            self._pieces.append(data[end:])
        return whole

    def take(self) -> list[bytes]:
        pieces, self._pieces = self._pieces, []
        return pieces


def _rest_of_line(file: BinaryIO) -> list[bytes]:
    parts = []
    while data := file.read(_TAIL_BYTES):
        newline = data.find(b"\n") + 1
        if newline:
            parts.append(data[:newline])
            break
        parts.append(data)
    return parts
