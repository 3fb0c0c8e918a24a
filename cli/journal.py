"""`mapred admin journal` and `mapred admin image`: the NameNode's files, looked at offline.

They read the directory that `mapred namenode --dir` was given, without a NameNode.
"""

import dataclasses
import json
import os
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from .errors import FAILED, REFUSED, CommandError

if TYPE_CHECKING:
    from blockstore.namenode.entries import Entry
    from blockstore.namenode.repair import Survey

_DIRECTORY = click.Path(exists=True, file_okay=False)
# Of the readable transactions that a repair drops, so many are shown.
_SHOWN_MAX = 20
# And of these: the fields that say which file is meant, and which bytes.
_TOLD = frozenset(
    {"inode_id", "parent_id", "name", "block", "block_id", "length", "replication", "kept"}
    | {"target_id", "source_ids", "node_id", "duty", "generation"}
)


@click.group()
def journal() -> None:
    """The journal of a NameNode's directory: dump it, or recover a damaged one.

    \b
    mapred admin journal dump /data/namenode
    mapred admin journal recover /data/namenode
    """


@journal.command("dump")
@click.argument("directory", metavar="DIR", type=_DIRECTORY)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--from", "first", type=int, metavar="TXID", help="Begin with this transaction.")
@click.option("--to", "last", type=int, metavar="TXID", help="End with this transaction.")
def dump_journal(directory: str, as_json: bool, first: int | None, last: int | None) -> None:
    """Show the transactions in DIR, one a line, in order.

    \b
    mapred admin journal dump /data/namenode --from 1000 --to 1010
    mapred admin journal dump /data/namenode --json | jq 'select(.kind == "Deleted")'
    """
    from blockstore.namenode import dump
    from blockstore.namenode.disk import RealDisk

    for found in dump.of_journal(RealDisk(os.path.abspath(directory)), first, last):
        click.echo(json.dumps(found) if as_json else _words(found))


def _words(found: dict[str, object]) -> str:
    fields = {name: value for name, value in found.items() if name not in ("transaction", "kind")}
    words = " ".join(f"{name}={json.dumps(value)}" for name, value in fields.items())
    return f"{found['transaction']:>8}  {found['kind']}  {words}"


@journal.command("recover")
@click.argument("directory", metavar="DIR", type=_DIRECTORY)
@click.option("--dry-run", is_flag=True, help="Only say what would be done; the default.")
@click.option("--write", is_flag=True, help="Do it; every file that is changed is kept beside.")
def recover(directory: str, dry_run: bool, write: bool) -> int:
    """Say what a damaged journal in DIR has lost, and cut it there with --write.

    Stop the NameNode first. Exit code 1 while there is damage, 2 when that can't be told.

    \b
    mapred admin journal recover /data/namenode
    mapred admin journal recover /data/namenode --write
    """
    if write and dry_run:
        raise click.UsageError("--dry-run and --write exclude each other")
    from blockstore.namenode import repair
    from blockstore.namenode.directory import DirectoryLock
    from blockstore.namenode.disk import RealDisk

    directory = os.path.abspath(directory)
    disk = RealDisk(directory)
    if not any(name.startswith(("journal-", "image-")) for name in disk.names()):
        words = f"{directory} has neither a journal nor an image in it"
        raise CommandError(words, REFUSED)
    lock = DirectoryLock(directory)
    try:
        found = repair.survey(disk)
        for line in _survey_lines(found, done=write):
            click.echo(line)
        if found.damage is None:
            return 0
        if not write:
            click.echo("Nothing was changed. To do this:")
            click.echo(f"  mapred admin journal recover {directory} --write")
            return FAILED
        for name in repair.repair(disk, found):
            click.echo(f"kept {directory}/{name}")
    finally:
        lock.release()
    click.echo(f"The journal ends at transaction {found.last} now. Start the NameNode.")
    return 0


def _survey_lines(found: "Survey", *, done: bool) -> Iterator[str]:
    remains = (
        f"transactions up to {found.last}: {found.inodes} files and directories, "
        f"{found.blocks} blocks"
    )
    if found.damage is None:
        yield f"The journal is not damaged: {remains}"
        return
    yield str(found.damage).partition(". Put back")[0]
    yield f"remains: {remains}"
    yield (
        f"lost: transactions {found.last + 1} to {found.highest}, {found.lost} in number; "
        f"{len(found.dropped)} of them could be read, but rest on the others"
    )
    kinds = Counter(type(entry).__name__ for _, entry in found.dropped)
    if kinds:
        yield "  " + ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    for transaction, entry in found.dropped[:_SHOWN_MAX]:
        yield _entry_words(transaction, entry)
    if len(found.dropped) > _SHOWN_MAX:
        yield f"       … and {len(found.dropped) - _SHOWN_MAX} more"
    for name in found.aside:
        yield f"{'moved aside' if done else 'to be moved aside'}: {name}"
    if found.damage.name not in found.aside:
        yield (
            f"{'cut' if done else 'to be cut'}: {found.damage.name} at offset "
            f"{found.damage.offset}; the whole is kept beside"
        )


def _entry_words(transaction: int, entry: "Entry") -> str:
    """What tells an administrator which file it is about; all of it is in the journal's dump."""
    told = (
        f"{field.name}={value}"
        for field in dataclasses.fields(entry)
        if field.name in _TOLD and (value := getattr(entry, field.name)) not in (None, "")
    )
    return f"{transaction:>8}  {type(entry).__name__}  {' '.join(told)}"


@click.group()
def image() -> None:
    """The images of a NameNode's directory.

    \b
    mapred admin image dump /data/namenode
    """


@image.command("dump")
@click.argument("path", metavar="DIR|FILE", type=click.Path(exists=True))
def dump_image(path: str) -> None:
    """Show an image, or the newest in DIR, as JSON: one inode a line.

    \b
    mapred admin image dump /data/namenode | jq -r 'select(.kind == "file") | .path'
    """
    from blockstore.errors import JournalCorruptException
    from blockstore.namenode import dump
    from blockstore.namenode.disk import RealDisk

    directory, name = (path, "") if os.path.isdir(path) else os.path.split(os.path.abspath(path))
    disk = RealDisk(os.path.abspath(directory))
    name = name or dump.newest_image(disk)
    try:
        for found in dump.of_image(disk.read(name)):
            click.echo(json.dumps(found))
    except JournalCorruptException as error:
        raise CommandError(
            f"{disk.place}/{name} is damaged: {error}.\n"
            f"  What the journal beside it has: mapred admin journal dump {disk.place}"
        ) from None
