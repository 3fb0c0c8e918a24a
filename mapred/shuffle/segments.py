"""Map output on disk: one data file and one index for a map, whatever the number of reducers.

Data file (`map.data`)

    the segments of partitions 0, 1, 2, … one after the other; an empty partition has no bytes

    segment     frames, sorted by key; equal keys stand in order of emission
    frame       payload_bytes u32 | raw_bytes u32 | rows u32 | crc u32 | keys u8 | values u8
                | flags u16 | payload                                            (little-endian)

    - `flags` is 0, or UNORDERED in all frames of a segment: its rows stand in order of emission
      alone, for reduces that hash them (unordered.py).

    - `crc` is the CRC32C of the head without `crc` itself, and of the payload.
    - The payload is LZ4 (raw block) of `raw_bytes` bytes, or stored as it is when the two
      lengths are equal.
    - The raw bytes are one Arrow IPC record batch message. `keys` and `values` say what its
      columns are: mapred/shuffle/columns.py.

Index file (`map.data.index`)

    "MRIX" | version u16 | 0 u16 | partitions u32 | crc u32         (CRC32C of the entries)
    entry       start u64 | length u64 | rows u64                   (one a partition)

Both files are written under other names and renamed, the index last: an index that exists
describes a whole data file. Nothing here needs pyarrow, so that TaskTrackers can serve
segments without importing it.

A map of many tiny partitions leaves a sheet instead, one file (sheets.py).
"""

import os
import struct
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import google_crc32c

from mapred.errors import FetchError

DATA_NAME: Final = "map.data"
SHEET_NAME: Final = "map.sheet"
INDEX_SUFFIX: Final = ".index"

_INDEX_MAGIC: Final = b"MRIX"
_INDEX_VERSION: Final = 1
_INDEX_HEAD: Final = struct.Struct("<4sHHII")
_ENTRY: Final = struct.Struct("<QQQ")
_NUMBERS: Final = 3

FRAME_HEAD: Final = struct.Struct("<IIIIBBH")
_CRC_AT: Final = 12
UNORDERED: Final = 1


# Bytes, or what the checksum's C code takes for them without a copy: a buffer of pyarrow's.
Payload: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class SegmentRange:
    """Where one partition's bytes are in a data file."""

    start: int
    length: int
    rows: int


@dataclass(frozen=True, slots=True)
class Frame:
    """The head of a frame, and its payload as it is on disk."""

    rows: int
    raw_bytes: int
    keys: int
    values: int
    payload: Payload


def index_path(data_path: str | os.PathLike[str]) -> Path:
    path = Path(data_path)
    return path if path.name.endswith(INDEX_SUFFIX) else path.with_name(path.name + INDEX_SUFFIX)


def write_index(data_path: Path, ranges: Sequence[SegmentRange]) -> None:
    """Publishes the data file at `data_path`."""
    entries = b"".join(_ENTRY.pack(one.start, one.length, one.rows) for one in ranges)
    crc = google_crc32c.value(entries)
    head = _INDEX_HEAD.pack(_INDEX_MAGIC, _INDEX_VERSION, 0, len(ranges), crc)
    target = index_path(data_path)
    unfinished = target.with_name(target.name + ".tmp")
    unfinished.write_bytes(head + entries)
    unfinished.replace(target)


def read_range(path: str | os.PathLike[str], partition: int) -> SegmentRange:
    """Where a partition is; who asks for many of them asks the indexes (indexes.py).

    Raises:
        FetchError: the index is missing or damaged, or has no such partition.
    """
    return range_of(read_index(path), partition, where=index_path(path))


def range_of(
    entries: "array[int]", partition: int, *, where: str | os.PathLike[str]
) -> SegmentRange:
    """Raises FetchError, naming `where`, when it has no such partition."""
    partitions = len(entries) // _NUMBERS
    if not 0 <= partition < partitions:
        raise FetchError(f"{where} has {partitions} partitions, and no number {partition}")
    return SegmentRange(*entries[_NUMBERS * partition : _NUMBERS * (partition + 1)])


def read_index(path: str | os.PathLike[str]) -> "array[int]":
    """The numbers of all entries; `path` is the data file's or its index's.

    Raises:
        FetchError: the index is missing or damaged.
    """
    where = index_path(path)
    try:
        data = where.read_bytes()
    except OSError as error:
        raise FetchError(f"map output {where} can't be read: {error.strerror or error}") from None
    if len(data) < _INDEX_HEAD.size:
        raise FetchError(f"map output index {where} is cut off after {len(data)} bytes")
    magic, version, _, partitions, crc = _INDEX_HEAD.unpack_from(data)
    entries = data[_INDEX_HEAD.size :]
    if (magic, version) != (_INDEX_MAGIC, _INDEX_VERSION):
        raise FetchError(f"{where} is no map output index of version {_INDEX_VERSION}")
    if len(entries) != partitions * _ENTRY.size or google_crc32c.value(entries) != crc:
        raise FetchError(f"map output index {where} is damaged: its checksum doesn't match")
    numbers = array("Q", entries)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def frame_head(
    payload: Payload, *, rows: int, raw_bytes: int, keys: int, values: int, flags: int = 0
) -> bytes:
    """What stands before the payload in its frame."""
    head = FRAME_HEAD.pack(len(payload), raw_bytes, rows, 0, keys, values, flags)
    crc = google_crc32c.extend(_head_crc(head), payload)
    return b"".join((head[:_CRC_AT], struct.pack("<I", crc), head[_CRC_AT + 4 :]))


def flags_of(head: bytes | memoryview) -> int:
    """Of a frame; 0 for a head that is cut off, which is found when the frame is read."""
    return int(FRAME_HEAD.unpack(head)[-1]) if len(head) == FRAME_HEAD.size else 0


def frame_bytes(head: bytes | memoryview) -> int:
    """How long the frame is that starts with `head`, in bytes."""
    return FRAME_HEAD.size + int(FRAME_HEAD.unpack_from(head)[0])


def unpack_frame(head: bytes, payload: Payload, *, what: str) -> Frame:
    """The frame of these, checked.

    Raises:
        FetchError: names `what`: cut off, or a checksum doesn't match.
    """
    if len(head) < FRAME_HEAD.size or len(payload) < frame_bytes(head) - FRAME_HEAD.size:
        raise FetchError(f"{what}: a frame is cut off after {len(head) + len(payload)} bytes")
    _, raw_bytes, rows, crc, keys, values, _ = FRAME_HEAD.unpack(head)
    if google_crc32c.extend(_head_crc(head), payload) != crc:
        raise FetchError(f"{what}: a frame's bytes don't match their checksum")
    return Frame(rows, raw_bytes, keys, values, payload)


def _head_crc(head: bytes) -> int:
    return int(google_crc32c.value(head[:_CRC_AT] + head[_CRC_AT + 4 :]))


def verify(segment: bytes | memoryview, *, what: str) -> int:
    """Checks a whole segment; the number of its rows.

    Raises:
        FetchError: names `what`.
    """
    view, at, rows = memoryview(segment), 0, 0
    while at < len(view):
        head = bytes(view[at : at + FRAME_HEAD.size])
        end = at + (frame_bytes(head) if len(head) == FRAME_HEAD.size else FRAME_HEAD.size)
        payload = bytes(view[at + FRAME_HEAD.size : end])
        rows += unpack_frame(head, payload, what=what).rows
        at = end
    return rows


def verify_file(path: str | os.PathLike[str], start: int, length: int) -> int:
    """Checks a segment in a file, a frame at a time; the number of its rows.

    Raises:
        FetchError: names the file: it can't be read, is cut off, or a checksum doesn't match.
    """
    at, end, rows = start, start + length, 0
    try:
        with open(path, "rb") as file:
            file.seek(start)
            while at < end:
                head = file.read(FRAME_HEAD.size)
                size = frame_bytes(head) if len(head) == FRAME_HEAD.size else FRAME_HEAD.size
                payload = file.read(size - len(head))
                rows += unpack_frame(head, payload, what=f"{path} at {at}").rows
                at += size
    except OSError as error:
        raise FetchError(f"map output {path} can't be read: {error.strerror or error}") from None
    if at != end:
        raise FetchError(f"map output {path}: frames don't end at {end} but at {at}")
    return rows
