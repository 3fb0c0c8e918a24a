"""`cp`: files and whole directories from one place of the block store to another."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .copying import THREADS_DEFAULT, UNFINISHED, Tally, check_free, copy
from .crew import AHEAD_DEFAULT, Crew
from .errors import CommandError
from .preserving import keep_from_store
from .store import status_or_none

if TYPE_CHECKING:
    from blockstore import BlockStore
    from blockstore.model import FileStatus


@dataclass(frozen=True, slots=True)
class _File:
    source: "FileStatus"
    target: str


class Duplicate:
    """One `cp`; `tally` has what became of it."""

    def __init__(
        self,
        store: "BlockStore",
        tally: Tally,
        *,
        force: bool = False,
        preserve: Collection[str] = (),
        threads: int = THREADS_DEFAULT,
        ahead: int = AHEAD_DEFAULT,
        direct: bool = False,
    ) -> None:
        """`preserve`: letters of preserving.py. `direct`: no other name before a file is whole."""
        self._store = store
        self._tally = tally
        self._force = force
        self._preserve = preserve
        self._direct = direct
        self._crew: Crew[_File] = Crew(threads, self._copy_file, tally.stopped, ahead)

    def copy(self, sources: list["FileStatus"], target: str, *, into_directory: bool) -> None:
        """As `cp -r` does.

        Raises:
            CommandError: several sources, and the target is no directory.
        """
        there = status_or_none(self._store, target)
        inside = there is not None and there.is_directory
        if (len(sources) > 1 or into_directory) and not inside:
            raise CommandError(f"'{target}': no directory; make it:  mapred fs mkdir {target}")
        self._crew.run(self._files(sources, target, inside=inside))

    def _files(
        self, sources: Iterable["FileStatus"], target: str, *, inside: bool
    ) -> Iterator[_File]:
        for source in sources:
            with self._tally.complaints.about(source.path):
                place = f"{target.rstrip('/')}/{source.name}" if inside else target
                yield from self._files_of(source, place)

    def _files_of(self, source: "FileStatus", target: str) -> Iterator[_File]:
        if not source.is_directory:
            yield _File(source, target)
            return
        if f"{target}/".startswith(source.path.rstrip("/") + "/"):
            raise CommandError("can't be copied into itself; take a target outside of it")
        # Listed before the target is made: what this copy writes is not what it copies.
        entries = list(self._store.list(source.path))
        self._store.mkdir(target, parents=True)
        yield from self._files(entries, target, inside=True)

    def _copy_file(self, item: _File) -> None:
        with self._tally.complaints.about(item.source.path):
            there = status_or_none(self._store, item.target)
            check_free(
                item.target,
                exists=there is not None,
                is_directory=there is not None and there.is_directory,
                force=self._force,
            )
            if there is not None and there.inode_id == item.source.inode_id:
                raise CommandError("is source and target; take another name")
            unfinished = item.target if self._direct else item.target + UNFINISHED
            with (
                self._store.open(item.source.path) as source,
                self._store.open(
                    unfinished,
                    # Others are refused by the rename when something has come into their place.
                    "xb" if self._direct and not self._force else "wb",
                    replication=item.source.replication,
                    block_bytes=item.source.block_bytes,
                ) as target,
            ):
                copy(source, target, self._tally.advance, self._tally.stopped)
            if self._preserve:
                keep_from_store(self._store, unfinished, item.source, self._preserve)
            if not self._direct:
                self._store.rename(unfinished, item.target, overwrite=self._force)
            self._tally.add(copied=1)
