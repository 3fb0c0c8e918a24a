"""Directories of attempts that have left nothing, kept for the next attempts of their job.

A job of short tasks would make and remove thousands of them. Where a file system searches long for
a new inode (ext4 without a journal, for minutes after others were freed), that takes longer than
the tasks themselves; a rename takes no inode.
"""

import os
from collections import defaultdict, deque
from collections.abc import Container
from contextlib import suppress
from itertools import count
from typing import Final

# Of one kind and job: more than attempts end between two that begin.
_SPARES_MAX: Final = 64


class SpareDirs:
    """Thread-safe. What lies in the same directory is of one job and kind."""

    def __init__(self) -> None:
        self._by_parent: defaultdict[str, deque[str]] = defaultdict(deque)
        self._numbers = count(1)

    def give(self, folder: str, files: Container[str] = ()) -> bool:
        """Whether it was taken: it's there, and has nothing but those of the `files` that are
        empty. An empty file of another name would be a leftover to the next attempt."""
        parent = os.path.dirname(folder)
        if len(self._by_parent.get(parent, ())) >= _SPARES_MAX:
            return False
        # Of another name, so that who still has the old one finds nothing there.
        spare = f"{parent}/.spare-{next(self._numbers)}"
        try:
            with os.scandir(folder) as entries:
                if any(one.name not in files or not _is_empty_file(one) for one in entries):
                    return False
            os.rename(folder, spare)
        except OSError:
            return False
        self._by_parent[parent].append(spare)
        return True

    def take(self, folder: str) -> bool:
        """Whether a spare one is there now under this name."""
        spares = self._by_parent.get(os.path.dirname(folder))
        # One that can't be renamed is nobody's any more; it goes with its job.
        with suppress(IndexError, OSError):
            if spares:
                os.rename(spares.popleft(), folder)
                return True
        return False

    def forget(self, *parents: str) -> None:
        """They are removed."""
        for parent in parents:
            self._by_parent.pop(parent, None)


def _is_empty_file(entry: "os.DirEntry[str]") -> bool:
    return entry.is_file(follow_symlinks=False) and not entry.stat(follow_symlinks=False).st_size


def make(folder: str) -> None:
    """Raises OSError."""
    with suppress(FileExistsError):
        try:
            os.mkdir(folder)
        except FileNotFoundError:
            os.makedirs(folder, exist_ok=True)
