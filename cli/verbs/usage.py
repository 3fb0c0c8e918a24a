"""`mapred fs` commands that sum up: du, df, count."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

from ..complaints import Complaints
from ..foreign import by_storage
from ..store import each, namenode_option, opened

if TYPE_CHECKING:
    from blockstore import BlockStore
    from blockstore.model import FileStatus, Summary

human_option = click.option("-h", "readable", is_flag=True, help="Sizes as 1.5 K, 128 M.")
head_option = click.option("-v", "with_head", is_flag=True, help="With a line of titles.")
# Hadoop's users have it in their scripts: it leaves out snapshots.
snapshots_option = click.option(
    "-x", "_without_snapshots", is_flag=True, help="Nothing more: there are no snapshots."
)


@click.command()
@click.argument("paths", nargs=-1, metavar="PATH...")
@click.option("-s", "summarise", is_flag=True, help="One line for each path given.")
@human_option
@head_option
@snapshots_option
@namenode_option
def du(
    paths: tuple[str, ...],
    summarise: bool,
    readable: bool,
    with_head: bool,
    _without_snapshots: bool,
    namenode: str | None,
) -> int:
    """Show bytes, and bytes with all copies, of files and of what is below directories.

    \b
    mapred fs du -s -h /logs
    """
    from ..listing import usage

    complaints = Complaints()
    with opened(namenode, *paths) as store:
        found = each(store, paths or ("/",), complaints)
        sums = _sums(store, found if summarise else _inside(store, found), complaints)
    for line in usage(sums, readable=readable, with_head=with_head):
        click.echo(line)
    return complaints.code


def _inside(store: "BlockStore", found: Iterable["FileStatus"]) -> Iterator["FileStatus"]:
    for entry in found:
        if entry.is_directory:
            yield from store.list(entry.path)
        else:
            yield entry


def _sums(
    store: "BlockStore", entries: Iterable["FileStatus"], complaints: Complaints
) -> list[tuple[str, "Summary"]]:
    sums = []
    for entry in entries:
        with complaints.about(entry.path):
            sums.append((entry.path, store.summary(entry.path)))
    return sums


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("-q", "quotas", is_flag=True, help="With quotas (there are none yet).")
@click.option("-u", "only_quotas", is_flag=True, help="Quotas and nothing else.")
@human_option
@head_option
@snapshots_option
@by_storage
@namenode_option
def count(
    paths: tuple[str, ...],
    quotas: bool,
    only_quotas: bool,
    readable: bool,
    with_head: bool,
    _without_snapshots: bool,
    namenode: str | None,
) -> int:
    """Count directories, files and bytes below paths.

    \b
    mapred fs count -v -h /logs
    """
    from ..listing import counts

    complaints = Complaints()
    with opened(namenode, *paths) as store:
        sums = _sums(store, each(store, paths, complaints), complaints)
    for line in counts(
        sums,
        readable=readable,
        quotas=quotas or only_quotas,
        with_head=with_head,
        sums=not only_quotas,
    ):
        click.echo(line)
    return complaints.code


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH...]")
@human_option
@namenode_option
def df(paths: tuple[str, ...], readable: bool, namenode: str | None) -> int:
    """Show how much room the block store has, used and free, over all DataNodes: the same for
    every path of it.

    \b
    mapred fs df -h
    """
    from ..listing import room

    complaints = Complaints()
    with opened(namenode, *paths) as store:
        if not list(each(store, paths or ("/",), complaints)):
            return complaints.code
        nodes = [node for node in store.report().nodes if node.state != "dead"]
        address = store.address
    for line in room(
        f"bs://{address}",
        capacity=sum(node.capacity_bytes for node in nodes),
        used=sum(node.used_bytes for node in nodes),
        free=sum(node.free_bytes for node in nodes),
        readable=readable,
    ):
        click.echo(line)
    return complaints.code
