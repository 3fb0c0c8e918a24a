"""The NameNode's directory: one process at a time, and no formatting by accident.

Rules
- A lock on the file `lock` keeps a second NameNode out for as long as the first one lives.
- A missing or empty directory becomes a new namespace. One with other files in it does only
  with --format. One with a namespace is never formatted: remove it by hand.
"""

import fcntl
import os
from typing import Final

from blockstore.errors import ConfigException
from blockstore.namenode.disk import RealDisk
from blockstore.namenode.recovery import is_formatted

LOCK: Final = "lock"


class DirectoryLock:
    """Held until `release` or the process's end."""

    def __init__(self, directory: str) -> None:
        """Raises:
        ConfigException: another process has it; the message has its id.
        """
        path = os.path.join(directory, LOCK)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._fd, 32).decode(errors="replace") or "unknown"
            os.close(self._fd)
            raise ConfigException(
                f"another NameNode (process {holder}) uses {directory}: stop it first, or give "
                "another --dir"
            ) from None
        os.ftruncate(self._fd, 0)
        os.write(self._fd, str(os.getpid()).encode())

    def release(self) -> None:
        os.close(self._fd)


def prepare(directory: str, *, format_wanted: bool) -> tuple[RealDisk, DirectoryLock]:
    """The directory, locked, and either with a namespace or free for a new one.

    Raises:
        ConfigException: it is in use, can't be written, or isn't what the options say.
    """
    directory = os.path.abspath(directory)
    try:
        os.makedirs(directory, mode=0o750, exist_ok=True)
        lock = DirectoryLock(directory)
        try:
            disk = RealDisk(directory)
            _check(disk, format_wanted)
        except BaseException:
            lock.release()
            raise
    except ConfigException:
        raise
    except OSError as error:
        raise ConfigException(f"can't use {directory}: {error.strerror or error}") from None
    return disk, lock


def _check(disk: RealDisk, format_wanted: bool) -> None:
    strangers = [name for name in disk.names() if name != LOCK]
    if is_formatted(disk):
        if format_wanted:
            raise ConfigException(
                f"{disk.place} has a namespace: --format never erases one. Start without "
                "--format, or remove the directory by hand first"
            )
    elif strangers and not format_wanted:
        raise ConfigException(
            f"{disk.place} has files in it, but no namespace (such as {strangers[0]}): is it the "
            "right directory? Say --format to begin a new namespace there"
        )
