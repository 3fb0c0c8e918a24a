"""`mapred fs appendToFile`: local files, or stdin, at the end of a file of the store."""

import sys
from typing import TYPE_CHECKING, BinaryIO

import click

from ..foreign import in_new_block
from ..store import absolute, namenode_option, opened, status_or_none

if TYPE_CHECKING:
    from blockstore import BlockStore
    from blockstore.client.writer import BlockWriter


@click.command("appendToFile")
@click.argument("sources", nargs=-1, required=True, metavar="LOCAL...")
@click.argument("target", metavar="TARGET")
@in_new_block
@namenode_option
def append_to_file(sources: tuple[str, ...], target: str, namenode: str | None) -> int:
    """Add local files to the end of a file, which is made if it isn't there; `-` is stdin.

    \b
    journalctl -f | mapred fs appendToFile - /logs/today

    A file that somebody writes is refused: see  mapred fs lease list
    """
    from ..copying import copy

    with opened(namenode, target) as store, _writer(store, absolute(target)) as file:
        for source in sources:
            if source == "-":
                _follow(sys.stdin.buffer, file)
            else:
                with open(source, "rb") as local:
                    copy(local, file)
    return 0


def _writer(store: "BlockStore", path: str) -> "BlockWriter":
    return store.open(path, "xb" if status_or_none(store, path) is None else "ab")


def _follow(pipe: BinaryIO, file: "BlockWriter") -> None:
    """What comes through a pipe is in the store, and seen by readers, as soon as it comes."""
    while piece := pipe.read1(1 << 20):  # type: ignore[attr-defined]
        file.write(piece)
        file.hflush()
