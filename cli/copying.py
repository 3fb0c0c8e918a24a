"""Copies between this machine's files and the block store.

A copy is made under another name and renamed when it is whole, in both directions, so
that nobody reads half a file.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol

from blockstore.errors import FileNotFoundException
from blockstore.model import FileStatus

from .errors import CommandError

if TYPE_CHECKING:
    from blockstore import BlockStore

CHUNK_BYTES: Final = 4 * 1024 * 1024
# The name Hadoop gives, too: its users know what it means.
UNFINISHED: Final = "._COPYING_"
STANDARD_STREAM: Final = "-"

Advance = Callable[[int], None]


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Writable(Protocol):
    def write(self, data: bytes, /) -> int: ...


def copy(source: Readable, target: Writable, advance: Advance) -> None:
    while chunk := source.read(CHUNK_BYTES):
        target.write(chunk)
        advance(len(chunk))


def status_or_none(store: "BlockStore", path: str) -> FileStatus | None:
    try:
        return store.stat(path)
    except FileNotFoundException:
        return None


# --- to the block store ------------------------------------------------------------------


class Upload:
    """What `put` does: files and whole directories into the block store."""

    def __init__(
        self,
        store: "BlockStore",
        advance: Advance,
        *,
        force: bool = False,
        replication: int = 0,
        block_bytes: int = 0,
    ) -> None:
        self._store = store
        self._advance = advance
        self._force = force
        self._replication = replication
        self._block_bytes = block_bytes

    def put(self, sources: list[str], target: str, *, into_directory: bool) -> None:
        """Copies as `cp -r` would; a target with a trailing slash is a directory to make.

        Raises:
            CommandError: a source is missing, or the target is taken.
        """
        there = status_or_none(self._store, target)
        if into_directory and there is None:
            self._store.mkdir(target, parents=True)
        inside = into_directory or (there is not None and there.is_directory)
        if len(sources) > 1 and not inside:
            raise CommandError(f"{target} is no directory: several sources need one")
        for source in sources:
            if inside and source == STANDARD_STREAM:
                raise CommandError("'-' (stdin) needs a file's path as its target")
            name = Path(source).resolve().name
            self._put_one(source, f"{target.rstrip('/')}/{name}" if inside else target)

    def _put_one(self, source: str, target: str) -> None:
        if source == STANDARD_STREAM:
            self._put_stream(sys.stdin.buffer, target)
        elif os.path.isdir(source):
            self._put_directory(Path(source), target)
        else:
            with open(source, "rb") as file:
                self._put_stream(file, target)

    def _put_directory(self, source: Path, target: str) -> None:
        self._store.mkdir(target, parents=True)
        for entry in sorted(source.iterdir()):
            self._put_one(str(entry), f"{target}/{entry.name}")

    def _put_stream(self, source: BinaryIO, target: str) -> None:
        there = status_or_none(self._store, target)
        if there is not None and there.is_directory:
            raise CommandError(f"{target} is a directory")
        if there is not None and not self._force:
            raise CommandError(f"{target} exists: give -f to replace it, or another name")
        unfinished = target + UNFINISHED
        with self._store.open(
            unfinished,
            "wb",
            replication=self._replication,
            block_bytes=self._block_bytes,
        ) as file:
            copy(source, file, self._advance)
        self._store.rename(unfinished, target, overwrite=self._force)


# --- from the block store ----------------------------------------------------------------


class Download:
    """What `get` does: files and whole directories out of the block store."""

    def __init__(self, store: "BlockStore", advance: Advance, *, force: bool = False) -> None:
        self._store = store
        self._advance = advance
        self._force = force

    def get(self, sources: list[FileStatus], target: str) -> None:
        """Copies as `cp -r` would; "-" is stdout.

        Raises:
            CommandError: the target is taken, or no directory where one is needed.
        """
        if target == STANDARD_STREAM:
            for source in sources:
                self.write_to(source, sys.stdout.buffer)
            return
        place = Path(target)
        inside = place.is_dir() or target.endswith("/")
        if len(sources) > 1 and not inside:
            raise CommandError(f"{target} is no directory: several sources need one")
        for source in sources:
            self._get_one(source, place / source.name if inside else place)

    def write_to(self, source: FileStatus, output: BinaryIO) -> None:
        """The bytes of one file to a stream."""
        if source.is_directory:
            raise CommandError(f"{source.path} is a directory")
        with self._store.open(source.path, "rb") as file:
            copy(file, output, self._advance)
        output.flush()

    def _get_one(self, source: FileStatus, target: Path) -> None:
        if source.is_directory:
            target.mkdir(parents=True, exist_ok=True)
            for entry in self._store.list(source.path):
                self._get_one(entry, target / entry.name)
            return
        if target.exists() and not self._force:
            raise CommandError(f"{target} exists: give -f to replace it, or another name")
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(target.name + UNFINISHED)
        try:
            with open(unfinished, "wb") as file:
                self.write_to(source, file)
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)
