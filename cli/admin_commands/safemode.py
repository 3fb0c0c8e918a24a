"""`mapred admin safemode`: what it waits for, and how it's switched."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Literal

import click

from ..errors import CommandError
from ..output import plural
from ..store import namenode_option, opened
from .report import safe_mode_words

if TYPE_CHECKING:
    from blockstore import BlockStore
    from blockstore.adminmodel import SafeModeWhy

# How long `safemode wait` waits.
SAFE_MODE_DEADLINE_S: Final = 600.0
_PAUSE_S: Final = 0.2


@click.command()
@click.argument("action", type=click.Choice(["get", "why", "enter", "leave", "wait"]))
@click.option("--yes", is_flag=True, help="leave: also when blocks are missing.")
@namenode_option
def safemode(
    action: Literal["get", "why", "enter", "leave", "wait"], yes: bool, namenode: str | None
) -> None:
    """Ask for safe mode, or switch it; in safe mode nothing can be changed.

    \b
    mapred admin safemode get
    mapred admin safemode why      which blocks and nodes it waits for
    mapred admin safemode leave    asks first when blocks are missing

    After a start it ends by itself, in the moment when enough blocks are reported.
    """
    with opened(namenode) as store:
        if action == "why":
            for line in why_lines(store.admin.why_safe_mode()):
                click.echo(line)
            return
        if action == "leave" and not yes:
            _confirm(store.admin.why_safe_mode())
        if action == "wait":
            _wait(store)
            action = "get"
        mode = store.safe_mode(action)
    click.echo(f"Safe mode is {safe_mode_words(mode)}")


def _wait(store: "BlockStore") -> None:
    deadline = time.monotonic() + SAFE_MODE_DEADLINE_S
    while (mode := store.safe_mode("get")).on:
        if time.monotonic() > deadline:
            raise CommandError(f"safe mode is still {safe_mode_words(mode)}")
        time.sleep(_PAUSE_S)


def _confirm(why: "SafeModeWhy") -> None:
    """Nobody leaves without knowing what is missing."""
    if not why.mode.on or not why.missing:
        return
    for line in why_lines(why):
        click.echo(line, err=True)
    raise CommandError(
        f"{why.missing} blocks are missing: their files can't be read, and copies that come back "
        "late count as new.\n  To leave all the same: mapred admin safemode leave --yes"
    )


def why_lines(why: "SafeModeWhy") -> Iterator[str]:
    yield f"Safe mode is on: {why.mode.reason}" if why.mode.on else "Safe mode is off"
    if why.missing:
        blocks = plural(why.missing, "block")
        if why.mode.on:
            yield f"Without a good copy: {blocks}; if safe mode ended now, what is in them"
            yield "could not be read until a node brings them:"
        else:
            yield f"Missing: {blocks}; what is in them can't be read until a node brings them:"
    for waited in why.sample:
        yield f"  {waited.block} of {waited.path}"
        for holder in waited.last_holders:
            yield f"    last seen: {holder}"
    if why.missing > len(why.sample):
        yield f"  and {why.missing - len(why.sample)} more"
    for nodes, words in (
        (why.absent, "Known from before and not heard of since the NameNode began"),
        (why.silent, "Silent"),
        (why.unreported, "Registered, and has not yet reported its blocks"),
    ):
        for node in nodes:
            yield f"{words}: {node}, {node.rack}"
    if why.missing and not (why.absent or why.silent or why.unreported):
        yield "Every known DataNode has reported: no node is left to wait for."
