"""Packs: the sheets of many maps (sheets.py) turned, so that a partition's rows are together.

A tracker's packs of a job are below the job's directory. They are made by whoever needs them first
(packmaker.py), of the sheets that it needs and that are in no pack yet; each
reduce after it reads one piece a pack. Sheets stay where they are: a pack that is damaged or gone
is made anew, and no map's output depends on another's. One party at a time makes packs in a
directory; who has waited for another finds its packs.

Pack file (`packs/<name>`)

    piece       "MRPC" | entries u32 | crc u32 | maps u32 each, rising | rows u32 each | frame
                                                    (one a partition that isn't empty; the CRC32C
                                                    is that of the two lists)
    - The frame is as in segments.py: the rows of the maps one after the other, each map's as they
      were in its sheet. All sheets of a pack have columns of the same kinds.

Index file (`packs/<name>.index`)

    "MRPI" | version u16 | 0 u16 | maps u32 | partitions u32 | crc u32      (CRC32C of the rest)
    maps        u32 each, rising; then the number of each one's attempt, u32
    starts      u64 each, one a partition and one for the end: where its piece is in the pack file

Both are written under other names and renamed, the index last. Nothing here needs numpy or pyarrow,
so that TaskTrackers can serve packs without importing them.
"""

import fcntl
import os
import struct
import sys
import threading
import time
from array import array
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import google_crc32c

from mapred.errors import FetchError
from mapred.shuffle.segments import INDEX_SUFFIX, SHEET_NAME, verify

PACKS: Final = "packs"
PIECE_HEAD: Final = struct.Struct("<4sII")
PIECE_MAGIC: Final = b"MRPC"

_LOCK: Final = "lock"
# Between two looks at a lock that another party has.
_PAUSE_S: Final = 0.01
# Directories whose packs a process knows: of the jobs that it serves there are one or a few.
_SHELVES_MAX: Final = 8
_INDEX_MAGIC: Final = b"MRPI"
_VERSION: Final = 1
_INDEX_HEAD: Final = struct.Struct("<4sHHIII")

# Map index → number of its attempt.
Attempts = Mapping[int, int]


def is_sheet(path: str) -> bool:
    """Whether the map output at `path` is a sheet."""
    return path.endswith(f"/{SHEET_NAME}")


def packs_folder(sheet_path: str) -> Path:
    """Where packs of this sheet are."""
    return Path(sheet_path).parents[1] / PACKS


@dataclass(frozen=True, slots=True)
class Pack:
    """What a pack has."""

    path: str
    attempts: Mapping[int, int]
    starts: "array[int]"

    def piece(self, partition: int) -> bytes:
        """Its bytes, checked; empty: no map has rows there.

        Raises:
            FetchError: it can't be read, or is damaged.
        """
        if not 0 <= partition < len(self.starts) - 1:
            there = len(self.starts) - 1
            raise FetchError(f"{self.path} has {there} partitions, and no number {partition}")
        start, end = self.starts[partition : partition + 2]
        if start == end:
            return b""
        try:
            with open(self.path, "rb", buffering=0) as file:
                data = os.pread(file.fileno(), end - start, start)
        except OSError as error:
            why = error.strerror or error
            raise FetchError(f"pack {self.path} can't be read: {why}") from None
        check_piece(data, what=f"pack {self.path} at {start}")
        return data

    def discard(self) -> None:
        """It is no good: it will be made anew."""
        for path in (self.path + INDEX_SUFFIX, self.path):
            with suppress(OSError):
                os.unlink(path)


def check_piece(data: bytes | memoryview, *, what: str) -> int:
    """Where the frame begins in these bytes.

    Raises:
        FetchError: names `what`: it is cut off, or a checksum doesn't match.
    """
    if len(data) < PIECE_HEAD.size:
        raise FetchError(f"{what}: a piece is cut off after {len(data)} bytes")
    magic, entries, crc = PIECE_HEAD.unpack_from(data)
    end = PIECE_HEAD.size + 8 * int(entries)
    if magic != PIECE_MAGIC or google_crc32c.value(bytes(data[PIECE_HEAD.size : end])) != crc:
        raise FetchError(f"{what}: a piece's list doesn't match its checksum")
    verify(memoryview(data)[end:], what=what)
    return end


def write_index(path: Path, attempts: Attempts, starts: "array[int]") -> None:
    """Publishes the pack at `path`."""
    maps = sorted(attempts)
    parts = (array("I", maps), array("I", [attempts[one] for one in maps]), starts)
    body = b"".join(little(part).tobytes() for part in parts)
    crc = google_crc32c.value(body)
    head = _INDEX_HEAD.pack(_INDEX_MAGIC, _VERSION, 0, len(maps), len(starts) - 1, crc)
    target = Path(f"{path}{INDEX_SUFFIX}")
    unfinished = target.with_name(target.name + ".tmp")
    unfinished.write_bytes(head + body)
    unfinished.replace(target)


def read_index(path: str) -> Pack:
    """Raises FetchError when the index isn't there or is damaged."""
    where = path + INDEX_SUFFIX
    try:
        data = Path(where).read_bytes()
    except OSError as error:
        raise FetchError(f"pack {where} can't be read: {error.strerror or error}") from None
    body = data[_INDEX_HEAD.size :]
    if len(data) < _INDEX_HEAD.size:
        raise FetchError(f"pack index {where} is cut off after {len(data)} bytes")
    magic, version, _, maps, partitions, crc = _INDEX_HEAD.unpack_from(data)
    if (magic, version) != (_INDEX_MAGIC, _VERSION) or google_crc32c.value(body) != crc:
        raise FetchError(f"pack index {where} is damaged")
    if len(body) != 8 * maps + 8 * (partitions + 1):
        raise FetchError(f"pack index {where} is cut off")
    indices, numbers = array("I", body[: 4 * maps]), array("I", body[4 * maps : 8 * maps])
    starts = array("Q", body[8 * maps :])
    for part in (indices, numbers, starts):
        little(part)
    return Pack(path, dict(zip(indices, numbers, strict=True)), starts)


class Shelf:
    """The packs of one directory, as far as they were looked at. Not thread-safe."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[str, Pack] = {}

    def packs(self) -> list[Pack]:
        """Those there are now; damaged ones are discarded."""
        names = set()
        with suppress(OSError):
            names = {
                name.removesuffix(INDEX_SUFFIX)
                for name in os.listdir(self.folder)
                if name.endswith(INDEX_SUFFIX)
            }
        for name in self._known.keys() - names:
            del self._known[name]
        for name in names - self._known.keys():
            path = f"{self.folder}/{name}"
            try:
                self._known[name] = read_index(path)
            except FetchError:
                Pack(path, {}, array("Q")).discard()
        return [self._known[name] for name in sorted(self._known)]


@dataclass(frozen=True, slots=True)
class Share:
    """Of a pack the maps that are taken from it; None: all."""

    pack: Pack
    maps: frozenset[int] | None

    @property
    def attempts(self) -> Attempts:
        if self.maps is None:
            return self.pack.attempts
        return {index: self.pack.attempts[index] for index in self.maps}


def shared_out(wanted: Attempts, packs: Iterable[Pack]) -> tuple[list[Share], dict[int, int]]:
    """From which pack each wanted attempt is taken, from one each; and those that are in none."""
    left = dict(wanted)
    shares = []
    for pack in packs:
        found = pack.attempts.items() & left.items()
        if found:
            maps = frozenset(index for index, _ in found)
            shares.append(Share(pack, None if len(maps) == len(pack.attempts) else maps))
            for index in maps:
                del left[index]
    return shares, left


class Shelves:
    """Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Guarded by the lock: by directory, last used last.
        self._shelves: OrderedDict[str, Shelf] = OrderedDict()

    def packs(self, folder: str) -> list[Pack]:
        """Those that are in `folder` now."""
        with self._lock:
            shelf = self._shelves.pop(folder, None) or Shelf(Path(folder))
            self._shelves[folder] = shelf
            while len(self._shelves) > _SHELVES_MAX:
                self._shelves.popitem(last=False)
            return shelf.packs()


@contextmanager
def making(folder: Path, wait_s: float) -> Iterator[bool]:
    """Whether packs may be made in `folder`, by nobody else meanwhile; False: another party has
    been at it for so long. Raises OSError."""
    folder.mkdir(exist_ok=True)
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        yield _locked(descriptor, time.monotonic() + wait_s)
    finally:
        os.close(descriptor)


def _locked(descriptor: int, until: float) -> bool:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(_PAUSE_S)


def little(numbers: "array[int]") -> "array[int]":
    """In this machine's order from the little-endian one, and back."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
