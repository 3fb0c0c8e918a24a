"""A copy of a state's file on this machine, from its first chunk to its last; all names are here.

    FOLDER/state-<sha256>      whole and checked: it was put there by a rename
    FOLDER/partial-<sha256>    of the same length, with the chunks that are here, each in its place
    FOLDER/marks-<sha256>      a byte for each chunk, see below

One task process writes; its tracker reads, for others. A chunk is checked before it is written, and
marked after that: what is marked is right as long as the process lives. The next one that wants the
file goes on from there, with what it has checked once more: a killed one may have left marks of a
file that is gone, and a machine that lost its power marks of bytes that were never written.
"""

import os
import re
from collections.abc import Collection
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mapred.iterative.chunks import Chunks

# A chunk that isn't here; that is; that is being read from where the driver has written it.
MISSING: Final = 0
HERE: Final = 1
COMING: Final = 2

_OURS: Final = re.compile(r"(?:state|partial|marks)-([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class View:
    """What somebody has of a file: all of it; marks of its chunks; neither."""

    whole: bool = False
    marks: bytes = b""


def copy_in(folder: Path, sha256: str) -> Path:
    return folder / f"state-{sha256}"


def _partial(folder: Path, sha256: str) -> Path:
    return folder / f"partial-{sha256}"


def _marks(folder: Path, sha256: str) -> Path:
    return folder / f"marks-{sha256}"


class PartialCopy:
    """Written by any thread of one process."""

    def __init__(self, folder: Path, chunks: Chunks) -> None:
        """Raises OSError: there is no room for it."""
        self.chunks = chunks
        self._folder = folder
        self._closing = ExitStack()
        with ExitStack() as opening:
            self._data = _open(_partial(folder, chunks.sha256), opening)
            self._marks = _open(_marks(folder, chunks.sha256), opening)
            marks = os.pread(self._marks, len(chunks), 0)
            self.here = {
                number
                for number, mark in enumerate(marks)
                if mark == HERE and chunks.is_right(number, self._read(number))
            }
            # Nobody is about to bring what the one before has begun.
            marks = bytes(HERE if number in self.here else MISSING for number in range(len(chunks)))
            os.pwrite(self._marks, marks, 0)
            # Now: what has no room later isn't told by an error, since the copy will be mapped.
            os.posix_fallocate(self._data, 0, chunks.length)
            self._closing = opening.pop_all()

    def mark(self, number: int, mark: int) -> None:
        os.pwrite(self._marks, bytes([mark]), number)

    def _read(self, number: int) -> bytes:
        return os.pread(self._data, self.chunks.size(number), self.chunks.start(number))

    def write(self, number: int, data: bytes | memoryview) -> None:
        """A chunk that was checked. Raises OSError."""
        at, left = self.chunks.start(number), memoryview(data)
        while left:
            written = os.pwrite(self._data, left, at)
            at, left = at + written, left[written:]
        self.mark(number, HERE)

    def publish(self) -> Path:
        """All chunks are here. Where the copy is, if nobody has removed it meanwhile.

        Raises:
            OSError
        """
        sha256 = self.chunks.sha256
        copy = copy_in(self._folder, sha256)
        partial = _partial(self._folder, sha256)
        # Somebody who has waited for long may have gathered the same, or gathers it anew.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(self._data), os.stat(partial)):
                os.rename(partial, copy)
        _marks(self._folder, sha256).unlink(missing_ok=True)
        return copy

    def close(self) -> None:
        self._closing.close()


def _open(path: Path, closing: ExitStack) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    closing.callback(os.close, descriptor)
    return descriptor


def view_in(folder: Path, sha256: str) -> View:
    """What is here of it. Raises OSError."""
    if copy_in(folder, sha256).exists():
        return View(whole=True)
    try:
        return View(marks=_marks(folder, sha256).read_bytes())
    except FileNotFoundError:
        # It may have become whole just now.
        return View(whole=copy_in(folder, sha256).exists())


def open_chunk(folder: Path, sha256: str, number: int) -> int:
    """A descriptor of a file that has the chunk in its place.

    Raises:
        FileNotFoundError: it isn't here.
    """
    whole = copy_in(folder, sha256)
    with suppress(FileNotFoundError):
        return os.open(whole, os.O_RDONLY | os.O_CLOEXEC)
    with suppress(FileNotFoundError):
        descriptor = os.open(_partial(folder, sha256), os.O_RDONLY | os.O_CLOEXEC)
        if view_in(folder, sha256).marks[number : number + 1] == bytes([HERE]):
            return descriptor
        os.close(descriptor)
    return os.open(whole, os.O_RDONLY | os.O_CLOEXEC)


def remove_others(folder: Path, wanted: Collection[str]) -> None:
    """All but the copies of these hashes; nobody is gathering. Who has one mapped keeps it."""
    with suppress(FileNotFoundError):
        for entry in os.scandir(folder):
            ours = _OURS.fullmatch(entry.name)
            if ours and ours[1] not in wanted:
                Path(entry.path).unlink(missing_ok=True)
