"""`mapred admin fsck`: whether every block of every file has its copies, page by page."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Final

import click

from ..errors import FAILED, answering
from ..output import plural
from ..store import absolute, namenode_option, opened

if TYPE_CHECKING:
    from blockstore.client.administration import Verdict
    from blockstore.model import FsckBlock, FsckFile, FsckReport

# Beside the codes of errors.py.
NOT_AS_WANTED: Final = 3

_LOST: Final = frozenset({"missing", "corrupt"})
_LACKING: Final = frozenset({"under-replicated", "misplaced"})


@dataclass(frozen=True)
class Shown:
    """What the user wants to see of each file."""

    files: bool = False
    blocks: bool = False
    locations: bool = False
    racks: bool = False
    open_files: bool = False
    corrupt: bool = False


@dataclass
class Totals:
    """Over all pages."""

    files: int = 0
    open_files: int = 0
    length: int = 0
    states: Counter[str] = field(default_factory=Counter)
    verified: int = 0
    verified_bytes: int = 0
    damaged: int = 0
    unread: int = 0

    def add(self, page: "FsckReport") -> None:
        self.files += len(page.files)
        for file in page.files:
            self.open_files += file.is_open
            self.length += file.length
            self.states.update(block.state for block in file.blocks)

    @property
    def state(self) -> str:
        if self.damaged or _LOST & self.states.keys():
            return "corrupt"
        return "lacking copies" if self.unread or _LACKING & self.states.keys() else "healthy"

    @property
    def code(self) -> int:
        return {"corrupt": FAILED, "lacking copies": NOT_AS_WANTED, "healthy": 0}[self.state]


@click.command()
@click.argument("path", default="/")
@click.option("--files", is_flag=True, help="Every file, not only those with something wrong.")
@click.option("--blocks", is_flag=True, help="Every block of the shown files.")
@click.option("--locations", is_flag=True, help="Where the copies of the shown blocks are.")
@click.option("--racks", is_flag=True, help="On which racks these nodes are.")
@click.option("--open", "open_files", is_flag=True, help="Only files that are being written.")
@click.option("--corrupt", is_flag=True, help="Only files that can't be read in full.")
@click.option("--verify", is_flag=True, help="Have every copy read and compared by its node.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a file, then the totals.")
@namenode_option
def fsck(path: str, verify: bool, as_json: bool, namenode: str | None, **shown: bool) -> int:
    """Check that every block of every file below PATH has its copies.

    \b
    Exit codes
      0  healthy
      1  corrupt: some bytes can't be read, or a copy was found damaged
      2  not checked: a wrong option, no such path, nobody there, or not allowed
      3  all can be read, but blocks have too few copies, or all on one rack
    \b
    mapred admin fsck /
    mapred admin fsck /books --files --blocks --racks
    mapred admin fsck / --verify --json
    """
    wanted, totals = Shown(**shown), Totals()
    with answering(), opened(namenode, path) as store:
        for page in store.admin.fsck_pages(absolute(path)):
            totals.add(page)
            for file in page.files:
                _echo_file(file, wanted, as_json=as_json)
            if verify:
                for verdict in store.admin.verify(page):
                    _take(verdict, totals, as_json=as_json)
                click.echo(f"{totals.verified} copies verified", err=True)
    if as_json:
        counted = vars(totals) | {"states": dict(totals.states)}
        click.echo(json.dumps({"totals": counted, "state": totals.state}))
    else:
        for line in total_lines(totals, verified=verify):
            click.echo(line)
    return totals.code


def _take(verdict: "Verdict", totals: Totals, *, as_json: bool) -> None:
    totals.verified += 1
    totals.verified_bytes += verdict.length
    totals.damaged += bool(verdict.damage)
    totals.unread += bool(verdict.unread)
    words = verdict.damage or verdict.unread
    if words and as_json:
        click.echo(json.dumps(asdict(verdict)))
    elif words:
        words = words.removeprefix(f"{verdict.block}: ")
        click.echo(f"{verdict.path}: {verdict.block} on {verdict.node}: {words}")


def _echo_file(file: "FsckFile", shown: Shown, *, as_json: bool) -> None:
    if not is_shown(file, shown):
        return
    if as_json:
        click.echo(json.dumps(asdict(file)))
        return
    for line in file_lines(file, shown):
        click.echo(line)


def is_shown(file: "FsckFile", shown: Shown) -> bool:
    states = {block.state for block in file.blocks}
    if shown.corrupt:
        return bool(states & _LOST)
    if shown.open_files:
        return file.is_open
    return shown.files or bool(states & (_LOST | _LACKING))


def file_lines(file: "FsckFile", shown: Shown) -> Iterator[str]:
    state = ", being written" if file.is_open else ""
    blocks = plural(len(file.blocks), "block")
    yield f"{file.path}: {plural(file.length, 'byte')}, {blocks}{state}"
    for block in file.blocks:
        if shown.blocks or shown.locations or shown.racks or block.state != "healthy":
            yield from _block_lines(block, file.replication, shown)


def _block_lines(block: "FsckBlock", replication: int, shown: Shown) -> Iterator[str]:
    copies = f"{len(block.nodes)} of {replication} copies"
    words = f"  {block.block} {block.state}: {plural(block.block.length, 'byte')}, {copies}"
    at = [node.address + (f" {node.rack}" if shown.racks else "") for node in block.nodes]
    if at and (shown.locations or shown.racks or block.state != "healthy"):
        words += f", at {', '.join(at)}"
    yield words
    for holder in block.last_holders:
        yield f"    last seen: {holder}"


def total_lines(totals: Totals, *, verified: bool) -> Iterator[str]:
    counts = ", ".join(f"{count} {state}" for state, count in sorted(totals.states.items()))
    size = plural(totals.length, "byte")
    yield f"{plural(totals.files, 'file')}, {size}, blocks: {counts or 'none'}"
    if totals.open_files:
        yield f"Being written: {plural(totals.open_files, 'file')}"
    if verified:
        yield (
            f"Copies read: {totals.verified}, {plural(totals.verified_bytes, 'byte')}; "
            f"damaged: {totals.damaged}, unreadable: {totals.unread}"
        )
    yield f"The block store is {totals.state}"
