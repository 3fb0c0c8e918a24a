"""`put`: files and whole directories of this machine into the block store.

A file is written as `PATH._COPYING_` and renamed when it is closed and the store's checksum of
it is that of what was read, so the name shows the whole or nothing. With `resume` a file that is
there with the same bytes is left, and what is there in part is written further. Small files
travel in bundles (bundle.py).
"""

import contextlib
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from blockstore.errors import StoreError, UnreachableException

from .bundle import BUNDLE_FILES, Bundles, LocalFile, bundled
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
from .preserving import keep_from_local
from .store import check_text, result_or_none, status_or_none

if TYPE_CHECKING:
    from blockstore import BlockStore
    from blockstore.client.writer import BlockWriter
    from blockstore.model import FileStatus


class Upload:
    """One `put`; `tally` has what became of it."""

    def __init__(
        self,
        store: "BlockStore",
        tally: Tally,
        *,
        force: bool = False,
        resume: bool = False,
        preserve: bool = False,
        remove_source: bool = False,
        replication: int | None = None,
        block_bytes: int | None = None,
        threads: int = THREADS_DEFAULT,
        ahead: int = AHEAD_DEFAULT,
        direct: bool = False,
    ) -> None:
        """`ahead`: files that are looked for before a thread is free. `direct`: no other name
        while a file is not whole."""
        self._store = store
        self._tally = tally
        self._force = force
        self._resume = resume
        self._preserve = preserve
        self._remove_source = remove_source
        self._direct = direct
        self._replication = replication
        self._block_bytes = block_bytes
        self._bundles = Bundles(
            store,
            tally,
            force=force,
            preserve=preserve,
            remove_source=remove_source,
            replication=replication,
            block_bytes=block_bytes,
        )
        self._crew: Crew[Sequence[LocalFile]] = Crew(threads, self._put_files, tally.stopped, ahead)

    def put(self, sources: list[str], target: str, *, into_directory: bool) -> None:
        """Copies as `cp -r` would; a target with a trailing slash is a directory to make.

        Raises:
            CommandError: several sources, and the target is no directory.
        """
        there = status_or_none(self._store, target)
        if into_directory and there is None:
            self._store.mkdir(target, parents=True)
        inside = into_directory or (
            there is not None and there.is_directory and not self._goes_on_in(sources, target)
        )
        if len(sources) > 1 and not inside:
            raise CommandError(f"{target} is no directory: several sources need one")
        if STANDARD_STREAM in sources:
            if inside:
                raise CommandError("'-' (stdin) needs a file's path as its target")
            self._put_stdin(target, there)
            return
        files = self._files(sources, target, inside=inside)
        self._crew.run(bundled(files, self._may_be_bundled))
        if self._remove_source:
            for source in sources:
                _remove_empty(Path(source))

    def _goes_on_in(self, sources: list[str], target: str) -> bool:
        """Whether an earlier put of this directory has made the target."""
        top = Path(sources[0])
        if not self._resume or len(sources) > 1 or not top.is_dir() or target == "/":
            return False
        there = (entry.name for entry in self._store.list(target))
        return is_begun_copy(there, (entry.name for entry in top.iterdir()))

    # --- what there is to copy ---------------------------------------------------------------

    def _files(self, sources: list[str], target: str, *, inside: bool) -> Iterator[LocalFile]:
        taken: dict[str, str] = {}
        for start in range(0, len(sources), BUNDLE_FILES):
            batch, asked = self._store.batch(), []
            for source in sources[start : start + BUNDLE_FILES]:
                with self._tally.complaints.about(source):
                    name = Path(source).resolve().name
                    check_text(name)
                    place = f"{target.rstrip('/')}/{name}" if inside else target
                    if place in taken:
                        raise CommandError(f"'{taken[place]}' goes to {place}; copy one of them")
                    taken[place] = source
                    asked.append((source, place, batch.stat(place)))
            batch.send()
            for source, place, there in asked:
                with self._tally.complaints.about(source):
                    yield from self._files_of(Path(source), place, result_or_none(there), ())

    def _files_of(
        self, source: Path, target: str, there: "FileStatus | None", above: tuple[Path, ...]
    ) -> Iterator[LocalFile]:
        found = source.stat()
        if stat.S_ISREG(found.st_mode):
            yield LocalFile(source, target, there, found.st_size)
        elif not stat.S_ISDIR(found.st_mode):
            raise CommandError("is neither file nor directory; name what is to be copied")
        elif (real := source.resolve()) in above:
            raise CommandError("is a link to a directory above it; remove the link")
        else:
            yield from self._inside(source, target, there, (*above, real))

    def _inside(
        self, source: Path, target: str, there: "FileStatus | None", above: tuple[Path, ...]
    ) -> Iterator[LocalFile]:
        entries = sorted(source.iterdir())
        known = {}
        if there is None or not there.is_directory:
            self._store.mkdir(target, parents=True)
        else:
            known = {entry.name: entry for entry in self._store.list(target)}
        for entry in entries:
            with self._tally.complaints.about(str(entry)):
                check_text(entry.name)
                place = f"{target.rstrip('/')}/{entry.name}"
                yield from self._files_of(entry, place, known.get(entry.name), above)

    # --- one file, or a bundle -----------------------------------------------------------

    def _may_be_bundled(self, file: LocalFile) -> bool:
        # A bundle's files always have another name until they are compared.
        if self._direct:
            return False
        there = file.there
        return there is None or (self._force and not self._resume and not there.is_directory)

    def _put_files(self, files: Sequence[LocalFile]) -> None:
        for file in self._bundles.put(files) if len(files) > 1 else files:
            if self._tally.stopped.is_set():
                raise Stopped
            self._put_file(file)

    def _put_file(self, item: LocalFile) -> None:
        with self._tally.complaints.about(str(item.source)), item.source.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if self._resume and self._is_copy(item, file):
                self._tally.advance(size)
                self._tally.add(found=1)
            else:
                file.seek(0)
                self._put_stream(file, item.target, item.there)
                self._tally.add(copied=1)
            if self._remove_source:
                item.source.unlink()

    def _is_copy(self, item: LocalFile, file: BinaryIO) -> bool:
        there = item.there
        if there is None or there.is_directory or there.under_construction:
            return False
        if there.length != os.fstat(file.fileno()).st_size:
            return False
        return Summed(file).skip(there.length).is_all_of(self._store.checksum(there.path))

    def _put_stdin(self, target: str, there: "FileStatus | None") -> None:
        # A stream can't be read again, so nothing of it can be found or gone on from.
        self._resume = False
        self._put_stream(sys.stdin.buffer, target, there)
        self._tally.add(copied=1)

    def _put_stream(self, source: BinaryIO, target: str, there: "FileStatus | None") -> None:
        check_free(
            target,
            exists=there is not None,
            is_directory=there is not None and there.is_directory,
            force=self._force,
        )
        unfinished = target if self._direct else target + UNFINISHED
        summed, file = self._begun(source, unfinished)
        try:
            copy(summed, file, self._tally.advance, self._tally.stopped)
            file.close()
        except Stopped:
            if file.tell() < KEPT_BYTES_MIN or self._direct:
                file.discard()
            else:
                file.close()
                self._tally.add(kept=1)
            raise
        except BaseException:
            file.discard()
            raise
        if not summed.is_all_of(self._store.checksum(unfinished)):
            self._store.delete(unfinished, skip_trash=True)
            raise CommandError("the store has other bytes than were read; put it again")
        if self._preserve:
            keep_from_local(self._store, unfinished, os.fstat(source.fileno()))
        if not self._direct:
            self._show(unfinished, target)

    def _show(self, unfinished: str, target: str) -> None:
        try:
            self._store.rename(unfinished, target, overwrite=self._force)
        except UnreachableException:
            # It may have happened; if not, there is something to go on from.
            raise
        except StoreError:
            self._store.delete(unfinished, skip_trash=True)
            raise

    def _begun(self, source: BinaryIO, unfinished: str) -> tuple[Summed, "BlockWriter"]:
        """What is to be read, and where to write it: further, if there is a beginning."""
        if self._resume and (length := self._length_begun(unfinished)):
            summed = Summed(source).skip(length)
            if summed.is_all_of(self._store.checksum(unfinished)):
                self._tally.advance(length)
                return summed, self._store.open(unfinished, "ab")
            source.seek(0)
        # Of files that are renamed the rename refuses what has come into the place meanwhile.
        mode: Literal["xb", "wb"] = "xb" if self._direct and not self._force else "wb"
        file = self._store.open(
            unfinished, mode, replication=self._replication, block_bytes=self._block_bytes
        )
        return Summed(source), file

    def _length_begun(self, unfinished: str) -> int:
        """Bytes of what an earlier put has left."""
        part = status_or_none(self._store, unfinished)
        if part is not None and part.under_construction:
            # Its writer was killed; the file is closed at its last acknowledged byte.
            self._store.recover_lease(unfinished)
            part = self._store.stat(unfinished)
        return part.length if part is not None else 0


def _remove_empty(top: Path) -> None:
    """The directories that nothing is left in."""
    for directory, _, _ in os.walk(top, topdown=False):
        with contextlib.suppress(OSError):
            os.rmdir(directory)
