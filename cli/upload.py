"""`put`: files and whole directories of this machine into the block store.

A file is written as `PATH._COPYING_` and renamed when it is closed, so the name shows the whole
or nothing.
"""

import contextlib
import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from .copying import (
    KEPT_BYTES_MIN,
    STANDARD_STREAM,
    THREADS_DEFAULT,
    UNFINISHED,
    Tally,
    check_free,
    copy,
)
from .crew import Crew, Stopped
from .errors import CommandError
from .store import status_or_none

if TYPE_CHECKING:
    from blockstore import BlockStore
    from blockstore.model import FileStatus


@dataclass(frozen=True, slots=True)
class _File:
    """One file to copy, and what stands in its place."""

    source: Path
    target: str
    there: "FileStatus | None"


class Upload:
    """One `put`; `tally` has what became of it."""

    def __init__(
        self,
        store: "BlockStore",
        tally: Tally,
        *,
        force: bool = False,
        resume: bool = False,
        remove_source: bool = False,
        replication: int | None = None,
        block_bytes: int | None = None,
        threads: int = THREADS_DEFAULT,
    ) -> None:
        self._store = store
        self._tally = tally
        self._force = force
        self._resume = resume
        self._remove_source = remove_source
        self._replication = replication
        self._block_bytes = block_bytes
        self._crew: Crew[_File] = Crew(threads, self._put_file)

    def put(self, sources: list[str], target: str, *, into_directory: bool) -> None:
        """Copies as `cp -r` would; a target with a trailing slash is a directory to make.

        Raises:
            CommandError: several sources, and the target is no directory.
        """
        there = status_or_none(self._store, target)
        if into_directory and there is None:
            self._store.mkdir(target, parents=True)
        inside = into_directory or (there is not None and there.is_directory)
        if len(sources) > 1 and not inside:
            raise CommandError(f"{target} is no directory: several sources need one")
        if STANDARD_STREAM in sources:
            if inside:
                raise CommandError("'-' (stdin) needs a file's path as its target")
            self._put_stdin(target, there)
            return
        self._crew.run(self._files(sources, target, inside=inside))
        if self._remove_source:
            for source in sources:
                _remove_empty(Path(source))

    # --- what there is to copy ---------------------------------------------------------------

    def _files(self, sources: list[str], target: str, *, inside: bool) -> Iterator[_File]:
        for source in sources:
            path = Path(source)
            place = f"{target.rstrip('/')}/{path.resolve().name}" if inside else target
            with self._tally.complaints.about(source):
                yield from self._files_of(path, place, status_or_none(self._store, place), ())

    def _files_of(
        self, source: Path, target: str, there: "FileStatus | None", above: tuple[Path, ...]
    ) -> Iterator[_File]:
        mode = source.stat().st_mode
        if stat.S_ISREG(mode):
            yield _File(source, target, there)
        elif not stat.S_ISDIR(mode):
            raise CommandError("is neither file nor directory; name what is to be copied")
        elif (real := source.resolve()) in above:
            raise CommandError("is a link to a directory above it; remove the link")
        else:
            yield from self._inside(source, target, there, (*above, real))

    def _inside(
        self, source: Path, target: str, there: "FileStatus | None", above: tuple[Path, ...]
    ) -> Iterator[_File]:
        entries = sorted(source.iterdir())
        known = {}
        if there is None or not there.is_directory:
            self._store.mkdir(target, parents=True)
        else:
            known = {entry.name: entry for entry in self._store.list(target)}
        for entry in entries:
            with self._tally.complaints.about(str(entry)):
                place = f"{target.rstrip('/')}/{entry.name}"
                yield from self._files_of(entry, place, known.get(entry.name), above)

    # --- one file ------------------------------------------------------------------------

    def _put_file(self, item: _File) -> None:
        with self._tally.complaints.about(str(item.source)), item.source.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if self._resume and item.there is not None and self._is_copy(item.there, file):
                self._tally.advance(size)
                self._tally.add(found=1)
            else:
                self._put_stream(file, item.target, item.there)
                self._tally.add(copied=1)
            if self._remove_source:
                item.source.unlink()

    @staticmethod
    def _is_copy(there: "FileStatus", file: BinaryIO) -> bool:
        """As long, and not older than what is to be copied."""
        source = os.fstat(file.fileno())
        return (
            not there.is_directory
            and not there.under_construction
            and there.length == source.st_size
            and there.modified_at_s >= source.st_mtime
        )

    def _put_stdin(self, target: str, there: "FileStatus | None") -> None:
        self._put_stream(sys.stdin.buffer, target, there)
        self._tally.add(copied=1)

    def _put_stream(self, source: BinaryIO, target: str, there: "FileStatus | None") -> None:
        check_free(
            target,
            exists=there is not None,
            is_directory=there is not None and there.is_directory,
            force=self._force,
        )
        unfinished = target + UNFINISHED
        file = self._store.open(
            unfinished, "wb", replication=self._replication, block_bytes=self._block_bytes
        )
        try:
            copy(source, file, self._tally.advance, self._crew.stopped)
            file.close()
        except Stopped:
            if file.tell() < KEPT_BYTES_MIN:
                file.discard()
            else:
                file.close()
                self._tally.add(kept=1)
            raise
        except BaseException:
            file.discard()
            raise
        self._store.rename(unfinished, target, overwrite=self._force)


def _remove_empty(top: Path) -> None:
    """The directories that nothing is left in."""
    for directory, _, _ in os.walk(top, topdown=False):
        with contextlib.suppress(OSError):
            os.rmdir(directory)
