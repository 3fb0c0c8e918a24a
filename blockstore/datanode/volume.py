"""One storage directory of a DataNode, and the judgement on its health.

A disk that answers with an I/O error is ill: its volume fails for good, is reported,
and its replicas count as gone. A full disk or a missing file is no illness. A failed
sync always is one: what the kernel could not write it has already forgotten. (Only for
want of room it isn't; then the replica that was synced isn't trusted any more: openfiles.py.)
"""

import errno
import logging
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from blockstore.datanode import layout
from blockstore.datanode.disk import VOLUME_ERRORS, Disk, Space
from blockstore.datanode.layout import Place
from blockstore.errors import StoreError
from blockstore.model import VolumeReport
from blockstore.runtime import failpoint

log = logging.getLogger(__name__)

# A disk with more of them is ill.
SUSPECTS_MAX: Final = 1_000
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(slots=True)
class ScanProgress:
    """How far the scanner is with a volume; owned by the scanner, read by reports."""

    scanned_bytes: int = 0
    last_pass_at_s: float = 0.0
    errors: int = 0


class VolumeFailure(StoreError):
    """The disk under a volume is ill; the volume is not used any more."""


class Volume:
    """A directory with `current/`, `rbw/` and `tmp/`, locked while open."""

    def __init__(self, disk: Disk, path: str, reserved_bytes: int = 0) -> None:
        self.disk = disk
        self.path = path
        # Room that replicas leave to others.
        self.reserved_bytes = reserved_bytes
        # Something was strange about it; the disk check (diskcheck.py) looks soon.
        self.suspected = False
        # Whether this node's identity is on it (identity.py): without, it's another disk's place.
        self.marked = False
        self.scan = ScanProgress()
        # Blocks that could not be read; the scanner takes them first.
        self.suspects: deque[int] = deque(maxlen=SUSPECTS_MAX)
        # Why it is not used any more; None while it is well.
        self.failure: str | None = None
        self._used_bytes = 0
        self._counting = threading.Lock()
        disk.make_directory(path)
        self._unlock = disk.lock(f"{path}/{layout.LOCK_FILE}")
        for place in Place:
            disk.make_directory(self.directory(place))
        failpoint.hit("volume.open.before_sync_directory")
        disk.sync_directory(path)
        failpoint.hit("volume.open.after_sync_directory")

    def __repr__(self) -> str:
        return f"Volume({self.path}{', failed: ' + self.failure if self.failure else ''})"

    @property
    def used_bytes(self) -> int:
        return self._used_bytes

    def directory(self, place: Place) -> str:
        return f"{self.path}/{place.value}"

    def data_path(self, place: Place, block_id: int) -> str:
        return f"{self.path}/{place.value}/{layout.data_name(block_id)}"

    def crc_path(self, place: Place, block_id: int) -> str:
        return f"{self.path}/{place.value}/{layout.crc_name(block_id)}"

    def space(self) -> Space:
        with self.guard("asking for free space"):
            return self.disk.space(self.path)

    def room(self) -> int:
        """Bytes that replicas may still take."""
        return max(0, self.space().free_bytes - self.reserved_bytes)

    def check_room(self) -> None:
        """Raises StoreError when replicas have come to the reserve."""
        if self.reserved_bytes and not self.room():
            raise StoreError(f"volume {self.path}: {self.full_words()}")

    def full_words(self) -> str:
        if not self.reserved_bytes:
            return "No space left on device"
        return f"only the reserve of {self.reserved_bytes} bytes is left (reserved_bytes)"

    def report(self) -> VolumeReport:
        """As the NameNode hears of it."""
        try:
            capacity, room = self.space().capacity_bytes, self.room()
        except StoreError as error:
            return VolumeReport(self.path, "failed", self.failure or str(error))
        return VolumeReport(
            self.path,
            "in use" if room else "full",
            "" if room else self.full_words(),
            capacity,
            self.used_bytes,
            room,
            self.scan.scanned_bytes,
            self.scan.last_pass_at_s,
            self.scan.errors,
        )

    def count(self, bytes_more: int) -> None:
        """Bytes of replicas that came, or (negative) went."""
        with self._counting:
            self._used_bytes += bytes_more

    def fail(self, reason: str) -> None:
        if self.failure is None:
            self.failure = reason
            log.error("volume %s is not used any more: %s", self.path, reason)

    @contextmanager
    def guard(self, doing: str, *, syncing: bool = False) -> Iterator[None]:
        """Translates the disk's errors; notices illness.

        Raises:
            VolumeFailure: the disk is ill.
            StoreError: anything else that the disk refused.
        """
        if self.failure is not None:
            raise VolumeFailure(f"volume {self.path} failed before: {self.failure}")
        try:
            yield
        except StoreError:
            raise
        except OSError as error:
            words = f"{doing}: {error.strerror or error}"
            if error.errno in VOLUME_ERRORS or (syncing and error.errno not in FULL):
                self.fail(words)
                raise VolumeFailure(f"volume {self.path} failed: {words}") from error
            if error.errno == errno.ENOENT:
                # Perhaps nothing is there any more.
                self.suspected = True
            raise StoreError(f"volume {self.path}: {words}") from error

    def close(self) -> None:
        """Lets the directory's lock go."""
        self._unlock()
