"""`mapred fs cp`: copies inside the block store."""

import click

from ..copying import THREADS_DEFAULT, THREADS_MAX, Tally
from ..store import absolute, each, namenode_option, opened


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.argument("target", metavar="TARGET")
@click.option("-f", "force", is_flag=True, help="Replace files that exist.")
@click.option("-p", "preserve", is_flag=True, help="Keep times and mode, and owner if allowed.")
@click.option("-r", "-R", "_recursive", is_flag=True, help="Nothing more: directories are taken.")
@click.option(
    "-t",
    "threads",
    type=click.IntRange(1, THREADS_MAX),
    default=THREADS_DEFAULT,
    show_default=True,
    help="Files copied at a time.",
)
@namenode_option
def cp(
    sources: tuple[str, ...],
    target: str,
    force: bool,
    preserve: bool,
    _recursive: bool,
    threads: int,
    namenode: str | None,
) -> int:
    """Copy files and directories, with all in them, inside the block store.

    \b
    mapred fs cp /books/moby.txt /books/moby-2.txt
    mapred fs cp '/logs/2026-*' /archive
    """
    from ..duplicate import Duplicate
    from ..transferbar import transfer_bar

    with opened(namenode, *sources, target) as store:
        tally = Tally()
        found = list(each(store, sources, tally.complaints))
        with transfer_bar(
            "cp", lambda: sum(store.summary(entry.path).bytes for entry in found)
        ) as advance:
            tally.advance = advance
            duplicate = Duplicate(store, tally, force=force, preserve=preserve, threads=threads)
            duplicate.copy(found, absolute(target), into_directory=target.endswith("/"))
    return tally.complaints.code
