"""`mapred admin balancer`: the one inside the NameNode that makes nodes equally full."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Final, Literal

import click

from ..listing import human
from ..store import namenode_option, opened
from .durations import in_words

if TYPE_CHECKING:
    from blockstore.adminmodel import BalancerStatus

_BINARY: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def _bandwidth(_: click.Context, __: click.Parameter, text: str) -> int:
    """Bytes a second: 500K, 10MiB, 1G."""
    found = re.fullmatch(r"(\d+)\s*([KMG]?)(i?B)?(/s)?", text.strip(), re.IGNORECASE)
    if found is None:
        raise click.BadParameter(f"'{text}' is no number of bytes: 500K, 10MiB and 1G are")
    return int(found[1]) * _BINARY[found[2].upper()]


@click.command()
@click.argument("action", type=click.Choice(["start", "stop", "status"]))
@click.option(
    "--threshold",
    type=click.FloatRange(0, 100, min_open=True, max_open=True),
    default=10.0,
    show_default=True,
    help="start: how many percent from the mean a node may be.",
)
@click.option(
    "--bandwidth",
    metavar="BYTES",
    callback=_bandwidth,
    default="10MiB",
    show_default=True,
    help="start: what moves may take of each node, bytes a second.",
)
@click.option("--json", "as_json", is_flag=True, help="The status as one JSON object.")
@namenode_option
def balancer(
    action: Literal["start", "stop", "status"],
    threshold: float,
    bandwidth: int,
    as_json: bool,
    namenode: str | None,
) -> None:
    """Move blocks from full DataNodes to empty ones, slowly, until all are about equally full.

    It runs in the NameNode and ends by itself. A restart of the NameNode ends it, too; then
    start it again. No block ever has fewer copies by it, or stands on fewer racks.

    \b
    mapred admin balancer start --threshold 5 --bandwidth 50MiB
    mapred admin balancer status
    """
    with opened(namenode) as store:
        if action == "start":
            found = store.admin.start_balancer(threshold=threshold / 100, bytes_per_s=bandwidth)
        else:
            ask = {"stop": store.admin.stop_balancer, "status": store.admin.balancer}
            found = ask[action]()
    if as_json:
        click.echo(json.dumps(asdict(found), indent=1))
        return
    for line in status_lines(found):
        click.echo(line)


def status_lines(status: "BalancerStatus") -> Iterator[str]:
    yield f"The balancer {'runs' if status.running else 'is off'}: {status.reason}"
    if status.bytes_per_s:
        estimate = ""
        if status.seconds_left is not None:
            estimate = f", about {in_words(status.seconds_left)} to go"
        yield (
            f"Moved: {human(status.bytes_moved)} bytes, left: {human(status.bytes_left)} bytes, "
            f"{status.moves} moves under way, {human(status.bytes_per_s)} a second and node"
            f"{estimate}"
        )
    yield f"Mean utilisation: {status.mean:.1%}, threshold: {status.threshold:.1%}"
    for node in status.nodes:
        share = node.used_bytes / node.capacity_bytes
        yield (
            f"  {node.node.address:<21} {share:6.1%}  {human(node.used_bytes)} of "
            f"{human(node.capacity_bytes)}, {node.node.rack}"
        )
