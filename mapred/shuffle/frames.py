"""Rows to frames and back: the inside of a segment (see segments.py for the format)."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, Protocol

import pyarrow as pa

from mapred.shuffle.columns import SCHEMAS, Kind, Rows, joined
from mapred.shuffle.segments import (
    FRAME_HEAD,
    UNORDERED,
    flags_of,
    frame_bytes,
    frame_head,
    unpack_frame,
)

_LZ4: Final = pa.Codec("lz4_raw")
# Below this LZ4 gains less than its call costs.
_COMPRESS_BYTES_MIN: Final = 512
# A frame that LZ4 makes smaller by less than a third costs more than it saves, also over a network
# of 10 Gb/s. So many frames after it are stored as they are before one is tried again.
_PLAIN_AFTER: Final = 15


def to_frame(rows: Rows, flags: int = 0) -> bytes:
    return b"".join(_pieces(rows, compress=True, flags=flags)[:2])


def _pieces(rows: Rows, *, compress: bool, flags: int = 0) -> tuple[bytes, Any, bool]:
    """Head and payload of a frame, and whether compressing pays."""
    raw = rows.batch.serialize()
    payload = raw
    if compress and raw.size >= _COMPRESS_BYTES_MIN:
        packed = _LZ4.compress(raw)
        compress = 3 * packed.size <= 2 * raw.size
        payload = packed if compress else raw
    head = frame_head(
        payload,
        rows=len(rows),
        raw_bytes=raw.size,
        keys=rows.keys,
        values=rows.values,
        flags=flags,
    )
    return head, payload, compress


def from_frame(head: bytes, payload: pa.Buffer, *, what: str) -> Rows:
    """Raises FetchError, naming `what`, when the bytes aren't what was written."""
    frame = unpack_frame(head, payload, what=what)
    if payload.size != frame.raw_bytes:
        payload = _LZ4.decompress(payload, decompressed_size=frame.raw_bytes)
    keys, values = Kind(frame.keys), Kind(frame.values)
    return Rows(keys, values, pa.ipc.read_record_batch(payload, SCHEMAS[keys, values]))


def plain_payload(frame: bytes | memoryview) -> Any:
    """The Arrow message in a frame that was verified."""
    payload = memoryview(frame)[FRAME_HEAD.size :]
    raw_bytes = int(FRAME_HEAD.unpack_from(frame)[1])
    if len(payload) == raw_bytes:
        return payload
    return _LZ4.decompress(pa.py_buffer(payload), decompressed_size=raw_bytes)


class Segment(Protocol):
    """Rows at rest: in memory, or in a file."""

    @property
    def length(self) -> int:
        """Bytes as stored."""
        ...

    @property
    def ordered(self) -> bool:
        """Whether rows are sorted by key."""
        ...

    def frames(self) -> Iterator[Rows]:
        """From the first row to the last; can be called again."""
        ...


@dataclass(frozen=True, slots=True)
class MemorySegment:
    """A segment's bytes."""

    data: bytes | memoryview
    what: str

    @property
    def length(self) -> int:
        return len(self.data)

    @property
    def ordered(self) -> bool:
        return not flags_of(memoryview(self.data)[: FRAME_HEAD.size]) & UNORDERED

    def frames(self) -> Iterator[Rows]:
        data, at = pa.py_buffer(self.data), 0
        while at < data.size:
            head = data.slice(at, min(FRAME_HEAD.size, data.size - at)).to_pybytes()
            size = frame_bytes(head) if len(head) == FRAME_HEAD.size else len(head)
            size = min(size, data.size - at)
            payload = data.slice(at + len(head), size - len(head))
            yield from_frame(head, payload, what=self.what)
            at += size


@dataclass(frozen=True, slots=True)
class FileSegment:
    """A piece of a file. Holds no descriptor: thousands of these may wait to be merged."""

    path: str | os.PathLike[str]
    start: int
    length: int

    @property
    def ordered(self) -> bool:
        with open(self.path, "rb", buffering=0) as file:
            head = os.pread(file.fileno(), min(FRAME_HEAD.size, self.length), self.start)
        return not flags_of(head) & UNORDERED

    def frames(self) -> Iterator[Rows]:
        at, end = self.start, self.start + self.length
        while at < end:
            with open(self.path, "rb", buffering=0) as file:
                head = os.pread(file.fileno(), FRAME_HEAD.size, at)
                size = frame_bytes(head) if len(head) == FRAME_HEAD.size else len(head)
                payload = _pread_all(file, size - len(head), at + len(head))
            yield from_frame(head, pa.py_buffer(payload), what=f"{self.path} at {at}")
            at += size


def _pread_all(file: Any, size: int, at: int) -> bytes:
    data = os.pread(file.fileno(), size, at)
    if len(data) == size:
        return data
    # One read of Linux stops at 2 GiB.
    parts = [data]
    while data and (done := sum(map(len, parts))) < size:
        data = os.pread(file.fileno(), size - done, at + done)
        parts.append(data)
    return b"".join(parts)


class FrameWriter:
    """Appends rows to a file, in frames of about `frame_bytes` before compression."""

    def __init__(self, file: BinaryIO, frame_bytes: int, *, ordered: bool = True) -> None:
        self._flags = 0 if ordered else UNORDERED
        self._file = file
        self._frame_bytes = frame_bytes
        self._waiting: list[Rows] = []
        self._waiting_bytes = 0
        # How many frames are still stored as they are.
        self._plain = 0
        self.position = 0
        self.rows = 0

    def write(self, rows: Rows) -> None:
        """All rows of one segment must have the same kinds."""
        if not len(rows):
            return
        self.rows += len(rows)
        size = rows.bytes
        if size < self._frame_bytes:
            self._waiting.append(rows)
            self._waiting_bytes += size
            if self._waiting_bytes >= self._frame_bytes:
                self.end_segment()
            return
        self.end_segment()
        # All about as large: a small one at the end of each piece would cost as a large one does.
        step = -(-len(rows) * self._frame_bytes // size)
        step = -(-len(rows) // -(-len(rows) // step))
        for start in range(0, len(rows), step):
            self._append(rows.slice(start, step))

    def end_segment(self) -> None:
        """What follows starts a new frame."""
        if self._waiting:
            self._append(joined(self._waiting))
            self._waiting, self._waiting_bytes = [], 0

    def _append(self, rows: Rows) -> None:
        head, payload, pays = _pieces(rows, compress=not self._plain, flags=self._flags)
        if self._plain:
            self._plain -= 1
        elif not pays:
            self._plain = _PLAIN_AFTER
        self._file.write(head)
        self._file.write(payload)
        self.position += len(head) + len(payload)
