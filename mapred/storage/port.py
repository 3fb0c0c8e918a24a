"""Where inputs are read and outputs written: one port over local files, the block store, fsspec.

URIs are `file:///path`, `bs://host:port/path`, or what fsspec knows. An output is written
under a name nobody reads, and ends in `commit()` or `discard()`.
"""

from dataclasses import dataclass
from typing import BinaryIO, Protocol, runtime_checkable


class UnknownLengthError(OSError):
    """A file whose length nobody says: it can't be cut into splits, or its end be known."""


@dataclass(frozen=True, slots=True)
class FileInfo:
    """`length` in bytes; 0 for directories."""

    uri: str
    is_directory: bool
    length: int

    @property
    def name(self) -> str:
        return self.uri.rstrip("/").rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Extent:
    """A run of a file's bytes and the hosts that hold it, best first, each on one of `racks`."""

    start: int
    length: int
    hosts: tuple[str, ...]
    # Empty where nobody knows.
    racks: tuple[str, ...] = ()


class OutputFile(Protocol):
    """A file being written; invisible to readers until committed where the system can do so."""

    def write(self, data: bytes | bytearray | memoryview) -> int: ...

    def commit(self) -> None:
        """Closes and publishes; durable when the file system makes closed files durable."""
        ...

    def discard(self) -> None:
        """Leaves nothing behind. Safe to call twice, and after a failed commit."""
        ...


@runtime_checkable
class Buffering(Protocol):
    """An output file that holds what is on its way to others."""

    def hold_at_most(self, size: int) -> None:
        """About so many bytes; before the first of them is written."""
        ...


class Storage(Protocol):
    """A file system. Thread-safe. Errors are OSErrors; a missing path is a FileNotFoundError."""

    def open_read(self, uri: str) -> BinaryIO:
        """Seekable, buffered."""
        ...

    def open_write(self, uri: str, *, overwrite: bool = False) -> OutputFile:
        """Makes missing directories above."""
        ...

    def stat(self, uri: str) -> FileInfo: ...

    def entries(self, uri: str) -> list[FileInfo]:
        """A directory's entries, sorted by name."""
        ...

    def glob(self, pattern: str) -> list[FileInfo]:
        """Matches of *, ?, [] and {a,b}, sorted."""
        ...

    def mkdirs(self, uri: str) -> None: ...

    def rename(self, source: str, target: str) -> None:
        """Atomic; replaces a file that stands at the target."""
        ...

    def delete(self, uri: str) -> bool:
        """A file, or a directory with all in it; False when there was nothing."""
        ...

    def extents(self, uri: str) -> list[Extent]:
        """Blocks of a file and their hosts; one extent without hosts where that's unknown."""
        ...
