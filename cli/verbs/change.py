"""`mapred fs` commands that change names and copies: mkdir, mv, rm, setrep."""

import time
from typing import TYPE_CHECKING, Final

import click

from ..errors import CommandError
from ..store import absolute, below, expand, namenode_option, opened

if TYPE_CHECKING:
    from blockstore import BlockStore

# How long `setrep -w` waits for the copies.
REPLICATION_DEADLINE_S: Final = 300.0
_PAUSE_S: Final = 0.25


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("-p", "parents", is_flag=True, help="Also those above; no error if it exists.")
@namenode_option
def mkdir(paths: tuple[str, ...], parents: bool, namenode: str | None) -> None:
    """Make directories.

    \b
    mapred fs mkdir -p /logs/2026
    """
    with opened(namenode, *paths) as store:
        for path in paths:
            store.mkdir(absolute(path), parents=parents)


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.argument("target", metavar="TARGET")
@namenode_option
def mv(sources: tuple[str, ...], target: str, namenode: str | None) -> None:
    """Rename files and directories, or move them into a directory.

    \b
    mapred fs mv /counts /counts-2026
    """
    from ..copying import status_or_none

    with opened(namenode, *sources, target) as store:
        place = absolute(target)
        there = status_or_none(store, place)
        inside = there is not None and there.is_directory
        found = [entry for source in sources for entry in expand(store, source)]
        if (len(found) > 1 or target.endswith("/")) and not inside:
            raise CommandError(f"{place} is no directory")
        for entry in found:
            store.rename(entry.path, f"{place.rstrip('/')}/{entry.name}" if inside else place)


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("-r", "-R", "recursive", is_flag=True, help="Directories, with all in them.")
@click.option("-f", "force", is_flag=True, help="No error when there is nothing to remove.")
@click.option("-skipTrash", is_flag=True, hidden=True, expose_value=False)
@namenode_option
def rm(paths: tuple[str, ...], recursive: bool, force: bool, namenode: str | None) -> None:
    """Remove files, and directories with -r. There is no way back.

    \b
    mapred fs rm -r /counts
    """
    from blockstore.errors import FileNotFoundException

    with opened(namenode, *paths) as store:
        for path in paths:
            try:
                found = expand(store, path)
            except (FileNotFoundException, CommandError):
                if force:
                    continue
                raise
            for entry in found:
                if entry.is_directory and not recursive:
                    raise CommandError(f"{entry.path} is a directory: give -r to remove it")
                store.delete(entry.path, recursive=recursive)


@click.command()
@click.argument("replication", type=click.IntRange(1, 512), metavar="COPIES")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("-w", "wait", is_flag=True, help="Wait until the copies are there.")
@click.option("-R", "_recursive", is_flag=True, help="As in Hadoop: no effect.", hidden=True)
@namenode_option
def setrep(
    replication: int, paths: tuple[str, ...], wait: bool, _recursive: bool, namenode: str | None
) -> None:
    """Set how many copies files have; a directory means every file below it.

    \b
    mapred fs setrep -w 2 /books
    """
    with opened(namenode, *paths) as store:
        found = [entry for path in paths for entry in expand(store, path)]
        files = [
            file
            for entry in found
            for file in below(store, entry, recursive=True, itself=False)
            if not file.is_directory
        ]
        for file in files:
            store.set_replication(file.path, replication)
        if wait:
            _wait_for_copies(store, [file.path for file in files])


def _wait_for_copies(store: "BlockStore", paths: list[str]) -> None:
    deadline = time.monotonic() + REPLICATION_DEADLINE_S
    for path in paths:
        while any(
            block.state == "under-replicated"
            for file in store.fsck(path).files
            for block in file.blocks
        ):
            if time.monotonic() > deadline:
                raise CommandError(
                    f"{path} hasn't its copies after {REPLICATION_DEADLINE_S:.0f} s. "
                    "See why:  mapred admin report"
                )
            time.sleep(_PAUSE_S)
