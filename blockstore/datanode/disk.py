"""The system calls that replicas and identities need: the port, and the real disk.

Its memory twin, which forgets what was not synced, is memorydisk.py. Names are
paths as strings. Every method may raise OSError.
"""

import ctypes
import errno
import fcntl
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

_SYNC_FILE_RANGE_WRITE: Final = 2


class File(Protocol):
    """An open file; reads and writes say where."""

    def pread(self, length: int, offset: int) -> bytes:
        """Up to `length` bytes: fewer only at the end of the file."""
        ...

    def pread_into(self, target: memoryview, offset: int) -> int:
        """The same into `target`: how many."""
        ...

    def send_to(self, descriptor: int, length: int, offset: int) -> int:
        """The same into a socket: how many it took, 0 at the end of the file.

        What the socket says to it is raised, too.
        """
        ...

    def pwrite(self, data: bytes | memoryview, offset: int) -> None: ...

    def truncate(self, length: int) -> None: ...

    def size(self) -> int: ...

    def start_writeback(self, offset: int, length: int) -> None:
        """Begins to bring these bytes to the disk, without waiting: the sync later is short."""
        ...

    def sync(self) -> None:
        """Returns when bytes and length survive a power loss."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes of the file system that a directory is on."""

    capacity_bytes: int
    free_bytes: int


class Disk(Protocol):
    """Directories and files."""

    def make_directory(self, path: str) -> None:
        """With its parents; nothing happens when it exists."""
        ...

    def names(self, directory: str) -> list[str]: ...

    def open(self, path: str, *, write: bool = False, create: bool = False) -> File:
        """`create` implies `write` and empties what is there."""
        ...

    def rename(self, source: str, target: str) -> None:
        """Atomic; replaces the target."""
        ...

    def unlink(self, path: str) -> None: ...

    def sync_directory(self, path: str) -> None:
        """Returns when the directory's entries survive a power loss."""
        ...

    def space(self, path: str) -> Space: ...

    def lock(self, path: str) -> Callable[[], None]:
        """Takes an exclusive lock; returns what lets it go.

        Raises:
            BlockingIOError: somebody else holds it.
        """
        ...


class _SystemFile:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def pread(self, length: int, offset: int) -> bytes:
        data = os.pread(self._descriptor, length, offset)
        while 0 < len(data) < length:
            more = os.pread(self._descriptor, length - len(data), offset + len(data))
            if not more:
                break
            data += more
        return data

    def pread_into(self, target: memoryview, offset: int) -> int:
        read = os.preadv(self._descriptor, [target], offset)
        while 0 < read < len(target):
            more = os.preadv(self._descriptor, [target[read:]], offset + read)
            if not more:
                break
            read += more
        return read

    def send_to(self, descriptor: int, length: int, offset: int) -> int:
        return os.sendfile(descriptor, self._descriptor, offset, length)

    def pwrite(self, data: bytes | memoryview, offset: int) -> None:
        written = os.pwrite(self._descriptor, data, offset)
        while written < len(data):
            rest = memoryview(data)[written:]
            written += os.pwrite(self._descriptor, rest, offset + written)

    def truncate(self, length: int) -> None:
        os.ftruncate(self._descriptor, length)

    def size(self) -> int:
        return os.fstat(self._descriptor).st_size

    def start_writeback(self, offset: int, length: int) -> None:
        _start_writeback(self._descriptor, offset, length)

    def sync(self) -> None:
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def _find_sync_file_range() -> Callable[[int, int, int], None]:
    try:
        function = ctypes.CDLL(None, use_errno=True).sync_file_range
    except (OSError, AttributeError):
        return lambda descriptor, offset, length: None
    function.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)

    def start(descriptor: int, offset: int, length: int) -> None:
        # A refusal costs nothing but time: whatever is wrong, the sync that follows says so.
        function(descriptor, offset, length, _SYNC_FILE_RANGE_WRITE)

    return start


_start_writeback = _find_sync_file_range()


class SystemDisk:
    """The machine's own."""

    def make_directory(self, path: str) -> None:
        os.makedirs(path, exist_ok=True)

    def names(self, directory: str) -> list[str]:
        return os.listdir(directory)

    def open(self, path: str, *, write: bool = False, create: bool = False) -> File:
        flags = os.O_RDWR if write or create else os.O_RDONLY
        if create:
            flags |= os.O_CREAT | os.O_TRUNC
        return _SystemFile(os.open(path, flags | os.O_CLOEXEC, 0o644))

    def rename(self, source: str, target: str) -> None:
        os.rename(source, target)

    def unlink(self, path: str) -> None:
        os.unlink(path)

    def sync_directory(self, path: str) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def space(self, path: str) -> Space:
        found = os.statvfs(path)
        return Space(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize)

    def lock(self, path: str) -> Callable[[], None]:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise
        return lambda: os.close(descriptor)


# The disk itself is ill, in contrast to a full disk or a missing file.
VOLUME_ERRORS: Final = frozenset(
    {errno.EIO, errno.EROFS, errno.ENODEV, errno.ENXIO, errno.EUCLEAN, errno.ESTALE, errno.EBADMSG}
)
