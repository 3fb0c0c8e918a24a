"""The journal's reading end. The format is in journal.py.

Rules
- A bad record at the end of the last segment is a write that a crash tore; it's cut off, with the
  group that it belongs to.
- It is more than that when a later record or the mark (syncmark.py) knew it to be durable, or when
  it isn't in the last segment: then JournalDamage says where.
"""

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NoReturn

from blockstore.checksum import crc32c
from blockstore.errors import JournalCorruptException
from blockstore.namenode import entrycodec, syncmark
from blockstore.namenode.disk import Disk
from blockstore.namenode.entries import Entry
from blockstore.namenode.formatversion import check_version
from blockstore.namenode.journal import (
    CRC_AT,
    CRC_END,
    MAGIC,
    RECORD,
    SEGMENT,
    segment_name,
    segments,
)
from blockstore.runtime import failpoint

log = logging.getLogger(__name__)

# One entry has a few hundred bytes; a length beyond this is no length.
_PAYLOAD_BYTES_MAX: Final = 16 * 1024 * 1024


class JournalDamage(JournalCorruptException):
    """Where the journal stops being right.

    `transaction` is the first bad one; whole groups of the file `name` end at `offset`.
    """

    def __init__(self, message: str, name: str, offset: int, transaction: int) -> None:
        super().__init__(message)
        self.name = name
        self.offset = offset
        self.transaction = transaction


@dataclass(frozen=True, slots=True)
class _Record:
    transaction: int
    more: bool
    payload: bytes


def read(
    disk: Disk, after: int, *, through: int | None = None, repair: bool = False
) -> Iterator[tuple[int, Entry]]:
    """Transactions `after` + 1, + 2, … up to `through` (None: to the end) with their entries.

    Groups come whole. With `repair` the torn end of the last segment is cut off the file, else
    only left out; and what is left of it is made durable, for a process that was killed may not
    have got to that.

    Raises:
        JournalCorruptException: a hole or damage before the end; the message has file, offset
            and transaction, and what to do.
    """
    firsts = segments(disk)
    synced = syncmark.read(disk)
    expected = after + 1
    reader = None
    # Segments that end before `expected` aren't even opened.
    start = max((i for i, first in enumerate(firsts) if first <= expected), default=0)
    for index in range(start, len(firsts)):
        if through is not None and firsts[index] > through:
            break
        is_last = index == len(firsts) - 1
        reader = _SegmentReader(disk, firsts[index], is_last=is_last, synced=synced)
        if firsts[index] > expected:
            reader.refuse(expected, "transactions are missing before it")
        for transaction, payload in reader.records():
            if transaction < expected:
                continue
            if through is not None and transaction > through:
                return
            yield transaction, reader.decoded(transaction, payload)
            expected = transaction + 1
        if is_last and reader.torn_bytes:
            log.warning(
                "%s/%s: transaction %d, from offset %d on, isn't whole: a write that a crash tore. "
                "Its %d bytes %s",
                disk.place,
                segment_name(firsts[index]),
                expected,
                reader.end,
                reader.torn_bytes,
                "are cut off" if repair else "are left out, and the NameNode's start cuts them off",
            )
        if repair and is_last:
            failpoint.hit("journalreader.read.before_truncate")
            disk.truncate(segment_name(firsts[index]), reader.end)
            failpoint.hit("journalreader.read.after_truncate")
    if through is not None and expected <= through:
        raise JournalCorruptException(
            f"{disk.place}: the journal ends at transaction {expected - 1}, before {through}"
        )
    if through is None and expected <= synced:
        name = segment_name(max(firsts, default=1))
        end = reader.end if reader else 0
        raise _damage(disk, name, end, end, expected, _lost(synced))


def readable(disk: Disk, first: int) -> Iterator[tuple[int, Entry]]:
    """Every whole record of a segment, also those behind damage; raises OSError."""
    yield from _SegmentReader(disk, first, is_last=True, synced=0).whole_records()


def _damage(
    disk: Disk, name: str, offset: int, cut_at: int, transaction: int, why: str
) -> JournalDamage:
    return JournalDamage(
        f"the journal is damaged: {disk.place}/{name}, offset {offset}, transaction "
        f"{transaction}: {why}. Put back the file from a copy of the NameNode's directory; or see "
        "what would be lost by going on without what follows, which changes nothing:\n"
        f"  mapred admin journal recover {disk.place}",
        name,
        cut_at,
        transaction,
    )


def _lost(synced: int) -> str:
    return f"{syncmark.NAME} says that transaction {synced} was on disk, it is not there any more"


class _SegmentReader:
    """One segment, read once."""

    def __init__(self, disk: Disk, first: int, *, is_last: bool, synced: int) -> None:
        self._disk = disk
        self._data = disk.read(segment_name(first))
        self._first = first
        self._is_last = is_last
        self._synced = synced
        self._offset = 0
        # Where the group begins that the record at the offset belongs to.
        self._group_at = 0

    @property
    def _place(self) -> str:
        return f"{self._disk.place}/{segment_name(self._first)}"

    @property
    def end(self) -> int:
        """Where whole groups end, once all were read."""
        return self._group_at

    @property
    def torn_bytes(self) -> int:
        """What follows them. Blocks of a file that were reserved and never written are zeros."""
        return max(0, len(self._data.rstrip(b"\0")) - self.end)

    def refuse(self, transaction: int, why: str) -> NoReturn:
        name = segment_name(self._first)
        raise _damage(self._disk, name, self._offset, self._group_at, transaction, why)

    def records(self) -> Iterator[tuple[int, bytes]]:
        """The records of all whole groups."""
        transaction = self._first
        if not self._head_is_good():
            self._end(transaction)
            return
        self._offset = self._group_at = SEGMENT.size
        group: list[tuple[int, bytes]] = []
        while self._offset < len(self._data):
            found = self._record_at(self._offset)
            if found is None or found.transaction != transaction:
                self._end(transaction)
                return
            group.append((transaction, found.payload))
            self._offset += RECORD.size + len(found.payload)
            transaction += 1
            if not found.more:
                yield from group
                group.clear()
                self._group_at = self._offset
        if group:
            self._end(transaction)

    def whole_records(self) -> Iterator[tuple[int, Entry]]:
        offset = 0
        while offset + RECORD.size <= len(self._data):
            found = self._record_at(offset)
            if found is None:
                offset += 1
                continue
            offset += RECORD.size + len(found.payload)
            with contextlib.suppress(JournalCorruptException):
                yield found.transaction, entrycodec.decode(found.payload)

    def decoded(self, transaction: int, payload: bytes) -> Entry:
        try:
            return entrycodec.decode(payload)
        except JournalCorruptException as error:
            raise JournalCorruptException(
                f"{self._place}, offset {self._group_at}, transaction {transaction}: {error}"
            ) from None

    def _head_is_good(self) -> bool:
        if len(self._data) < SEGMENT.size:
            return False
        magic, first, crc = SEGMENT.unpack_from(self._data)
        head = self._data[: SEGMENT.size - 4]
        if crc != crc32c(head):
            return False
        check_version(self._place, self._data, MAGIC)
        return bool(magic == MAGIC and first == self._first)

    def _record_at(self, offset: int) -> "_Record | None":
        """The record there, if it is whole and right."""
        data = self._data
        if offset + RECORD.size > len(data):
            return None
        size, crc, transaction, _, more = RECORD.unpack_from(data, offset)
        end = offset + RECORD.size + size
        if size > _PAYLOAD_BYTES_MAX or end > len(data) or transaction < self._first:
            return None
        covered = data[offset : offset + CRC_AT] + data[offset + CRC_END : end]
        if crc32c(covered) != crc:
            return None
        return _Record(transaction, bool(more), data[offset + RECORD.size : end])

    def _end(self, transaction: int) -> None:
        """The record at the offset, which should be `transaction`, is bad: torn or damaged?"""
        if not self._is_last:
            self.refuse(transaction, "a record is bad and segments follow it")
        knowing = self._record_that_knew(transaction)
        if knowing is not None:
            self.refuse(transaction, f"a record is bad that transaction {knowing} knew good")
        if transaction <= self._synced:
            self.refuse(transaction, _lost(self._synced))

    def _record_that_knew(self, transaction: int) -> int | None:
        """A later whole record that says `transaction` was durable before it was written."""
        # Blocks of a file that were reserved and never written are zeros: no record starts there.
        last_start = min(len(self._data.rstrip(b"\0")), len(self._data) - RECORD.size)
        for offset in range(self._offset + 1, last_start + 1):
            _, _, later, durable, _ = RECORD.unpack_from(self._data, offset)
            # The cheap test first: nearly every offset fails it.
            if transaction <= durable < later and self._record_at(offset) is not None:
                return int(later)
        return None
