"""Small files of a `put`, many at a time, each with what a file that is put alone can count on.

Rules
- As ever a file is written as `PATH._COPYING_`, compared with what was read, and then renamed.
- What a bundle couldn't bring is not judged here: it is handed back and put alone, with that
  way's patience, its recovery, and its words for what is wrong.
"""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from blockstore.errors import StoreError

from .copying import UNFINISHED, Summed, Tally
from .crew import Stopped
from .errors import CommandError
from .preserving import keep_from_local

if TYPE_CHECKING:
    from blockstore import BlockStore
    from blockstore.model import FileStatus

# What the NameNode takes in one call.
BUNDLE_FILES: Final = 256
# A larger file has its own stream (blockstore/client/smallfiles.py).
SMALL_BYTES: Final = 256 * 1024
# Of all files of a bundle: what one message to a DataNode takes.
BUNDLE_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class LocalFile:
    """One file to copy, what stands in its place, and how long it was when it was found."""

    source: Path
    target: str
    there: "FileStatus | None"
    length: int


def bundled(
    files: Iterable[LocalFile], may_be: Callable[[LocalFile], bool]
) -> Iterator[list[LocalFile]]:
    """Small files by the bundle, others one by one. No bundle has two for one target."""
    bundle: dict[str, LocalFile] = {}
    length = 0
    for file in files:
        if file.length > SMALL_BYTES or not may_be(file):
            yield [file]
            continue
        is_full = len(bundle) == BUNDLE_FILES or length + file.length > BUNDLE_BYTES
        if is_full or file.target in bundle:
            yield list(bundle.values())
            bundle, length = {}, 0
        bundle[file.target] = file
        length += file.length
    if bundle:
        yield list(bundle.values())


@dataclass(frozen=True, slots=True)
class _Read:
    """A file in memory."""

    file: LocalFile
    data: bytes
    summed: Summed
    source: os.stat_result

    @property
    def unfinished(self) -> str:
        return self.file.target + UNFINISHED


class Bundles:
    """Puts bundles; thread-safe, holds nothing between calls."""

    def __init__(
        self,
        store: "BlockStore",
        tally: Tally,
        *,
        force: bool,
        preserve: bool,
        remove_source: bool,
        replication: int | None,
        block_bytes: int | None,
    ) -> None:
        self._store = store
        self._tally = tally
        self._force = force
        self._preserve = preserve
        self._remove_source = remove_source
        self._replication = replication
        self._block_bytes = block_bytes

    def put(self, files: Sequence[LocalFile]) -> list[LocalFile]:
        """Returns those that are to be put alone."""
        read, alone = self._read(files)
        failed = self._store.put_many(
            ((one.unfinished, one.data) for one in read),
            replication=self._replication,
            block_bytes=self._block_bytes,
            only_together=True,
        )
        alone += [one.file for one in read if one.unfinished in failed]
        written = [one for one in read if one.unfinished not in failed]
        try:
            if self._tally.stopped.is_set():
                raise Stopped
            self._tally.advance(sum(len(one.data) for one in written))
            verified = self._verified(written)
        except BaseException:
            self._remove(written)
            raise
        self._show(verified)
        return alone

    def _read(self, files: Sequence[LocalFile]) -> tuple[list[_Read], list[LocalFile]]:
        """What is in memory now, and what has grown too long for that."""
        read: list[_Read] = []
        grown: list[LocalFile] = []
        for file in files:
            with self._tally.complaints.about(str(file.source)), file.source.open("rb") as source:
                summed = Summed(source)
                data = summed.read(SMALL_BYTES + 1)
                if len(data) > SMALL_BYTES:
                    grown.append(file)
                else:
                    read.append(_Read(file, data, summed, os.fstat(source.fileno())))
        return read, grown

    def _verified(self, written: Sequence[_Read]) -> list[_Read]:
        """Those of which the store has what was read; they have their attributes, too."""
        verified = []
        for one in written:
            with self._tally.complaints.about(str(one.file.source)):
                if not one.summed.is_all_of(self._store.checksum(one.unfinished)):
                    self._store.delete(one.unfinished, skip_trash=True)
                    raise CommandError("the store has other bytes than were read; put it again")
                if self._preserve:
                    keep_from_local(self._store, one.unfinished, one.source)
                verified.append(one)
        return verified

    def _show(self, verified: Sequence[_Read]) -> None:
        batch = self._store.batch()
        shown = [
            batch.rename(one.unfinished, one.file.target, overwrite=self._force) for one in verified
        ]
        batch.send()
        refused = []
        for one, renamed in zip(verified, shown, strict=True):
            source = one.file.source
            with self._tally.complaints.about(str(source)):
                try:
                    renamed.result()
                except StoreError:
                    refused.append(one)
                    raise
                self._tally.add(copied=1)
                if self._remove_source:
                    source.unlink()
        if refused:
            self._remove(refused)

    def _remove(self, written: Sequence[_Read]) -> None:
        batch = self._store.batch()
        for one in written:
            batch.delete(one.unfinished, skip_trash=True)
        # It is the first error that is told.
        with contextlib.suppress(OSError):
            batch.send()
