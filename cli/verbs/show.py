"""`mapred fs` commands that look: ls, stat, du, test."""

import json

import click

from ..errors import FAILED
from ..store import absolute, below, expand, namenode_option, opened

human_option = click.option("-h", "readable", is_flag=True, help="Sizes as 1.5 K, 128 M.")


@click.command()
@click.argument("paths", nargs=-1, metavar="PATH...")
@click.option("-R", "-r", "recursive", is_flag=True, help="With everything below.")
@click.option("-d", "itself", is_flag=True, help="Directories themselves, not what is in them.")
@human_option
@click.option("--json", "as_json", is_flag=True, help="As a JSON array.")
@namenode_option
def ls(
    paths: tuple[str, ...],
    recursive: bool,
    itself: bool,
    readable: bool,
    as_json: bool,
    namenode: str | None,
) -> None:
    """List files: kind, replication, bytes, time, path.

    \b
    mapred fs ls /
    mapred fs ls -R -h '/logs/2026-*'
    """
    from ..listing import as_object, listing

    with opened(namenode, *paths) as store:
        entries = [
            entry
            for path in paths or ("/",)
            for found in expand(store, path)
            for entry in below(store, found, recursive=recursive, itself=itself)
        ]
    if as_json:
        click.echo(json.dumps([as_object(entry) for entry in entries], ensure_ascii=False))
        return
    for line in listing(entries, readable=readable):
        click.echo(line)


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--json", "as_json", is_flag=True, help="As a JSON array.")
@namenode_option
def stat(paths: tuple[str, ...], as_json: bool, namenode: str | None) -> None:
    """Show all that is known of files.

    \b
    mapred fs stat /books/moby.txt
    """
    from ..listing import as_object, details

    with opened(namenode, *paths) as store:
        entries = [entry for path in paths for entry in expand(store, path)]
    if as_json:
        click.echo(json.dumps([as_object(entry) for entry in entries], ensure_ascii=False))
        return
    for entry in entries:
        click.echo("\n".join(details(entry)))


@click.command()
@click.argument("paths", nargs=-1, metavar="PATH...")
@click.option("-s", "summarise", is_flag=True, help="One line for each path given.")
@human_option
@namenode_option
def du(paths: tuple[str, ...], summarise: bool, readable: bool, namenode: str | None) -> None:
    """Show bytes, and bytes with all copies, of files and of what is below directories.

    \b
    mapred fs du -s -h /logs
    """
    from ..listing import usage

    with opened(namenode, *paths) as store:
        found = [entry for path in paths or ("/",) for entry in expand(store, path)]
        if not summarise:
            found = [
                child
                for entry in found
                for child in (store.list(entry.path) if entry.is_directory else (entry,))
            ]
        summaries = [(entry.path, store.summary(entry.path)) for entry in found]
    for line in usage(summaries, readable=readable):
        click.echo(line)


@click.command()
@click.argument("path")
@click.option("-e", "wanted", flag_value="exists", default=True, help="It exists [default].")
@click.option("-d", "wanted", flag_value="directory", help="It is a directory.")
@click.option("-f", "wanted", flag_value="file", help="It is a file.")
@click.option("-z", "wanted", flag_value="empty", help="It is a file of no bytes.")
@namenode_option
def test(path: str, wanted: str, namenode: str | None) -> int:
    """Answer with the exit code: 0 for yes, 1 for no.

    \b
    mapred fs test -d /books && echo there
    """
    from ..copying import status_or_none

    with opened(namenode, path) as store:
        entry = status_or_none(store, absolute(path))
    if entry is None:
        return FAILED
    yes = {
        "exists": True,
        "directory": entry.is_directory,
        "file": not entry.is_directory,
        "empty": not entry.is_directory and entry.length == 0,
    }[wanted]
    return 0 if yes else FAILED
