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
- After an error of `sync` the journal is dead: what is on disk is unknown, and nobody may
  be told anything that rests on it.
- A new segment is begun at every start and at `roll`; only the last may end in a torn record.
- Reading: a bad record at the end of the last segment is a write that a crash tore; it's cut
  off. It is more than that when a later record knew it to be durable, or when it isn't in the
  last segment: then JournalCorruptException says where.

A replicated journal is another class with these methods; nothing outside this file knows how
transactions become durable.
"""

import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from blockstore.checksum import crc32c
from blockstore.errors import JournalCorruptException
from blockstore.namenode import entrycodec
from blockstore.namenode.disk import AppendFile, Disk
from blockstore.namenode.entries import Entry
from blockstore.namenode.formatversion import check_version

MAGIC: Final = b"BSJRNL02"
PREFIX: Final = "journal-"

_SEGMENT = struct.Struct("<8sQI")
_RECORD = struct.Struct("<IIQQB")
_CRC_AT: Final = 4
_CRC_END: Final = 8
# One entry has a few hundred bytes; a length beyond this is no length.
_PAYLOAD_BYTES_MAX: Final = 16 * 1024 * 1024


def segment_name(first: int) -> str:
    return f"{PREFIX}{first:020d}"


def segments(disk: Disk) -> list[int]:
    """The first transactions of all segments, rising."""
    return [int(n[len(PREFIX) :]) for n in disk.names() if n.startswith(PREFIX)]


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
        self._written = 0
        self._durable = 0

    @property
    def last(self) -> int:
        """The last transaction appended, durable or not."""
        return self._last

    def open(self, last: int) -> None:
        """Begins a new segment after transaction `last`, which is the last that was read."""
        self._last = self._written = self._durable = last
        self._begin_segment()

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
            OSError: nothing is known of the disk any more; the process must end.
        """
        with self._lock:
            gathered, last = self._gathered, self._last
            self._gathered = []
        if gathered:
            assert self._file is not None, "the journal is not open"
            self._file.write(b"".join(gathered))
            self._written = last
            self._file.sync()
            self._durable = last
        return self._durable

    def roll(self) -> int:
        """Ends the segment and begins another; returns the last sealed transaction."""
        sealed = self.sync()
        self._begin_segment()
        return sealed

    def _begin_segment(self) -> None:
        name = segment_name(self._written + 1)
        head = MAGIC + struct.pack("<Q", self._written + 1)
        self.close()
        self._file = self._disk.create(name)
        self._file.write(head + struct.pack("<I", crc32c(head)))
        self._file.sync()
        self._disk.sync_names()

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


@dataclass(frozen=True, slots=True)
class _Record:
    transaction: int
    more: bool
    payload: bytes


def _record(transaction: int, durable: int, payload: bytes, *, more: bool) -> bytes:
    head = _RECORD.pack(len(payload), 0, transaction, durable, more)
    crc = crc32c(head[:_CRC_AT] + head[_CRC_END:] + payload)
    return _RECORD.pack(len(payload), crc, transaction, durable, more) + payload


# --- reading -----------------------------------------------------------------------------


def read(
    disk: Disk, after: int, *, through: int | None = None, repair: bool = False
) -> Iterator[tuple[int, Entry]]:
    """Transactions `after` + 1, + 2, … up to `through` (None: to the end) with their entries.

    Groups come whole. With `repair` the torn end of the last segment is cut off the file, else
    only left out.

    Raises:
        JournalCorruptException: a hole or damage before the end; the message has file, offset
            and transaction, and what to do.
    """
    firsts = segments(disk)
    expected = after + 1
    # Segments that end before `expected` aren't even opened.
    start = max((i for i, first in enumerate(firsts) if first <= expected), default=0)
    for index in range(start, len(firsts)):
        if through is not None and firsts[index] > through:
            break
        is_last = index == len(firsts) - 1
        reader = _SegmentReader(disk, firsts[index], is_last=is_last)
        if firsts[index] > expected:
            reader.refuse(0, expected, "transactions are missing before it")
        for transaction, payload in reader.records():
            if transaction < expected:
                continue
            if through is not None and transaction > through:
                return
            yield transaction, reader.decoded(transaction, payload)
            expected = transaction + 1
        if repair and reader.torn_at is not None:
            disk.truncate(segment_name(firsts[index]), reader.torn_at)
    if through is not None and expected <= through:
        raise JournalCorruptException(
            f"{disk.place}: the journal ends at transaction {expected - 1}, before {through}"
        )


class _SegmentReader:
    """One segment; `torn_at` is set when its end was torn by a crash."""

    def __init__(self, disk: Disk, first: int, *, is_last: bool) -> None:
        self._place = f"{disk.place}/{segment_name(first)}"
        self._data = disk.read(segment_name(first))
        self._first = first
        self._is_last = is_last
        self._offset = 0
        # Where the group begins that the record at the offset belongs to.
        self._group_at = 0
        self.torn_at: int | None = None

    def refuse(self, offset: int, transaction: int, why: str) -> None:
        raise JournalCorruptException(
            f"the journal is damaged: {self._place}, offset {offset}, transaction {transaction}: "
            f"{why}. Put back this file from a copy of the NameNode's directory. To go on without "
            f"what follows, keep a copy of the directory, then cut the file with "
            f"'truncate -s {offset} {self._place}' and remove the segments after it: every change "
            f"from transaction {transaction} on is lost"
        )

    def records(self) -> Iterator[tuple[int, bytes]]:
        """The records of all whole groups."""
        transaction = self._first
        if not self._head_is_good():
            self._end(transaction)
            return
        self._offset = self._group_at = _SEGMENT.size
        group: list[tuple[int, bytes]] = []
        while self._offset < len(self._data):
            found = self._record_at(self._offset)
            if found is None or found.transaction != transaction:
                self._end(transaction)
                return
            group.append((transaction, found.payload))
            self._offset += _RECORD.size + len(found.payload)
            transaction += 1
            if not found.more:
                yield from group
                group.clear()
                self._group_at = self._offset
        if group:
            self._end(transaction)

    def decoded(self, transaction: int, payload: bytes) -> Entry:
        try:
            return entrycodec.decode(payload)
        except JournalCorruptException as error:
            self.refuse(self._group_at, transaction, str(error))
            raise

    def _head_is_good(self) -> bool:
        if len(self._data) < _SEGMENT.size:
            return False
        magic, first, crc = _SEGMENT.unpack_from(self._data)
        head = self._data[: _SEGMENT.size - 4]
        if crc != crc32c(head):
            return False
        check_version(self._place, self._data, MAGIC)
        return bool(magic == MAGIC and first == self._first)

    def _record_at(self, offset: int) -> "_Record | None":
        """The record there, if it is whole and right."""
        data = self._data
        if offset + _RECORD.size > len(data):
            return None
        size, crc, transaction, _, more = _RECORD.unpack_from(data, offset)
        end = offset + _RECORD.size + size
        if size > _PAYLOAD_BYTES_MAX or end > len(data) or transaction < self._first:
            return None
        covered = data[offset : offset + _CRC_AT] + data[offset + _CRC_END : end]
        if crc32c(covered) != crc:
            return None
        return _Record(transaction, bool(more), data[offset + _RECORD.size : end])

    def _end(self, transaction: int) -> None:
        """The record at the offset, which should be `transaction`, is bad: torn or damaged?"""
        if not self._is_last:
            self.refuse(self._offset, transaction, "a record is bad and segments follow it")
        knowing = self._record_that_knew(transaction)
        if knowing is not None:
            self.refuse(
                self._offset, transaction, f"a record is bad that transaction {knowing} knew good"
            )
        self.torn_at = self._group_at

    def _record_that_knew(self, transaction: int) -> int | None:
        """A later whole record that says `transaction` was durable before it was written."""
        # Blocks of a file that were reserved and never written are zeros: no record starts there.
        last_start = min(len(self._data.rstrip(b"\0")), len(self._data) - _RECORD.size)
        for offset in range(self._offset + 1, last_start + 1):
            _, _, later, durable, _ = _RECORD.unpack_from(self._data, offset)
            # The cheap test first: nearly every offset fails it.
            if transaction <= durable < later and self._record_at(offset) is not None:
                return int(later)
        return None
