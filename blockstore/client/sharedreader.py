"""An open file that several threads seek and read in at once, each getting what it sought.

fsspec's callers have one position and two calls, `seek` and `read`; some (DuckDB) make them
from several threads on one file without a lock, and would read each other's places.

Rules
- A read begins where the same thread has sought since its last read, if it has; else at the
  file's position. So a file that is handed from thread to thread works, too.
- What follows the read before is read ahead; what is somewhere else comes by `pread`, and
  several of those run at a time.
"""

import io
import threading

from blockstore.client.reader import BlockReader


class SharedReader(io.BufferedIOBase):
    """A BlockReader behind a position that threads don't take from each other."""

    def __init__(self, reader: BlockReader) -> None:
        super().__init__()
        self.mode = "rb"
        self.size = reader.length
        self._reader = reader
        self._stream = threading.Lock()
        # Guards the position, the end of the last read, and who has sought what.
        self._guard = threading.Lock()
        self._position = 0
        self._last_end = 0
        self._sought: dict[int, int] = {}

    def __repr__(self) -> str:
        return f"SharedReader({self._reader!r})"

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._must_be_open()
        with self._guard:
            base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
            if base + offset < 0:
                raise ValueError(f"seek to {base + offset} in {self!r}")
            self._position = self._sought[threading.get_ident()] = base + offset
            return self._position

    def tell(self) -> int:
        with self._guard:
            self._sought.pop(threading.get_ident(), None)
            return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        self._must_be_open()
        with self._guard:
            start = self._claim()
            left = max(0, self.size - start)
            length = left if size is None or size < 0 else min(size, left)
            follows = start == self._last_end
            self._position = self._last_end = start + length
        if follows and self._stream.acquire(blocking=False):
            try:
                return self._streamed(start, length)
            finally:
                self._stream.release()
        return self._reader.pread(start, length)

    def read1(self, size: int = -1, /) -> bytes:
        return self.read(io.DEFAULT_BUFFER_SIZE if size < 0 else size)

    def readline(self, size: int | None = -1, /) -> bytes:
        self._must_be_open()
        with self._stream, self._guard:
            start = self._claim()
            self._reader.seek(start)
            line = self._reader.readline(-1 if size is None else size)
            self._position = self._last_end = start + len(line)
            return line

    def close(self) -> None:
        if not self.closed:
            self._reader.close()
        super().close()

    def _claim(self) -> int:
        """Where this thread's read begins."""
        mine = self._sought.pop(threading.get_ident(), None)
        if mine is None:
            # Whoever sought has handed the file over.
            self._sought.clear()
            return self._position
        return mine

    def _streamed(self, start: int, length: int) -> bytes:
        if self._reader.tell() != start:
            self._reader.seek(start)
        return self._reader.read(length)

    def _must_be_open(self) -> None:
        if self.closed:
            raise ValueError(f"{self!r} is closed")
