"""`mapred admin report`: files, blocks, and every DataNode."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from ..listing import human, when
from ..output import plural
from ..store import namenode_option, opened
from .durations import in_words

if TYPE_CHECKING:
    from blockstore.model import ClusterReport, NodeReport, SafeMode, VolumeReport


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Everything as one JSON object.")
@namenode_option
def report(as_json: bool, namenode: str | None) -> None:
    """Show files, blocks and every DataNode.

    \b
    mapred admin report
    mapred admin report --json
    """
    with opened(namenode) as store:
        found = store.report()
    if as_json:
        click.echo(json.dumps(asdict(found), indent=1))
        return
    for line in report_lines(found):
        click.echo(line)


def report_lines(report: "ClusterReport") -> Iterator[str]:
    yield f"Files: {report.files}, directories: {report.directories}, blocks: {report.blocks}"
    yield (
        f"Blocks with too few copies: {report.under_replicated}, "
        f"all on one rack: {report.misplaced}, "
        f"with corrupt copies: {report.corrupt}, missing: {report.missing}"
    )
    yield f"Safe mode: {safe_mode_words(report.safe_mode)}"
    port = report.call_port
    yield f"NameNode's call port: {port or 'none, clients use gRPC'}"
    live = sum(node.state == "live" for node in report.nodes)
    racks = {node.node.rack for node in report.nodes if node.state == "live"}
    on_racks = f", on {len(racks)} racks" if len(racks) > 1 else ""
    yield f"DataNodes: {live} live of {len(report.nodes)}{on_racks}"
    for node in report.nodes:
        yield from node_lines(node)


def node_lines(report: "NodeReport") -> Iterator[str]:
    """A line, and further ones for what is not as usual."""
    heard = f"heard {report.heard_s_ago:.1f} s ago, " if report.state != "absent" else ""
    yield (
        f"  {report.node.address:<21} {report.state:<6} {heard}"
        f"{plural(report.replicas, 'replica')}, {human(report.used_bytes)} used, "
        f"{human(report.free_bytes)} free of {human(report.capacity_bytes)}, "
        f"{report.node.rack}, {port_words(report)}, {report.node.node_id}"
    )
    if report.duty != "in service":
        yield f"    {duty_words(report)}"
    for path in report.open_files:
        yield f"    being written to it: {path}"
    for volume in report.volumes:
        yield f"    {volume_words(volume)}"


def port_words(report: "NodeReport") -> str:
    if report.state in ("absent", "dead"):
        return "byte port not known"
    return f"byte port {report.node.byte_port or 'none'}"


def volume_words(volume: "VolumeReport") -> str:
    if volume.state == "failed":
        return f"failed volume: {volume.path}: {volume.reason}"
    sizes = f"{human(volume.used_bytes)} used, {human(volume.free_bytes)} free"
    words = f"volume {volume.path}: {sizes}, {scan_words(volume)}"
    return f"{words}, {volume.state}: {volume.reason}" if volume.reason else words


def scan_words(volume: "VolumeReport") -> str:
    """How far the scanner is with it."""
    scanned = f"{human(volume.scanned_bytes)} scanned"
    if volume.last_pass_at_s:
        words = f"{scanned} since the last whole scan, {when(volume.last_pass_at_s)}"
    else:
        words = f"{scanned}, not yet wholly"
    return f"{words}, {volume.scan_errors} damaged" if volume.scan_errors else words


def duty_words(report: "NodeReport") -> str:
    """How far a node on its way out is."""
    import time

    words = report.duty
    if report.until_s:
        words += time.strftime(" until %Y-%m-%d %H:%M:%S", time.localtime(report.until_s))
    if report.blocks_left:
        words += f": {report.blocks_left} blocks left, {human(report.bytes_left)} bytes"
        if report.bytes_per_s > 0:
            words += f", {human(int(report.bytes_per_s))} a second"
        if report.seconds_left is not None:
            words += f", about {in_words(report.seconds_left)} to go"
    return words


def safe_mode_words(mode: "SafeMode") -> str:
    if not mode.on:
        return "off"
    # A reason that says what to do needs no further word.
    hint = "" if "mapred admin" in mode.reason else "; see why: mapred admin safemode why"
    return f"on: {mode.reason}{hint}"
