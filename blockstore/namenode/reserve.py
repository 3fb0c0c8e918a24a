"""Room on the journal's volume: changes are refused before there is none, and resume with it.

    reserve    a file of zeros; given up when the journal meets a full volume

Rules
- With fewer free bytes than `wanted_bytes` changes have to wait; reads don't.
- Something else may fill the volume between two looks. What was appended by then must still get
  to the disk, for readers have to wait for it: the file `reserve` is removed, and that room
  takes it. No change is taken again before the reserve is back.
"""

import errno
import logging
from typing import Final

from blockstore.namenode.disk import Disk

log = logging.getLogger(__name__)

NAME: Final = "reserve"
# What is appended between two looks is far less, and nobody misses so little.
RESERVE_BYTES: Final = 4 * 1024 * 1024
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class Reserve:
    """Owned by the event loop."""

    def __init__(self, disk: Disk, wanted_bytes: int, reserve_bytes: int = RESERVE_BYTES) -> None:
        self._disk = disk
        self._wanted_bytes = wanted_bytes
        self._reserve_bytes = reserve_bytes
        self._kept = NAME in disk.names()

    @property
    def full(self) -> str:
        return f"journal volume full: {self._disk.place}{_NEXT}"

    def give_up(self) -> bool:
        """Makes room; whether there was any to make."""
        if not self._kept:
            return False
        self._kept = False
        try:
            self._disk.remove(NAME)
        except OSError as error:
            log.warning("%s/%s can't be removed: %s", self._disk.place, NAME, error)
            return False
        return True

    def look(self) -> str:
        """Why changes have to wait; empty when there is room."""
        try:
            if not self._kept:
                self._disk.allocate(NAME, self._reserve_bytes)
                self._kept = True
            free = self._disk.free_bytes()
        except OSError as error:
            return f"journal volume full: {self._disk.place}: {error.strerror or error}{_NEXT}"
        if free >= self._wanted_bytes:
            return ""
        return (
            f"journal volume full: {self._disk.place} has {free >> 20} MiB free, "
            f"{self._wanted_bytes >> 20} MiB are kept free (journal_reserve_bytes){_NEXT}"
        )


_NEXT: Final = "; changes are taken again by themselves once there is room"
