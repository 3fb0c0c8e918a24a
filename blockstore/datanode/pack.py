"""One pack: a file that small replicas are appended to, each as a record (packrecord.py).

- Bytes are written under the lock of the volume's packs (packs.py); syncs run beside that, and one
  sync is for all that was written before it.
- A sync that failed is never tried again: the kernel has forgotten what it could not write. The
  pack is cut to what was durable, takes nothing any more, and who waited for it is refused.
- Only the newest pack of a volume may end with what isn't durable: before another one is begun,
  all of the last is synced. So only that one is verified at start.
"""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from blockstore import checksum
from blockstore.datanode.disk import File
from blockstore.datanode.volume import Volume
from blockstore.errors import ChecksumException, StoreError
from blockstore.packrecord import (
    ALIGNMENT,
    HEADER_BYTES,
    RecordHeader,
    next_header,
    pack_header,
    unpack_header,
)
from blockstore.runtime import failpoint

# Read at once to find records, of which most are small; and where a damaged header is stepped over.
_WINDOW_BYTES = 16 * 1024
_SEARCH_BYTES = 1024 * 1024


class Spot(NamedTuple):
    """Where a live record begins, how long it is, and how much of it is the replica's data."""

    at: int
    record_bytes: int
    length: int


class Pack:
    """A pack's file, and how much of it is in use."""

    def __init__(self, volume: Volume, path: str, salt: bytes) -> None:
        self.volume = volume
        self.path = path
        self.salt = salt
        # Where the next record begins.
        self.end = 0
        self.live_bytes = 0
        # By block.
        self.places: dict[int, Spot] = {}
        # Records that are on their way: appended, not live yet.
        self.coming = 0
        # A sync failed.
        self.untrusted = False
        # One is so damaged that the records of this pack can't be moved.
        self.stuck = False
        # Open while this is the volume's newest.
        self._file: File | None = None
        self._synced = 0
        self._syncing = threading.Lock()
        # Held for a write, and while what could not be synced is cut off.
        self._writing = threading.Lock()

    def __repr__(self) -> str:
        return f"Pack({self.path}, {len(self.places)} replicas, {self.live_bytes} of {self.end})"

    @property
    def is_empty(self) -> bool:
        return not self.places and not self.coming

    # --- the newest one

    def open(self, *, create: bool) -> None:
        """To be appended to."""
        with self.volume.guard("opening a pack", syncing=True):
            self._file = self.volume.disk.open(self.path, write=True, create=create)
            if create:
                failpoint.hit("pack.open.before_sync_directory")
                self.volume.disk.sync_directory(self.path.rpartition("/")[0])
                failpoint.hit("pack.open.after_sync_directory")

    def append(self, records: bytes) -> int:
        """Not durable before a `sync` up to `end`. Returns where they begin.

        Raises:
            StoreError: the disk refused; nothing was appended.
        """
        with self._writing:
            if self.untrusted or self._file is None:
                raise StoreError(f"{self.path} takes no more replicas: a sync failed")
            start = self.end
            with self.volume.guard("writing a pack"):
                try:
                    self._file.pwrite(records, start)
                except OSError:
                    with contextlib.suppress(OSError):
                        self._file.truncate(start)
                    raise
            self.end += len(records)
        return start

    def sync(self, upto: int) -> None:
        """Returns when all before `upto` survives a power loss.

        Raises:
            StoreError: this sync failed, or an earlier one.
        """
        with self._syncing:
            if self._synced >= upto:
                return
            if self.untrusted or self._file is None:
                raise StoreError(f"{self.path}: an earlier sync failed")
            written = self.end
            with self.volume.guard("syncing a pack", syncing=True):
                try:
                    failpoint.hit("pack.sync.before_sync")
                    self._file.sync()
                    failpoint.hit("pack.sync.after_sync")
                except OSError:
                    self._cut(self._file)
                    raise
            self._synced = written

    def _cut(self, file: File) -> None:
        """To what was durable: what lies behind it isn't verified once another pack is newest."""
        with self._writing:
            self.untrusted = True
            self.end = self._synced
            try:
                file.truncate(self.end)
                failpoint.hit("pack.cut.before_sync")
                file.sync()
                failpoint.hit("pack.cut.after_sync")
            except OSError as error:
                self.volume.fail(f"a pack can't be cut: {error.strerror or error}")
                raise

    def seal(self) -> None:
        """Durable as it is, and closed: another one is the newest now."""
        if not self.untrusted:
            self.sync(self.end)
        self.close()

    def close(self) -> None:
        with self._syncing:
            file, self._file = self._file, None
            if file is not None:
                file.close()

    # --- any

    def hold(self, at: int, header: RecordHeader) -> None:
        """Takes note of a live record."""
        size = header.record_bytes
        self.places[header.block.id] = Spot(at, size, header.block.length)
        self.live_bytes += size

    def forget(self, block_id: int) -> Spot:
        """Takes note that it lives no more."""
        spot = self.places.pop(block_id)
        self.live_bytes -= spot.record_bytes
        return spot

    def strike(self, at: int) -> None:
        """Tells the disk that a record counts no more, without a sync. It may come back with a
        power loss, as a file may that was unlinked.

        Raises:
            StoreError: the disk refused.
        """
        with self.volume.guard("deleting a replica"):
            file = self.volume.disk.open(self.path, write=True)
            try:
                header = unpack_header(file.pread(HEADER_BYTES, at), self.salt)
                if header is not None:
                    file.pwrite(pack_header(replace(header, live=False), self.salt), at)
            finally:
                file.close()

    def _header_at(self, file: File, at: int, block_id: int) -> RecordHeader:
        """Raises ChecksumException when it isn't that block's."""
        header = unpack_header(file.pread(HEADER_BYTES, at), self.salt)
        if header is None or not header.live or header.block.id != block_id:
            raise ChecksumException(f"blk_{block_id}: its header in {self.path} at {at} is damaged")
        return header

    def head_at(self, file: File, at: int, block_id: int) -> tuple[RecordHeader, bytes]:
        """Its header and its checksums.

        Raises:
            ChecksumException: it isn't that block's, or ends before its data.
        """
        header = self._header_at(file, at, block_id)
        crcs = file.pread(header.crcs_bytes, at + HEADER_BYTES)
        if len(crcs) < header.crcs_bytes:
            raise ChecksumException(f"{self.path} ends in the checksums of {header.block}")
        return header, crcs

    # --- at start

    def load(self, *, newest: bool) -> list[tuple[int, RecordHeader]]:
        """Where its records are. Of the newest, those whose bytes aren't what their checksums say
        had never become durable: they are struck, for good.
        """
        found: list[tuple[int, RecordHeader]] = []
        with self.volume.guard("reading a pack", syncing=True):
            file = self.volume.disk.open(self.path, write=newest)
            try:
                for at, header in self._records(file):
                    if newest and header.live and not _is_whole(file, at, header):
                        file.pwrite(pack_header(replace(header, live=False), self.salt), at)
                    elif header.live:
                        found.append((at, header))
                size = file.size()
                self.end = size + -size % ALIGNMENT
                if newest:
                    # What a killed process has written counts from now on.
                    failpoint.hit("pack.load.before_sync")
                    file.sync()
                    failpoint.hit("pack.load.after_sync")
            finally:
                file.close()
        self._synced = self.end
        return found

    def _records(self, file: File) -> Iterator[tuple[int, RecordHeader]]:
        """Steps over what is damaged, to the next header."""
        at, size = 0, file.size()
        start, window = 0, b""
        while at < size:
            if not start <= at <= start + len(window) - HEADER_BYTES:
                start, window = at, file.pread(_WINDOW_BYTES, at)
            header = unpack_header(window, self.salt, at - start)
            if header is not None:
                yield at, header
                at += header.record_bytes
                continue
            raw = file.pread(_SEARCH_BYTES, at + ALIGNMENT)
            at += ALIGNMENT + next_header(raw, self.salt)
            at -= at % ALIGNMENT


def _is_whole(file: File, at: int, header: RecordHeader) -> bool:
    crcs = file.pread(header.crcs_bytes, at + HEADER_BYTES)
    data = file.pread(header.block.length, at + header.data_at)
    if len(crcs) < header.crcs_bytes or len(data) < header.block.length:
        return False
    try:
        checksum.verify(data, crcs, header.chunk_bytes, what=str(header.block), offset=0)
    except ChecksumException:
        return False
    return True
