"""`mapred fs cp`: copies inside the block store."""

import re
from typing import Final

import click

from ..copying import AHEAD_MAX, THREADS_DEFAULT, THREADS_MAX, Tally
from ..crew import AHEAD_DEFAULT
from ..errors import REFUSED, CommandError
from ..preserving import KEPT
from ..store import absolute, each, namenode_option, opened

# "-p", or with letters of what is to be kept; they are one word, so no option of click's.
_PRESERVE: Final = re.compile(r"-p([a-z]*)")


class _Letters(click.Command):
    """Takes `-ptop` for `--preserve top`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        words = [
            f"--preserve={found[1] or KEPT}" if (found := _PRESERVE.fullmatch(word)) else word
            for word in args[:end]
        ]
        return super().parse_args(ctx, words + args[end:])


@click.command(cls=_Letters)
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.argument("target", metavar="TARGET")
@click.option("-f", "force", is_flag=True, help="Replace files that exist.")
@click.option(
    "-p",
    "--preserve",
    "preserve",
    metavar="[top]",
    default="",
    help="Keep times, owner if allowed, and permissions, or of them what the letters say.",
)
@click.option("-d", "direct", is_flag=True, help="No name ._COPYING_ while it is copied.")
@click.option("-r", "-R", "_recursive", is_flag=True, help="Nothing more: directories are taken.")
@click.option(
    "-t",
    "threads",
    type=click.IntRange(1, THREADS_MAX),
    default=THREADS_DEFAULT,
    show_default=True,
    help="Files copied at a time.",
)
@click.option(
    "-q",
    "ahead",
    type=click.IntRange(1, AHEAD_MAX),
    default=AHEAD_DEFAULT,
    show_default=True,
    help="Files listed before a thread is free.",
)
@namenode_option
def cp(
    sources: tuple[str, ...],
    target: str,
    force: bool,
    preserve: str,
    direct: bool,
    _recursive: bool,
    threads: int,
    ahead: int,
    namenode: str | None,
) -> int:
    """Copy files and directories, with all in them, inside the block store.

    \b
    mapred fs cp /books/moby.txt /books/moby-2.txt
    mapred fs cp '/logs/2026-*' /archive
    mapred fs cp -pt /books/moby.txt /archive      (keeps its times alone)
    """
    from ..duplicate import Duplicate
    from ..transferbar import transfer_bar

    if unknown := set(preserve) - set(KEPT):
        raise CommandError(
            f"-p{preserve}: of '{''.join(sorted(unknown))}' files have nothing; what can be kept: "
            "t (times), o (owner and group), p (permissions)",
            REFUSED,
        )
    with opened(namenode, *sources, target) as store:
        tally = Tally()
        found = list(each(store, sources, tally.complaints))
        with transfer_bar(
            "cp", lambda: sum(store.summary(entry.path).bytes for entry in found)
        ) as advance:
            tally.advance = advance
            duplicate = Duplicate(
                store,
                tally,
                force=force,
                preserve=preserve,
                threads=threads,
                ahead=ahead,
                direct=direct,
            )
            duplicate.copy(found, absolute(target), into_directory=target.endswith("/"))
    return tally.complaints.code
