"""A disk in memory that forgets what was not synced: the twin of SystemDisk.

`crash` is a power loss. Bytes written since a file's last sync survive wholly, in
part, or not at all. Changes of directories since their last sync survive up to some
moment, in the order they were made, a rename wholly or not at all: what journaling
file systems promise. `rng` decides; without one nothing survives. A killed process
alone loses nothing: then the next one simply goes on with the same MemoryDisk.
"""

import errno
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from blockstore.datanode.disk import File, Space

CAPACITY_BYTES: Final = 1 << 40


class _Inode:
    """A file's bytes, and those that are known to be on the platter."""

    __slots__ = ("data", "durable")

    def __init__(self) -> None:
        self.data = bytearray()
        self.durable = b""

    def after_crash(self, rng: random.Random | None) -> "_Inode":
        """Any mix of old and new in pieces of 512 bytes, at the old or the new length."""
        found = _Inode()
        kept = bytearray(self.durable)
        if rng is not None and bytes(self.data) != self.durable:
            length = rng.choice([len(self.durable), len(self.data)])
            kept = bytearray(kept[:length].ljust(length, b"\0"))
            for start in range(0, length, 512):
                piece = self.data[start : min(start + 512, length)]
                if rng.random() < 0.5 and piece:
                    kept[start : start + len(piece)] = piece
        found.data = kept
        found.durable = bytes(kept)
        return found


@dataclass(frozen=True, slots=True)
class _Change:
    """One change of directories: names that went, then names that came."""

    gone: tuple[tuple[str, str], ...] = ()
    come: tuple[tuple[str, str, _Inode], ...] = ()

    def touches(self, directory: str) -> bool:
        return any(directory == path for path, *_ in (*self.gone, *self.come))

    def apply(self, entries: dict[str, dict[str, _Inode]]) -> None:
        for directory, name in self.gone:
            entries[directory].pop(name, None)
        for directory, name, inode in self.come:
            entries[directory][name] = inode


class _MemoryFile:
    def __init__(self, disk: "MemoryDisk", path: str, inode: _Inode, write: bool) -> None:
        self._disk = disk
        self._path = path
        self._inode = inode
        self._write = write

    def pread(self, length: int, offset: int) -> bytes:
        self._disk.check(self._path)
        return bytes(self._inode.data[offset : offset + length])

    def pread_into(self, target: memoryview, offset: int) -> int:
        data = self.pread(len(target), offset)
        target[: len(data)] = data
        return len(data)

    def send_to(self, descriptor: int, length: int, offset: int) -> int:
        return os.write(descriptor, self.pread(length, offset))

    def pwrite(self, data: bytes | memoryview, offset: int) -> None:
        self._disk.check(self._path, write=True)
        if not self._write:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF), self._path)
        have = self._inode.data
        more = offset + len(data) - len(have)
        if more > 0 and not self._disk.has_room(more):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._path)
        if len(have) < offset:
            have.extend(bytes(offset - len(have)))
        have[offset : offset + len(data)] = data

    def truncate(self, length: int) -> None:
        self._disk.check(self._path, write=True)
        have = self._inode.data
        del have[length:]
        have.extend(bytes(length - len(have)))

    def size(self) -> int:
        return len(self._inode.data)

    def start_writeback(self, offset: int, length: int) -> None:
        pass

    def sync(self) -> None:
        self._disk.check(self._path, write=True)
        self._inode.durable = bytes(self._inode.data)

    def close(self) -> None:
        pass


class MemoryDisk:
    """Directories of inodes, now and as last synced. Not thread-safe."""

    def __init__(self, capacity_bytes: int = CAPACITY_BYTES) -> None:
        self._capacity_bytes = capacity_bytes
        self._entries: dict[str, dict[str, _Inode]] = {}
        self._durable: dict[str, dict[str, _Inode]] = {}
        # What turns `_durable` into `_entries`.
        self._unsynced: list[_Change] = []
        self._locked: set[str] = set()
        # Path prefixes whose every write, or every access, fails with EIO.
        self.read_only: set[str] = set()
        self.broken: set[str] = set()

    def crash(self, rng: random.Random | None = None) -> "MemoryDisk":
        """What is found after a power loss."""
        entries = {path: dict(names) for path, names in self._durable.items()}
        survivors = rng.randint(0, len(self._unsynced)) if rng else 0
        for change in self._unsynced[:survivors]:
            change.apply(entries)
        found = type(self)(self._capacity_bytes)
        for directory, inodes in entries.items():
            kept = {name: inode.after_crash(rng) for name, inode in inodes.items()}
            found._entries[directory] = kept
            found._durable[directory] = dict(kept)
        return found

    def _change(self, change: _Change) -> None:
        change.apply(self._entries)
        self._unsynced.append(change)

    def check(self, path: str, *, write: bool = False) -> None:
        if not self.broken and not self.read_only:
            return
        ill = self.broken | self.read_only if write else self.broken
        if any(path.startswith(prefix) for prefix in ill):
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)

    def make_directory(self, path: str) -> None:
        self.check(path, write=path not in self._entries)
        # A directory is durable once made: no test of ours is about losing whole directories.
        self._entries.setdefault(path, {})
        self._durable.setdefault(path, {})

    def names(self, directory: str) -> list[str]:
        self.check(directory)
        return sorted(self._directory(directory))

    def open(self, path: str, *, write: bool = False, create: bool = False) -> File:
        self.check(path, write=create)
        directory, name = self._split(path)
        if create:
            self._change(_Change(come=((path.rpartition("/")[0], name, _Inode()),)))
        if name not in directory:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return _MemoryFile(self, path, directory[name], write or create)

    def rename(self, source: str, target: str) -> None:
        self.check(source, write=True)
        old, old_name = self._split(source)
        _, new_name = self._split(target)
        if old_name not in old:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), source)
        gone = (source.rpartition("/")[0], old_name)
        come = (target.rpartition("/")[0], new_name, old[old_name])
        self._change(_Change((gone,), (come,)))

    def unlink(self, path: str) -> None:
        self.check(path, write=True)
        directory, name = self._split(path)
        if name not in directory:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        self._change(_Change(gone=((path.rpartition("/")[0], name),)))

    def sync_directory(self, path: str) -> None:
        self.check(path, write=True)
        touching = [at for at, change in enumerate(self._unsynced) if change.touches(path)]
        upto = touching[-1] + 1 if touching else 0
        for change in self._unsynced[:upto]:
            change.apply(self._durable)
        del self._unsynced[:upto]

    def space(self, path: str) -> Space:
        self.check(path)
        return Space(self._capacity_bytes, max(0, self._capacity_bytes - self._used_bytes()))

    def has_room(self, bytes_more: int) -> bool:
        # Nobody fills the default; counting would cost every write of a simulation.
        if self._capacity_bytes >= CAPACITY_BYTES:
            return True
        return self._used_bytes() + bytes_more <= self._capacity_bytes

    def _used_bytes(self) -> int:
        return sum(
            len(inode.data) for entries in self._entries.values() for inode in entries.values()
        )

    def lock(self, path: str) -> Callable[[], None]:
        if path in self._locked:
            raise BlockingIOError(errno.EWOULDBLOCK, os.strerror(errno.EWOULDBLOCK), path)
        self._locked.add(path)
        return lambda: self._locked.discard(path)

    def _directory(self, path: str) -> dict[str, _Inode]:
        try:
            return self._entries[path]
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from None

    def _split(self, path: str) -> tuple[dict[str, _Inode], str]:
        directory, _, name = path.rpartition("/")
        return self._directory(directory), name
