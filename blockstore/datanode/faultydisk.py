"""A disk that fails on demand, around any other: for tests of what failing disks do.

    disk = FaultyDisk(SystemDisk())
    disk.fail("sync", "/d2", errno.EIO)           every sync of a file below /d2
    disk.fail("write", "/d2", errno.ENOSPC, after=3)   from the fourth write on

Operations: open, create, read, write, sync, rename, unlink, sync_directory, names, space.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass

from blockstore.datanode.disk import Disk, File, Space


@dataclass(slots=True)
class _Fault:
    operation: str
    prefix: str
    number: int
    # How many more may go well.
    left: int


class FaultyDisk:
    """Implements Disk."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._faults: list[_Fault] = []

    def fail(self, operation: str, prefix: str, number: int, *, after: int = 0) -> None:
        self._faults.append(_Fault(operation, prefix, number, after))

    def heal(self) -> None:
        self._faults.clear()

    def check(self, operation: str, path: str) -> None:
        for fault in self._faults:
            if fault.operation == operation and path.startswith(fault.prefix):
                if fault.left == 0:
                    raise OSError(fault.number, os.strerror(fault.number), path)
                fault.left -= 1

    # --- the port

    def make_directory(self, path: str) -> None:
        self._disk.make_directory(path)

    def names(self, directory: str) -> list[str]:
        self.check("names", directory)
        return self._disk.names(directory)

    def open(self, path: str, *, write: bool = False, create: bool = False) -> File:
        self.check("create" if create else "open", path)
        return _FaultyFile(self, path, self._disk.open(path, write=write, create=create))

    def rename(self, source: str, target: str) -> None:
        self.check("rename", source)
        self._disk.rename(source, target)

    def unlink(self, path: str) -> None:
        self.check("unlink", path)
        self._disk.unlink(path)

    def sync_directory(self, path: str) -> None:
        self.check("sync_directory", path)
        self._disk.sync_directory(path)

    def space(self, path: str) -> Space:
        self.check("space", path)
        return self._disk.space(path)

    def lock(self, path: str) -> Callable[[], None]:
        return self._disk.lock(path)


class _FaultyFile:
    def __init__(self, disk: FaultyDisk, path: str, file: File) -> None:
        self._disk = disk
        self._path = path
        self._file = file

    def pread(self, length: int, offset: int) -> bytes:
        self._disk.check("read", self._path)
        return self._file.pread(length, offset)

    def pread_into(self, target: memoryview, offset: int) -> int:
        self._disk.check("read", self._path)
        return self._file.pread_into(target, offset)

    def send_to(self, descriptor: int, length: int, offset: int) -> int:
        self._disk.check("read", self._path)
        return self._file.send_to(descriptor, length, offset)

    def pwrite(self, data: bytes | memoryview, offset: int) -> None:
        self._disk.check("write", self._path)
        self._file.pwrite(data, offset)

    def truncate(self, length: int) -> None:
        self._disk.check("write", self._path)
        self._file.truncate(length)

    def size(self) -> int:
        return self._file.size()

    def start_writeback(self, offset: int, length: int) -> None:
        self._file.start_writeback(offset, length)

    def sync(self) -> None:
        self._disk.check("sync", self._path)
        self._file.sync()

    def close(self) -> None:
        self._file.close()
