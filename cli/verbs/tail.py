"""`mapred fs tail`: the end of a file, and what comes after it."""

import sys
import time
from typing import Final

import click

from ..store import absolute, namenode_option, opened

# What Hadoop's `tail` shows.
TAIL_BYTES: Final = 1024


@click.command()
@click.argument("path", metavar="PATH")
@click.option("-f", "follow", is_flag=True, help="Go on with what is added, until Ctrl-C.")
@click.option(
    "-s",
    "pause_s",
    type=click.FloatRange(0.05),
    default=1.0,
    show_default=True,
    help="With -f: seconds between two looks.",
)
@namenode_option
def tail(path: str, follow: bool, pause_s: float, namenode: str | None) -> int:
    """Write the last KiB of a file to stdout.

    \b
    mapred fs tail -f /logs/today

    With -f also what writers add, as soon as they have flushed it.
    """  # fmt: skip
    with opened(namenode, path) as store, store.open(absolute(path)) as file:
        at = max(0, file.length - TAIL_BYTES)
        while True:
            while piece := file.pread(at, 1 << 20):
                sys.stdout.buffer.write(piece)
                at += len(piece)
            sys.stdout.buffer.flush()
            if not follow:
                return 0
            time.sleep(pause_s)
            # A file that was cut goes on from its new end.
            at = min(at, file.follow())
