"""Map output of many tiny partitions: one file with the rows of all of them.

With m maps and r reducers there are m times r segments. Where these are tiny, what each costs by
itself (a frame to write, one to read, an entry in an index) is all that such a job does. So a map
leaves its rows in one frame, and how many of them are for whom; who reads turns many such sheets
into a pack (packs.py), in which each partition's rows of all those maps are together.

Sheet file (`map.sheet`)

    "MRSH" | version u16 | 0 u16 | partitions u32 | entries u32 | crc u32
                                                (CRC32C of what is listed)
    numbers     u32 each, rising: the partitions that aren't empty
    rows        u32 each
    frame       as in segments.py: the rows in order of (partition, key), or of (partition,
                emission) where the frame is UNORDERED; none where there are no rows

It is written under another name and renamed.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import google_crc32c
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mapred.errors import FetchError
from mapred.shuffle.columns import Rows
from mapred.shuffle.frames import from_frame, to_frame
from mapred.shuffle.segments import FRAME_HEAD, UNORDERED, flags_of

# With fewer partitions a segment each costs a map little.
SHEET_PARTITIONS_MIN: Final = 32
# Of a partition, on average: above it its rows cost more than that they are a segment.
SHEET_PARTITION_BYTES: Final = 2 * 1024
# Whoever reads one reads all of it.
SHEET_BYTES_MAX: Final = 2 * 1024 * 1024

_MAGIC: Final = b"MRSH"
_VERSION: Final = 1
_HEAD: Final = struct.Struct("<4sHHIII")
_U32: Final = np.dtype("<u4")

Numbers = NDArray[np.int64]


def sheet_bytes(partitions: int, memory_bytes: int) -> int:
    """As long as a map's columns have no more bytes than that, they become a sheet; 0: never."""
    if partitions < SHEET_PARTITIONS_MIN:
        return 0
    return min(partitions * SHEET_PARTITION_BYTES, SHEET_BYTES_MAX, memory_bytes // 32)


@dataclass(frozen=True, slots=True)
class Sheet:
    """One map's rows; of so many partitions those of `numbers`, which rise, have `counts` each."""

    partitions: int
    numbers: Numbers
    counts: Numbers
    # None: there are none.
    rows: Rows | None
    flags: int

    def piece(self, partition: int) -> Rows | None:
        """The rows of one partition; None: it is empty."""
        at = int(np.searchsorted(self.numbers, partition))
        if self.rows is None or at == len(self.numbers) or self.numbers[at] != partition:
            return None
        return self.rows.slice(int(self.counts[:at].sum()), int(self.counts[at]))


def write_sheet(path: Path, rows: Rows, counts: NDArray[np.int64], *, ordered: bool) -> int:
    """Publishes the rows, of which each partition has so many; the file's length in bytes."""
    numbers = np.flatnonzero(counts)
    entries = numbers.astype(_U32).tobytes() + counts[numbers].astype(_U32).tobytes()
    crc = google_crc32c.value(entries)
    head = _HEAD.pack(_MAGIC, _VERSION, 0, len(counts), len(numbers), crc)
    frame = to_frame(rows, 0 if ordered else UNORDERED) if len(rows) else b""
    unfinished = path.with_name(path.name + ".tmp")
    size = unfinished.write_bytes(b"".join((head, entries, frame)))
    unfinished.replace(path)
    return size


def read_sheet(data: bytes | memoryview, *, what: str) -> Sheet:
    """The sheet in these bytes, checked.

    Raises:
        FetchError: names `what`: it is cut off, or a checksum doesn't match.
    """
    if len(data) < _HEAD.size:
        raise FetchError(f"{what} is cut off after {len(data)} bytes")
    magic, version, _, partitions, entries, crc = _HEAD.unpack_from(data)
    if (magic, version) != (_MAGIC, _VERSION):
        raise FetchError(f"{what} is no sheet of version {_VERSION}")
    end = _HEAD.size + 2 * entries * _U32.itemsize
    listed = bytes(data[_HEAD.size : end])
    if len(data) < end or google_crc32c.value(listed) != crc:
        raise FetchError(f"{what}: its entries don't match their checksum")
    both = np.frombuffer(listed, _U32).astype(np.int64)
    numbers, counts = both[:entries], both[entries:]
    rows, flags = framed(data[end:], what=what) if entries else (None, 0)
    if rows is not None and len(rows) != counts.sum():
        raise FetchError(f"{what} has {len(rows)} rows, and lists {counts.sum()}")
    return Sheet(partitions, numbers, counts, rows, flags)


def rows_in_sheet(data: bytes, partition: int, *, what: str) -> tuple[Rows, int] | None:
    """One partition's rows and their flags; None: it is empty. Raises FetchError, naming `what`."""
    sheet = read_sheet(data, what=what)
    rows = sheet.piece(partition)
    return None if rows is None else (rows, sheet.flags)


def framed(data: bytes | memoryview, *, what: str) -> tuple[Rows, int]:
    """The rows in the one frame that these bytes are, and its flags. Raises FetchError."""
    buffer = pa.py_buffer(data)
    head = bytes(memoryview(data)[: FRAME_HEAD.size])
    payload = buffer.slice(min(len(head), buffer.size))
    return from_frame(head, payload, what=what), flags_of(head)


def sheet_file(path: str) -> bytes:
    """Raises FetchError when it can't be read."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.readall()
    except OSError as error:
        raise FetchError(f"map output {path} can't be read: {error.strerror or error}") from None
