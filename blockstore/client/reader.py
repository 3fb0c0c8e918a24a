"""A file open for reading: Python's BufferedReader over verified bytes, with `pread`."""

import io
from collections.abc import Callable, Iterator
from typing import Final

from blockstore.client.fetch import Fetcher
from blockstore.client.filemap import FileMap
from blockstore.client.room import Room
from blockstore.errors import InvalidRequestException

# Lines and small reads are served from this; larger reads bypass it, and spare a copy.
BUFFER_BYTES: Final = 256 * 1024


class BlockReader(io.BufferedReader):
    """`read`, `readline`, iteration, `seek` as ever; one position, guarded by a lock."""

    def __init__(self, file: FileMap, fetcher: Fetcher, on_use: Callable[[], None]) -> None:
        """`on_use` raises when the store can't be used any more."""
        self._file = file
        self._fetcher = fetcher
        self._on_use = on_use
        self._input = _FileInput(fetcher, on_use)
        super().__init__(self._input, BUFFER_BYTES)

    def __repr__(self) -> str:
        return f"BlockReader({self._file.path}, {self.length} bytes)"

    @property
    def length(self) -> int:
        """Bytes of the file when it was opened, or when `follow` was called last."""
        return self._file.length

    def follow(self) -> int:
        """Looks how long the file is now: a file that is being written grows. Returns `length`.

        The position stays; reading goes on from there.

        Raises:
            FileNotFoundException: the file was deleted, renamed or replaced.
        """
        self._on_use()
        self._file.follow()
        self._input.forget_end()
        return self.length

    def pread(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes at `offset`: fewer only at the end of the file.

        Neither uses nor moves the position; may be called by many threads at once.

        Raises:
            BlockMissingException: no replica of a block can be read.
            EOFException: the file was cut after it had been opened, or followed last.
        """
        if offset < 0 or length < 0:
            raise InvalidRequestException(f"pread({offset}, {length}): negative")
        self._on_use()
        end = min(offset + length, self.length)
        if offset >= end:
            return b""
        return b"".join(self._fetcher.pieces(offset, end))


class _FileInput(io.RawIOBase):
    """The bytes behind the buffer: a stream of pieces that follows the position."""

    def __init__(self, fetcher: Fetcher, on_use: Callable[[], None]) -> None:
        super().__init__()
        self.name = fetcher.file.path
        self.mode = "rb"
        self._fetcher = fetcher
        self._on_use = on_use
        self._position = 0
        self._pieces: Iterator[memoryview] | None = None
        self._piece = memoryview(b"")
        self._room = Room()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {
            io.SEEK_SET: 0,
            io.SEEK_CUR: self._position,
            io.SEEK_END: self._fetcher.file.length,
        }[whence]
        target = base + offset
        if target < 0:
            raise InvalidRequestException(f"seek to {target} in {self.name}")
        ahead = target - self._position
        if 0 <= ahead <= len(self._piece):
            self._piece = self._piece[ahead:]
        else:
            self._drop()
        self._position = target
        return target

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        view = memoryview(buffer).cast("B")
        if not len(view):
            return 0
        self._must_be_open()
        if self._pieces is None and not len(self._piece):
            self._on_use()
            taken = self._fetcher.read_into(self._position, view)
            self._position += taken
            if taken:
                return taken
        with self._room.offered(view):
            if not self._next_piece():
                return 0
            taken = min(len(view), len(self._piece))
            if not self._room.has(self._piece):
                view[:taken] = self._piece[:taken]
        self._piece = self._piece[taken:]
        self._position += taken
        return taken

    def readall(self) -> bytes:
        pieces = []
        while self._next_piece():
            pieces.append(self._piece)
            self._position += len(self._piece)
            self._piece = memoryview(b"")
        return b"".join(pieces)

    def close(self) -> None:
        self._drop()
        self._fetcher.close()
        super().close()

    def forget_end(self) -> None:
        """The file may end elsewhere now."""
        self._drop()

    def _next_piece(self) -> bool:
        """Whether there are bytes at the position; they are in `_piece` then."""
        self._must_be_open()
        if len(self._piece):
            return True
        self._on_use()
        if self._position >= self._fetcher.file.length:
            return False
        if self._pieces is None:
            self._pieces = self._fetcher.pieces(
                self._position, self._fetcher.file.length, self._room
            )
        try:
            self._piece = next(self._pieces)
        except BaseException:
            self._pieces = None
            raise
        return True

    def _must_be_open(self) -> None:
        if self.closed:
            raise ValueError(f"read of closed file {self.name}")

    def _drop(self) -> None:
        """The stream doesn't lead to the position any more."""
        self._piece = memoryview(b"")
        pieces, self._pieces = self._pieces, None
        if pieces is not None:
            pieces.close()  # type: ignore[attr-defined]
