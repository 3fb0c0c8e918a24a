"""`mapred admin decommission|maintenance|recommission|forget`: nodes that go and come back."""

import contextlib
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import click

from ..listing import human
from ..store import namenode_option, opened
from .durations import in_words, parsed
from .report import node_lines

if TYPE_CHECKING:
    from blockstore import BlockStore
    from blockstore.model import NodeReport

_PAUSE_S: Final = 0.5
_DONE: Final = ("decommissioned", "in maintenance")

_nodes = click.argument("nodes", metavar="NODE…", nargs=-1, required=True)
_wait = click.option("--wait", is_flag=True, help="Wait until nothing needs the nodes any more.")
_force = click.option(
    "--force",
    is_flag=True,
    help="Also when fewer nodes than wanted copies are left, or too little space.",
)


@click.command()
@_nodes
@_wait
@_force
@namenode_option
def decommission(nodes: tuple[str, ...], wait: bool, force: bool, namenode: str | None) -> None:
    """Send DataNodes away for good: their blocks are copied to others first.

    NODE is a node's id or HOST:PORT, as `mapred admin report` shows them. The nodes serve
    readers all the while, and take no new block. `mapred admin decommission status` shows how
    far they are. Refused where the others can't hold the blocks.

    \b
    mapred admin decommission 10.0.0.4:9866 --wait
    mapred admin decommission status
    """
    if nodes == ("status",):
        _show_all(namenode)
        return
    _send(nodes, "decommission", namenode, wait=wait, force=force)


@click.command()
@_nodes
@click.option(
    "--for",
    "for_s",
    metavar="TIME",
    callback=parsed,
    default="1h",
    show_default=True,
    help="How long: 90s, 2h.",
)
@_wait
@namenode_option
def maintenance(nodes: tuple[str, ...], for_s: float, wait: bool, namenode: str | None) -> None:
    """Let DataNodes rest for a while: a restart or a repair that nobody needs to make up for.

    Until the time is over they aren't called dead, and their blocks aren't copied anew; blocks
    that nobody else has are copied first. It ends by itself, or by `recommission`.

    \b
    mapred admin maintenance 10.0.0.4:9866 --for 2h --wait
    mapred admin maintenance status
    """
    if nodes == ("status",):
        _show_all(namenode)
        return
    _send(nodes, "maintenance", namenode, wait=wait, for_s=for_s)


@click.command()
@_nodes
@namenode_option
def recommission(nodes: tuple[str, ...], namenode: str | None) -> None:
    """Take DataNodes back into service.

    \b
    mapred admin recommission 10.0.0.4:9866
    """
    _send(nodes, "in service", namenode, wait=False)


@click.command()
@click.argument("node")
@namenode_option
def forget(node: str, namenode: str | None) -> None:
    """Strike a dead DataNode from the list; safe mode names it no more.

    \b
    mapred admin forget 10.0.0.4:9866
    """
    with opened(namenode) as store:
        store.admin.forget_node(node)


def _send(
    nodes: Sequence[str],
    duty: Literal["in service", "decommission", "maintenance"],
    namenode: str | None,
    *,
    wait: bool,
    **options: Any,
) -> None:
    with opened(namenode) as store:
        reports = store.admin.assign_duty(nodes, duty, **options)
        if wait:
            reports = _waited(store, [report.node.node_id for report in reports])
    _show(reports)


def _waited(store: "BlockStore", node_ids: Sequence[str]) -> "list[NodeReport]":
    said = ""
    while True:
        found = [node for node in store.report().nodes if node.node.node_id in node_ids]
        if all(node.duty in _DONE for node in found):
            return found
        if (words := _progress(store, found)) != said:
            click.echo(words, err=True)
            said = words
        time.sleep(_PAUSE_S)


def _progress(store: "BlockStore", reports: "Sequence[NodeReport]") -> str:
    blocks = sum(report.blocks_left for report in reports)
    size = sum(report.bytes_left for report in reports)
    left = [report.seconds_left for report in reports if report.seconds_left is not None]
    estimate = f", about {in_words(max(left))} to go" if left else ""
    files = sorted({path for report in reports for path in report.open_files})
    writers = _writers(store, files[:3]) if files and not blocks else ""
    return f"{blocks} blocks left, {human(size)} bytes{estimate}{writers}"


def _writers(store: "BlockStore", paths: Sequence[str]) -> str:
    """Whose open files keep the nodes: too few others write them, too."""
    from blockstore.errors import FileNotFoundException

    lines = []
    for path in paths:
        with contextlib.suppress(FileNotFoundException):
            lines += [
                f"\n  {lease.path}, written on {lease.host or '?'} by {lease.holder or 'nobody'}"
                for lease in store.leases(path)
            ]
    if not lines:
        return ""
    return "; waits for these files to be closed (mapred fs lease recover PATH ends it):" + "".join(
        lines
    )


def _show_all(namenode: str | None) -> None:
    with opened(namenode) as store:
        reports = [node for node in store.report().nodes if node.duty != "in service"]
    if not reports:
        click.echo("Every DataNode is in service")
    _show(reports)


def _show(reports: "Sequence[NodeReport]") -> None:
    for report in reports:
        for line in node_lines(report):
            click.echo(line)
