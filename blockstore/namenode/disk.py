"""The port between journal, images and a directory of files; and its twin in memory.

What the port promises, and nothing else may be relied on:
- `write` is durable after `sync` of that file, and the file's name after `sync_names`.
- `replace` (rename) is atomic, and durable after `sync_names`.

`MemoryDisk` forgets in a crash what these promises don't cover: unsynced bytes vanish, or only
some pages of them arrive; names that weren't synced come back or vanish, in order.
"""

import errno
import os
import random
from collections.abc import Callable
from typing import Final, Protocol

# The unit in which unsynced bytes arrive or don't.
PAGE_BYTES: Final = 512


class AppendFile(Protocol):
    """A file that only grows."""

    def write(self, data: bytes) -> None: ...

    def sync(self) -> None: ...

    def cut(self, size: int) -> None:
        """Takes back what was written beyond `size`; not durable by itself."""

    def close(self) -> None: ...


class Disk(Protocol):
    """One flat directory. Every method may raise OSError."""

    # For messages.
    place: str

    def names(self) -> list[str]: ...

    def read(self, name: str) -> bytes: ...

    def create(self, name: str) -> AppendFile:
        """A new empty file, or an old one emptied."""

    def truncate(self, name: str, size: int) -> None:
        """Cuts the file; durable on return."""

    def replace(self, source: str, target: str) -> None: ...

    def remove(self, name: str) -> None: ...

    def sync_names(self) -> None: ...

    def allocate(self, name: str, size: int) -> None:
        """A file of zeros that really takes up so much room; none is left when it doesn't fit."""

    def free_bytes(self) -> int: ...


class RealFile:
    """An open file descriptor."""

    def __init__(self, path: str) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        self._fd = os.open(path, flags, 0o640)

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]

    def sync(self) -> None:
        os.fdatasync(self._fd)

    def cut(self, size: int) -> None:
        os.ftruncate(self._fd, size)

    def close(self) -> None:
        os.close(self._fd)


class RealDisk:
    """A directory of the operating system."""

    def __init__(self, directory: str) -> None:
        self.place = directory

    def _path(self, name: str) -> str:
        return os.path.join(self.place, name)

    def names(self) -> list[str]:
        return sorted(os.listdir(self.place))

    def read(self, name: str) -> bytes:
        with open(self._path(name), "rb") as file:
            return file.read()

    def create(self, name: str) -> RealFile:
        return RealFile(self._path(name))

    def truncate(self, name: str, size: int) -> None:
        fd = os.open(self._path(name), os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.ftruncate(fd, size)
            os.fsync(fd)
        finally:
            os.close(fd)

    def replace(self, source: str, target: str) -> None:
        os.replace(self._path(source), self._path(target))

    def remove(self, name: str) -> None:
        os.remove(self._path(name))

    def sync_names(self) -> None:
        fd = os.open(self.place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def allocate(self, name: str, size: int) -> None:
        fd = os.open(self._path(name), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            os.posix_fallocate(fd, 0, size)
        except OSError:
            os.remove(self._path(name))
            raise
        finally:
            os.close(fd)

    def free_bytes(self) -> int:
        found = os.statvfs(self.place)
        return found.f_bavail * found.f_frsize


class _Content:
    """The bytes of a file: all, and how many of them are durable."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = bytearray(data)
        self.durable_bytes = len(data)

    def after_crash(self, rng: random.Random) -> "_Content":
        """Durable bytes, and of the others a prefix in which pages may be missing."""
        whole = rng.random() < 0.25
        size = len(self.data) if whole else rng.randint(self.durable_bytes, len(self.data))
        survived = bytearray(self.data[:size])
        for start in range(self.durable_bytes, len(survived), PAGE_BYTES):
            if rng.random() < 0.3:
                stop = min(start + PAGE_BYTES, len(survived))
                survived[start:stop] = bytes(stop - start)
        return _Content(bytes(survived))


class MemoryFile:
    """A file of a MemoryDisk."""

    def __init__(
        self, content: _Content, step: Callable[[], None], room: Callable[[], int]
    ) -> None:
        self._content = content
        self._step = step
        self._room = room

    def write(self, data: bytes) -> None:
        self._step()
        fits = data[: self._room()]
        self._content.data += fits
        if len(fits) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def sync(self) -> None:
        self._step()
        self._content.durable_bytes = len(self._content.data)

    def cut(self, size: int) -> None:
        self._step()
        del self._content.data[size:]

    def close(self) -> None:
        pass


_Names = dict[str, _Content]


class MemoryDisk:
    """The twin. `before_step` is called before every change: a test stops the world there."""

    def __init__(
        self, before_step: Callable[[], None] = lambda: None, capacity_bytes: int = 1 << 40
    ) -> None:
        self.place = "memory"
        self.before_step = before_step
        self.capacity_bytes = capacity_bytes
        self._names: _Names = {}
        # How the names looked after each change since the last sync_names, oldest first.
        self._history: list[_Names] = [{}]

    def _changed(self) -> None:
        self._history.append(dict(self._names))

    def names(self) -> list[str]:
        return sorted(self._names)

    def read(self, name: str) -> bytes:
        return bytes(self._content(name).data)

    def create(self, name: str) -> MemoryFile:
        self.before_step()
        self._names[name] = content = _Content()
        self._changed()
        return MemoryFile(content, lambda: self.before_step(), self.free_bytes)

    def truncate(self, name: str, size: int) -> None:
        self.before_step()
        content = self._content(name)
        del content.data[size:]
        content.durable_bytes = len(content.data)

    def replace(self, source: str, target: str) -> None:
        self.before_step()
        self._names[target] = self._content(source)
        del self._names[source]
        self._changed()

    def remove(self, name: str) -> None:
        self.before_step()
        self._content(name)
        del self._names[name]
        self._changed()

    def sync_names(self) -> None:
        self.before_step()
        self._history = [dict(self._names)]

    def allocate(self, name: str, size: int) -> None:
        self.before_step()
        if size > self.free_bytes():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._names[name] = _Content(bytes(size))
        self._changed()

    def free_bytes(self) -> int:
        used = sum(len(content.data) for content in self._names.values())
        return max(0, self.capacity_bytes - used)

    def _content(self, name: str) -> _Content:
        if name not in self._names:
            raise FileNotFoundError(f"{name} is not on this disk")
        return self._names[name]

    def crash(self, rng: random.Random) -> "MemoryDisk":
        """A disk with what a power cut at this moment leaves."""
        after = MemoryDisk(capacity_bytes=self.capacity_bytes)
        names = rng.choice(self._history)
        after._names = {name: content.after_crash(rng) for name, content in names.items()}
        after._history = [dict(after._names)]
        return after

    def flip_bit(self, name: str, at: int) -> None:
        """What a bad sector does; for tests of what a reader notices."""
        self._content(name).data[at // 8] ^= 1 << at % 8
