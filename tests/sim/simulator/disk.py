"""A simulated machine's disk: forgets what wasn't synced, and may lose power in any operation.

It is the DataNode's own MemoryDisk behind a switch. `arm` sets after how many further
operations the power goes; that operation doesn't happen, and nothing after it.
"""

import random
from collections.abc import Callable
from typing import Any

from blockstore.datanode.disk import File, Space
from blockstore.datanode.memorydisk import MemoryDisk
from simulator.world import Died


class SimDisk:
    """Implements blockstore.datanode.disk.Disk."""

    def __init__(self, name: str, power_gone: Callable[[], None]) -> None:
        self._inner = MemoryDisk()
        self._name = name
        self._power_gone = power_gone
        self._left: int | None = None
        self._dead = False
        # Paths that something happened to since the checker last looked; None: everything.
        self.touched: set[str] | None = None

    # --- faults

    def arm(self, operations: int) -> None:
        """The power goes at the operation after so many."""
        self._left = operations

    def disarm(self) -> None:
        self._left = None

    def freeze(self) -> None:
        """The process that used it is dead: it changes nothing any more."""
        self._dead = True

    def restart(self, rng: random.Random | None, *, power_loss: bool) -> None:
        """After the end of a process: all is there; after a power loss: what was synced,
        and of the rest what `rng` grants."""
        if power_loss:
            self._inner = self._inner.crash(rng)
        self._inner._locked.clear()
        self._left, self._dead = None, False
        if power_loss:
            self.touched = None

    def flip_bit(self, path: str, rng: random.Random) -> bool:
        """Silent rot: in memory and on the platter. False for an empty file."""
        directory, _, name = path.rpartition("/")
        inode = self._inner._entries[directory][name]
        if not inode.data:
            return False
        at = rng.randrange(len(inode.data))
        inode.data[at] ^= 1 << rng.randrange(8)
        inode.durable = bytes(inode.data)
        self._touch(path)
        return True

    # --- what the checker sees

    def durable(self, path: str) -> bytes | None:
        """The file's bytes, if they and its name would survive a power loss in this moment."""
        directory, _, name = path.rpartition("/")
        inode = self._inner._entries[directory].get(name)
        if inode is None or self._inner._durable[directory].get(name) is not inode:
            return None
        return inode.durable if bytes(inode.data) == inode.durable else None

    def files(self, directory: str) -> list[str]:
        return sorted(self._inner._entries[directory])

    def _touch(self, path: str) -> None:
        if self.touched is not None:
            self.touched.add(path)

    def _count(self) -> None:
        if self._dead:
            raise Died
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                self._dead = True
                self._power_gone()
                raise Died

    def sync_file(self, file: Any) -> None:
        self._count()
        file.sync()

    # --- the port

    def make_directory(self, path: str) -> None:
        self._count()
        self._inner.make_directory(path)

    def names(self, directory: str) -> list[str]:
        return self._inner.names(directory)

    def open(self, path: str, *, write: bool = False, create: bool = False) -> File:
        if create:
            self._count()
            self._touch(path)
        file = self._inner.open(path, write=write, create=create)
        return _SimFile(self, file) if write or create else file

    def rename(self, source: str, target: str) -> None:
        self._count()
        self._inner.rename(source, target)
        self._touch(source)
        self._touch(target)

    def unlink(self, path: str) -> None:
        self._count()
        self._inner.unlink(path)
        self._touch(path)

    def sync_directory(self, path: str) -> None:
        self._count()
        self._inner.sync_directory(path)

    def space(self, path: str) -> Space:
        return self._inner.space(path)

    def lock(self, path: str) -> Callable[[], None]:
        return self._inner.lock(path)


class _SimFile:
    def __init__(self, disk: SimDisk, file: Any) -> None:
        self._disk = disk
        self._file = file

    def pread(self, length: int, offset: int) -> bytes:
        return self._file.pread(length, offset)

    def pread_into(self, target: memoryview, offset: int) -> int:
        return self._file.pread_into(target, offset)

    def send_to(self, descriptor: int, length: int, offset: int) -> int:
        return self._file.send_to(descriptor, length, offset)

    def pwrite(self, data: bytes | memoryview, offset: int) -> None:
        self._disk._count()
        self._file.pwrite(data, offset)

    def truncate(self, length: int) -> None:
        self._disk._count()
        self._file.truncate(length)

    def size(self) -> int:
        return self._file.size()

    def start_writeback(self, offset: int, length: int) -> None:
        self._file.start_writeback(offset, length)

    def sync(self) -> None:
        self._disk.sync_file(self._file)

    def close(self) -> None:
        self._file.close()
