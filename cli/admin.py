"""`mapred admin`: the block store as its administrator sees it."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Literal

import click

from .errors import FAILED, CommandError
from .journal import image, journal
from .listing import human
from .store import absolute, namenode_option, opened

if TYPE_CHECKING:
    from blockstore.model import ClusterReport, FsckReport, NodeReport, SafeMode

# How long `safemode wait` waits.
SAFE_MODE_DEADLINE_S: Final = 600.0
_PAUSE_S: Final = 0.2


@click.group()
@namenode_option
@click.pass_context
def admin(ctx: click.Context, namenode: str | None) -> None:
    """The block store's state.

    \b
    mapred admin report
    mapred admin safemode get
    mapred admin fsck /
    """
    ctx.obj = namenode


admin.add_command(journal)
admin.add_command(image)


@admin.command()
@namenode_option
def report(namenode: str | None) -> None:
    """Show files, blocks and every DataNode.

    \b
    mapred admin report
    """
    with opened(namenode) as store:
        found = store.report()
    for line in _report_lines(found):
        click.echo(line)


def _report_lines(report: "ClusterReport") -> Iterator[str]:
    yield f"Files: {report.files} in {report.directories} directories, {report.blocks} blocks"
    yield (
        f"Blocks with too few copies: {report.under_replicated}, "
        f"with corrupt copies: {report.corrupt}, missing: {report.missing}"
    )
    yield f"Safe mode: {_safe_mode_words(report.safe_mode)}"
    live = sum(node.state == "live" for node in report.nodes)
    yield f"DataNodes: {live} live of {len(report.nodes)}"
    for node in report.nodes:
        yield f"  {_node_words(node)}"
        for volume in node.failed_volumes:
            yield f"    failed volume: {volume}"


def _node_words(report: "NodeReport") -> str:
    return (
        f"{report.node.address:<21} {report.state:<5} heard {report.heard_s_ago:.1f} s ago, "
        f"{report.replicas} replicas, {human(report.used_bytes)} used, "
        f"{human(report.free_bytes)} free of {human(report.capacity_bytes)}, "
        f"{report.node.rack}, {report.node.node_id}"
    )


def _safe_mode_words(mode: "SafeMode") -> str:
    if not mode.on:
        return "off"
    return f"on: {mode.reason} ({mode.blocks_reported} of {mode.blocks_needed} blocks reported)"


@admin.command()
@click.argument("action", type=click.Choice(["get", "enter", "leave", "wait"]))
@namenode_option
def safemode(action: Literal["get", "enter", "leave", "wait"], namenode: str | None) -> None:
    """Ask for safe mode, or switch it; in safe mode nothing can be changed.

    \b
    mapred admin safemode get
    mapred admin safemode leave
    """
    with opened(namenode) as store:
        deadline = time.monotonic() + SAFE_MODE_DEADLINE_S
        mode = store.safe_mode("get" if action == "wait" else action)
        while action == "wait" and mode.on:
            if time.monotonic() > deadline:
                raise CommandError(f"safe mode is still {_safe_mode_words(mode)}")
            time.sleep(_PAUSE_S)
            mode = store.safe_mode("get")
    click.echo(f"Safe mode is {_safe_mode_words(mode)}")


@admin.command()
@click.argument("path", default="/")
@click.option("--files", is_flag=True, help="Every file, not only the damaged.")
@namenode_option
def fsck(path: str, files: bool, namenode: str | None) -> int:
    """Check that every block of every file below PATH has its copies; exit code 1 if not all
    can be read.

    \b
    mapred admin fsck /
    mapred admin fsck --files /books
    """
    with opened(namenode, path) as store:
        found = store.fsck(absolute(path))
    for line in _fsck_lines(found, every_file=files):
        click.echo(line)
    return 0 if found.state == "healthy" else FAILED


def _fsck_lines(report: "FsckReport", *, every_file: bool) -> Iterator[str]:
    states: dict[str, int] = {}
    for file in report.files:
        bad = [block for block in file.blocks if block.state != "healthy"]
        if bad or every_file:
            yield f"{file.path}: {file.length} bytes, {len(file.blocks)} blocks"
        for block in file.blocks:
            states[block.state] = states.get(block.state, 0) + 1
        for block in bad:
            at = ", ".join(node.address for node in block.nodes) or "nowhere"
            copies = f"{len(block.nodes)} of {file.replication} copies"
            yield f"  {block.block} {block.state}: {copies}, at {at}"
            for holder in block.last_holders:
                yield f"    was at {holder}"
    counts = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    yield f"{len(report.files)} files, blocks: {counts or 'none'}"
    yield f"The block store is {report.state}"
