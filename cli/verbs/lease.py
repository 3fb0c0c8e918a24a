"""`mapred fs lease`: who writes which file, and an end to it."""

import time
from typing import TYPE_CHECKING

import click

from ..store import absolute, namenode_option, opened

if TYPE_CHECKING:
    from blockstore.model import Lease


@click.group()
def lease() -> None:
    """Files that are open for writing: list them, or take one from its writer.

    \b
    mapred fs lease list /logs
    mapred fs lease recover /logs/today
    """


@lease.command("list")
@click.argument("path", default="/", metavar="[PATH]")
@namenode_option
def list_(path: str, namenode: str | None) -> int:
    """Show who writes which file at or below PATH, since when, and when he was last heard of.

    \b
    mapred fs lease list /logs
    """
    with opened(namenode, path) as store:
        for found in store.leases(absolute(path)):
            click.echo(_line(found))
    return 0


def _line(found: "Lease") -> str:
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(found.since_s))
    if not found.holder:
        return f"{found.path}\tsince {since}\tbeing closed by the NameNode: {found.waiting_for}"
    return (
        f"{found.path}\tsince {since}\ton {found.host} by {found.holder}, "
        f"heard of {found.silence_s:.0f} s ago"
    )


@lease.command()
@click.argument("path", metavar="PATH")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0),
    default=60.0,
    show_default=True,
    help="Seconds to wait until the file is closed.",
)
@namenode_option
def recover(path: str, timeout_s: float, namenode: str | None) -> int:
    """Take a file from its writer and close it at its last acknowledged byte.

    \b
    mapred fs lease recover /logs/today
    """
    with opened(namenode, path) as store:
        store.recover_lease(absolute(path), timeout_s)
        click.echo(f"{absolute(path)} is closed, {store.stat(absolute(path)).length} bytes")
    return 0
