"""What copies into and out of the block store have in common.

A copy is made under another name and renamed when it is whole, in both directions, so that
nobody reads half a file.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

from blockstore import checksum
from blockstore.errors import IsADirectoryException
from blockstore.model import FileChecksum

from .complaints import Complaints
from .crew import Stopped
from .errors import CommandError

CHUNK_BYTES: Final = 4 * 1024 * 1024
# The name Hadoop gives, too: its users know what it means.
UNFINISHED: Final = "._COPYING_"
STANDARD_STREAM: Final = "-"
# A durable close waits for disks: four copies at a time hide each other's waits.
THREADS_DEFAULT: Final = 4
THREADS_MAX: Final = 64
AHEAD_MAX: Final = 1_000_000
# Of an interrupted copy what is longer is kept to go on from; less is soon sent again.
KEPT_BYTES_MIN: Final = 4 * 1024 * 1024

Advance = Callable[[int], None]


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Writable(Protocol):
    def write(self, data: bytes, /) -> int: ...


def copy(
    source: Readable,
    target: Writable,
    advance: Advance = lambda _: None,
    stopped: threading.Event | None = None,
) -> None:
    """Raises Stopped between two chunks when `stopped` is set."""
    while chunk := source.read(CHUNK_BYTES):
        if stopped is not None and stopped.is_set():
            raise Stopped
        target.write(chunk)
        advance(len(chunk))


def is_begun_copy(there: Iterable[str], source: Iterable[str]) -> bool:
    """Whether a directory with these names is what an earlier copy of the source has left: of one
    that made its target there is no telling what it was called.
    """
    names = {name.removesuffix(UNFINISHED) for name in there}
    return bool(names) and names.issubset(source)


class Summed:
    """What is read through it, with its length in bytes and its CRC32C so far."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self.length = 0
        self.crc = 0

    def read(self, size: int, /) -> bytes:
        data = self._source.read(size)
        self.length += len(data)
        self.crc = checksum.extend(self.crc, data)
        return data

    def skip(self, length: int) -> "Summed":
        """Reads so many bytes, or what there is of them."""
        while length > 0 and (data := self.read(min(CHUNK_BYTES, length))):
            length -= len(data)
        return self

    def then(self, source: Readable) -> "Summed":
        """Goes on with another source."""
        self._source = source
        return self

    def is_all_of(self, whole: FileChecksum) -> bool:
        return (self.length, self.crc) == (whole.length, whole.crc)


@dataclass(slots=True)
class Tally:
    """What a command has copied, and what not. Thread-safe by its methods."""

    advance: Advance = lambda _: None
    complaints: Complaints = field(default_factory=Complaints)
    copied: int = 0
    # Found whole by --resume.
    found: int = 0
    # Interrupted, and kept under their unfinished names.
    kept: int = 0
    # Set when all are to come to an end.
    stopped: threading.Event = field(default_factory=threading.Event)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def add(self, *, copied: int = 0, found: int = 0, kept: int = 0) -> None:
        with self._guard:
            self.copied += copied
            self.found += found
            self.kept += kept

    def __str__(self) -> str:
        parts = [f"{self.copied} copied"]
        if self.found:
            parts.append(f"{self.found} were there")
        if self.kept:
            parts.append(f"{self.kept} in part")
        if self.complaints.count:
            parts.append(f"{self.complaints.count} failed")
        return "files: " + ", ".join(parts)


def check_free(path: str, *, exists: bool, is_directory: bool, force: bool) -> None:
    """Whether a file may get this name.

    Raises:
        CommandError, IsADirectoryException
    """
    if exists and is_directory:
        raise IsADirectoryException(f"'{path}' is a directory")
    if exists and not force:
        raise CommandError(f"{path} exists: give -f to replace it, or another name")
