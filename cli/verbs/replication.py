"""`mapred fs setrep`: how many copies files have."""

import time
from typing import TYPE_CHECKING, Final

import click

from ..complaints import Complaints
from ..errors import CommandError
from ..store import each, namenode_option, opened, walk

if TYPE_CHECKING:
    from blockstore import BlockStore

# How long `setrep -w` waits for the copies.
REPLICATION_DEADLINE_S: Final = 300.0
_PAUSE_S: Final = 0.25


@click.command()
@click.argument("replication", type=click.IntRange(1, 512), metavar="COPIES")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("-w", "wait", is_flag=True, help="Wait until the copies are there.")
@click.option(
    "-R", "_recursive", is_flag=True, help="Nothing more: directories are taken whole, as ever."
)
@namenode_option
def setrep(
    replication: int, paths: tuple[str, ...], wait: bool, _recursive: bool, namenode: str | None
) -> int:
    """Set how many copies files have; a directory means every file below it.

    \b
    mapred fs setrep -w 2 /books
    """
    complaints = Complaints()
    done: list[str] = []
    with opened(namenode, *paths) as store:
        for top in each(store, paths, complaints):
            for file in walk(store, top, complaints):
                if not file.is_directory:
                    with complaints.about(file.path):
                        store.set_replication(file.path, replication)
                        done.append(file.path)
        if wait:
            _wait_for_copies(store, done)
    return complaints.code


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
