"""`get`: files and whole directories of the block store to this machine.

A file is written as `NAME._COPYING_` beside its place and renamed when it is whole. With
`resume` a file that is there with the same bytes is left, and one that is there in part is
written further; it is whole if it has the store's checksum then, else it is begun again.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from .copying import (
    KEPT_BYTES_MIN,
    STANDARD_STREAM,
    THREADS_DEFAULT,
    UNFINISHED,
    Summed,
    Tally,
    check_free,
    copy,
    is_begun_copy,
)
from .crew import AHEAD_DEFAULT, Crew, Stopped
from .errors import CommandError
from .preserving import keep_on_local

if TYPE_CHECKING:
    from blockstore import BlockStore
    from blockstore.model import FileStatus


@dataclass(frozen=True, slots=True)
class _File:
    source: "FileStatus"
    target: Path


class _Changed(Exception):
    """The store has other bytes now than when the beginning was copied."""


class Download:
    """One `get`; `tally` has what became of it."""

    def __init__(
        self,
        store: "BlockStore",
        tally: Tally,
        *,
        force: bool = False,
        resume: bool = False,
        preserve: bool = False,
        threads: int = THREADS_DEFAULT,
        ahead: int = AHEAD_DEFAULT,
    ) -> None:
        self._store = store
        self._tally = tally
        self._force = force
        self._resume = resume
        self._preserve = preserve
        self._crew: Crew[_File] = Crew(threads, self._get_file, tally.stopped, ahead)

    def get(self, sources: list["FileStatus"], target: str) -> None:
        """Copies as `cp -r` would; "-" is stdout.

        Raises:
            CommandError: several sources, and the target is no directory.
        """
        if target == STANDARD_STREAM:
            for source in sources:
                with self._tally.complaints.about(source.path):
                    self._write_to(source, sys.stdout.buffer)
            return
        place = Path(target)
        inside = target.endswith("/") or (place.is_dir() and not self._goes_on_in(sources, place))
        if len(sources) > 1 and not inside:
            raise CommandError(f"{target} is no directory: several sources need one")
        self._crew.run(self._files(sources, place, inside=inside))

    def _goes_on_in(self, sources: list["FileStatus"], target: Path) -> bool:
        """Whether an earlier get of this directory has made the target."""
        if not self._resume or len(sources) > 1 or not sources[0].is_directory:
            return False
        if target.resolve() == Path.cwd():
            return False
        there = (entry.name for entry in target.iterdir())
        return is_begun_copy(there, (entry.name for entry in self._store.list(sources[0].path)))

    def merge(self, sources: Iterable["FileStatus"], target: str, between: bytes) -> None:
        """All files, one after the other, as one; each followed by `between`."""
        place = Path(target)
        check_free(target, exists=place.exists(), is_directory=place.is_dir(), force=self._force)
        with _Unfinished(place, self._tally) as file:
            for source in sources:
                self._write_to(source, file)
                file.write(between)

    def _files(
        self, sources: Iterable["FileStatus"], target: Path, *, inside: bool
    ) -> Iterator[_File]:
        for source in sources:
            with self._tally.complaints.about(source.path):
                yield from self._files_of(source, target / source.name if inside else target)

    def _files_of(self, source: "FileStatus", target: Path) -> Iterator[_File]:
        if not source.is_directory:
            target.parent.mkdir(parents=True, exist_ok=True)
            yield _File(source, target)
            return
        target.mkdir(parents=True, exist_ok=True)
        yield from self._files(self._store.list(source.path), target, inside=True)

    # --- one file ------------------------------------------------------------------------

    def _get_file(self, item: _File) -> None:
        target = item.target
        with self._tally.complaints.about(item.source.path):
            if self._resume and self._is_copy(item):
                self._tally.advance(item.source.length)
                self._tally.add(found=1)
                return
            check_free(
                str(target),
                exists=target.exists(),
                is_directory=target.is_dir(),
                force=self._force,
            )
            if not (self._resume and self._went_on(item)):
                with _Unfinished(target, self._tally) as file:
                    self._write_to(item.source, file)
            if self._preserve:
                keep_on_local(target, item.source)
            self._tally.add(copied=1)

    def _is_copy(self, item: _File) -> bool:
        if not item.target.is_file() or item.target.stat().st_size != item.source.length:
            return False
        with item.target.open("rb") as file:
            here = Summed(file).skip(item.source.length)
        return here.is_all_of(self._store.checksum(item.source.path))

    def _went_on(self, item: _File) -> bool:
        """Whether an earlier get has left a beginning, and the file is whole with the rest."""
        unfinished = _Unfinished(item.target, self._tally, "ab")
        if not unfinished.path.is_file():
            return False
        with unfinished.path.open("rb") as beginning:
            here = Summed(beginning).skip(item.source.length)
        self._tally.advance(here.length)
        try:
            with unfinished as file, self._store.open(item.source.path) as source:
                source.seek(here.length)
                copy(here.then(source), file, self._tally.advance, self._tally.stopped)
                if not here.is_all_of(self._store.checksum(item.source.path)):
                    raise _Changed
        except _Changed:
            self._tally.advance(-here.length)
            return False
        return True

    def _write_to(self, source: "FileStatus", output: BinaryIO) -> None:
        with self._store.open(source.path, "rb") as file:
            copy(file, output, self._tally.advance, self._tally.stopped)
        output.flush()


class _Unfinished:
    """A local file that has its name when the `with` block has ended well."""

    def __init__(self, target: Path, tally: Tally, mode: str = "wb") -> None:
        self.path = target.with_name(target.name + UNFINISHED)
        self._target = target
        self._tally = tally
        self._mode = mode

    def __enter__(self) -> BinaryIO:
        self._file: BinaryIO = open(self.path, self._mode)  # type: ignore[assignment]
        return self._file

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._file.close()
        if kind is None:
            os.replace(self.path, self._target)
        elif kind is Stopped and self.path.stat().st_size >= KEPT_BYTES_MIN:
            self._tally.add(kept=1)
        else:
            self.path.unlink(missing_ok=True)
