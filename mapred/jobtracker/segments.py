"""The history in segments (format: history.py) in a folder, which may be the block store's.

A folder is the little that segments need; `LocalFolder` and `MemoryFolder` are its twins for
tests. A new segment has a number above all others and is created exclusively; a JobTracker
that finds a number above its own was replaced, and stops.
"""

import contextlib
import os
from collections.abc import Iterable
from typing import BinaryIO, Final, Protocol

from mapred.errors import MapredError
from mapred.jobtracker.entries import Entry
from mapred.jobtracker.history import (
    decode_segment,
    encode,
    encode_segment_start,
    segment_name,
    segment_number,
)

# Where the JobTracker keeps its history in the block store.
HISTORY_DIRECTORY: Final = "/system/mapred/jobtracker"
# A start replays at most this and a snapshot as large again: some seconds.
ROLL_BYTES: Final = 64 * 1024 * 1024


class ReplacedError(MapredError):
    """Another JobTracker has taken over this history."""


class SegmentFile(Protocol):
    """A segment being written."""

    def write(self, data: bytes, /) -> object: ...

    def sync(self) -> None:
        """All that was written is durable on return."""
        ...

    def close(self) -> None: ...

    def discard(self) -> None:
        """Removes it, as far as that's possible."""
        ...


class Folder(Protocol):
    """One flat directory."""

    def names(self) -> list[str]: ...

    def read(self, name: str) -> bytes:
        """All of a file; what a dead writer has synced is there."""
        ...

    def create(self, name: str) -> SegmentFile:
        """Raises FileExistsError."""
        ...

    def delete(self, name: str) -> None: ...

    def close(self) -> None: ...


class SegmentedHistory:
    """`History` over a folder."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._file: SegmentFile | None = None
        # Segments that this one began and couldn't write on.
        self._broken: list[SegmentFile] = []
        self._number = 0
        self._snapshot_bytes = self._appended_bytes = 0

    def load(self) -> list[Entry]:
        for number in reversed(self._numbers()):
            name = segment_name(number)
            entries = decode_segment(self._folder.read(name), name)
            if entries is not None:
                return entries
        return []

    def _numbers(self) -> list[int]:
        found = (segment_number(name) for name in self._folder.names())
        return sorted(number for number in found if number is not None)

    def begin(self, snapshot: Iterable[Entry]) -> None:
        older = self._numbers()
        newest = older[-1] if older else 0
        if self._number and newest > self._number:
            raise ReplacedError(
                f"another JobTracker has begun {segment_name(newest)} in this history"
            )
        fresh = self._folder.create(segment_name(newest + 1))
        # Only now: of a segment that another JobTracker began at the same moment it isn't ours.
        self._number = newest + 1
        if self._file is not None:
            self._broken.append(self._file)
        self._file = fresh
        start = encode_segment_start(snapshot)
        fresh.write(start)
        fresh.sync()
        self._snapshot_bytes, self._appended_bytes = len(start), 0
        for file in self._broken:
            with contextlib.suppress(OSError):
                file.discard()
        self._broken.clear()
        for number in older:
            self._folder.delete(segment_name(number))

    def append(self, entries: Iterable[Entry]) -> None:
        data = encode(entries)
        self._appended_bytes += len(data)
        self._open_file().write(data)

    def sync(self) -> None:
        self._open_file().sync()

    @property
    def overgrown(self) -> bool:
        return self._appended_bytes > max(ROLL_BYTES, self._snapshot_bytes)

    def _open_file(self) -> SegmentFile:
        if self._file is None:
            raise MapredError("the history has no open segment")
        return self._file

    def close(self) -> None:
        if self._file is not None:
            self._file.sync()
            self._file.close()
            self._file = None
        self._folder.close()


class LocalFolder:
    """A directory of this machine."""

    def __init__(self, path: str) -> None:
        self._path = path
        os.makedirs(path, exist_ok=True)

    def names(self) -> list[str]:
        return os.listdir(self._path)

    def read(self, name: str) -> bytes:
        with open(f"{self._path}/{name}", "rb") as file:
            return file.read()

    def create(self, name: str) -> SegmentFile:
        return _LocalSegment(open(f"{self._path}/{name}", "xb"))

    def delete(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{self._path}/{name}")

    def close(self) -> None: ...


class _LocalSegment:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, data: bytes) -> None:
        self._file.write(data)

    def sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()

    def discard(self) -> None:
        self._file.close()
        os.unlink(self._file.name)
