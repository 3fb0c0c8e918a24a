"""The journal: every change of the namespace, in order, durable before anybody hears of it.

Files (in one directory; numbers are decimal, 20 digits, so that names sort)

    journal-<first transaction>     a segment; the one with the highest number is being written

Format (little-endian)

    segment   magic "BSJRNL02" | first transaction u64 | CRC32C of these u32 | records
    record    payload bytes u32 | CRC32C u32 | transaction u64 | durable u64 | more u8 | payload

    - The CRC covers the record but for itself. Payloads are entrycodec.py's.
    - Transactions count up by one, over all segments.
    - `durable` is the last transaction that was known to be on disk when this one was written.
    - `more` is 1 when the group goes on with the next record. A group is what one request has
      done; it lies in one segment.

Rules
- A group is there as a whole or not at all: at the end of the journal an unfinished one is cut
  off as a torn record is.
- append only gathers; `sync` writes what was gathered and makes it durable with one fsync.
- After an OSError of `sync` the journal is dead: what is on disk is unknown, and nobody may
  be told anything that rests on it.
- A full volume is no such error: what was written of the batch is cut off again, the batch waits,
  and `sync` may be called again.
- A new segment is begun at every start and at `roll`; only the last may end in a torn record.

Its reading end is journalreader.py, its witness syncmark.py. A replicated journal is another class
with these methods; nothing outside these files knows how transactions become durable.
"""

import struct
import threading
from itertools import pairwise
from typing import Final

from blockstore.checksum import crc32c
from blockstore.namenode import entrycodec, syncmark
from blockstore.namenode.disk import AppendFile, Disk
from blockstore.namenode.entries import Entry
from blockstore.namenode.reserve import FULL
from blockstore.runtime import failpoint

MAGIC: Final = b"BSJRNL02"
PREFIX: Final = "journal-"

SEGMENT: Final = struct.Struct("<8sQI")
RECORD: Final = struct.Struct("<IIQQB")
CRC_AT: Final = 4
CRC_END: Final = 8


def segment_name(first: int) -> str:
    return f"{PREFIX}{first:020d}"


def segments(disk: Disk) -> list[int]:
    """The first transactions of all segments, rising."""
    return [int(n[len(PREFIX) :]) for n in disk.names() if n.startswith(PREFIX)]


class JournalFull(Exception):
    """There is no room; nothing is lost, nothing of it is durable yet."""


class Journal:
    """The writing end. Thread-safe for one appender and one syncer.

    `read` everything first, then `open`: it continues after `last`.
    """

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._lock = threading.Lock()
        # Guarded by the lock.
        self._gathered: list[bytes] = []
        self._last = 0
        # Owned by the syncing thread.
        self._file: AppendFile | None = None
        self._first = 0
        self._size = 0
        self._written = 0
        self._durable = 0
        # Owned by whoever calls `mark`.
        self._marked = 0

    @property
    def last(self) -> int:
        """The last transaction appended, durable or not."""
        return self._last

    def open(self, last: int) -> None:
        """Begins a new segment after transaction `last`, which is the last that was read."""
        self._last = self._written = self._durable = last
        self._begin_segment()

    @property
    def unmarked(self) -> int:
        """How many durable transactions the mark doesn't know of yet."""
        return self._durable - self._marked

    def mark(self) -> None:
        """Notes how far the journal is durable (syncmark.py); from any one thread.

        Raises:
            OSError: the old mark stands; nothing else is affected.
        """
        durable = self._durable
        if durable > self._marked:
            syncmark.write(self._disk, durable)
            self._marked = durable

    def append(self, *group: Entry) -> int:
        """Gathers entries that are durable together or not at all; returns the last transaction."""
        payloads = [entrycodec.encode(entry) for entry in group]
        with self._lock:
            for place, payload in enumerate(payloads, start=1):
                self._last += 1
                more = place < len(payloads)
                self._gathered.append(_record(self._last, self._durable, payload, more=more))
            return self._last

    def sync(self) -> int:
        """Makes all that was appended durable; returns the last transaction of it.

        Raises:
            JournalFull: there is no room for it.
            OSError: nothing is known of the disk any more; the process must end.
        """
        with self._lock:
            gathered, last = self._gathered, self._last
            self._gathered = []
        if gathered:
            assert self._file is not None, "the journal is not open"
            batch = b"".join(gathered)
            try:
                self._file.write(batch)
            except OSError as error:
                if error.errno not in FULL:
                    raise
                self._file.cut(self._size)
                with self._lock:
                    self._gathered[:0] = gathered
                raise JournalFull(str(error)) from error
            self._size += len(batch)
            self._written = last
            failpoint.hit("journal.sync.before_sync")
            self._file.sync()
            failpoint.hit("journal.sync.after_sync")
            self._durable = last
        return self._durable

    def roll(self) -> int:
        """Ends the segment and begins another; returns the last sealed transaction.

        Raises:
            JournalFull: there is no room for another; the segment goes on.
            OSError: as for `sync`.
        """
        sealed = self.sync()
        if self._written + 1 > self._first:
            self._begin_segment()
        return sealed

    def _begin_segment(self) -> None:
        first = self._written + 1
        name = segment_name(first)
        head = MAGIC + struct.pack("<Q", first)
        file = self._disk.create(name)
        try:
            file.write(head + struct.pack("<I", crc32c(head)))
        except OSError as error:
            file.close()
            if error.errno not in FULL:
                raise
            # Else a segment would follow the one that is going to grow.
            self._disk.remove(name)
            failpoint.hit("journal.begin_segment.full_before_sync_names")
            self._disk.sync_names()
            failpoint.hit("journal.begin_segment.full_after_sync_names")
            raise JournalFull(str(error)) from error
        failpoint.hit("journal.begin_segment.before_sync")
        file.sync()
        failpoint.hit("journal.begin_segment.after_sync")
        self._disk.sync_names()
        failpoint.hit("journal.begin_segment.after_sync_names")
        self.close()
        self._file, self._first, self._size = file, first, SEGMENT.size

    def purge(self, through: int) -> None:
        """Removes the segments that end at or before transaction `through`."""
        firsts = segments(self._disk)
        for first, following in pairwise(firsts):
            if following - 1 <= through:
                self._disk.remove(segment_name(first))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _record(transaction: int, durable: int, payload: bytes, *, more: bool) -> bytes:
    head = RECORD.pack(len(payload), 0, transaction, durable, more)
    crc = crc32c(head[:CRC_AT] + head[CRC_END:] + payload)
    return RECORD.pack(len(payload), crc, transaction, durable, more) + payload
