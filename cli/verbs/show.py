"""`mapred fs` commands that look at files: ls, stat, test."""

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import click

from ..complaints import Complaints
from ..errors import FAILED, answering
from ..store import absolute, each, namenode_option, opened, status_or_none

if TYPE_CHECKING:
    from blockstore import BlockStore
    from blockstore.model import FileStatus

human_option = click.option("-h", "readable", is_flag=True, help="Sizes as 1.5 K, 128 M.")


@click.command()
@click.argument("paths", nargs=-1, metavar="PATH...")
@click.option("-R", "recursive", is_flag=True, help="With everything below.")
@click.option("-d", "itself", is_flag=True, help="Directories themselves, not what is in them.")
@human_option
@click.option("-t", "by_time", is_flag=True, help="The newest first.")
@click.option("-S", "by_size", is_flag=True, help="The largest first.")
@click.option("-r", "backwards", is_flag=True, help="The other way round.")
@click.option("-u", "by_access", is_flag=True, help="The time of access, and -t goes by it.")
@click.option("-q", "printable", is_flag=True, help="? for what can't be printed in names.")
@click.option("-e", "with_policy", is_flag=True, help="How files are kept: all are replicated.")
@click.option("-C", "only_paths", is_flag=True, help="Paths and nothing else.")
@click.option("--json", "as_json", is_flag=True, help="As a JSON array.")
@namenode_option
def ls(
    paths: tuple[str, ...],
    recursive: bool,
    itself: bool,
    readable: bool,
    by_time: bool,
    by_size: bool,
    backwards: bool,
    by_access: bool,
    printable: bool,
    with_policy: bool,
    only_paths: bool,
    as_json: bool,
    namenode: str | None,
) -> int:
    """List files: kind, replication, bytes, time, path.

    \b
    mapred fs ls /
    mapred fs ls -R -h '/logs/2026-*'
    mapred fs ls -t -r /logs            (the newest last)
    """
    from ..listing import Columns, as_object, in_order, in_pages, in_print, listing

    complaints = Complaints()
    order = in_order(by_time=by_time, by_size=by_size, backwards=backwards, by_access=by_access)
    form = Columns(readable=readable, by_access=by_access, with_policy=with_policy)
    with opened(namenode, *paths) as store:
        entries = _listed(
            store, each(store, paths or ("/",), complaints), order, recursive, itself, complaints
        )
        if as_json:
            objects = [as_object(entry) for entry in entries]
            click.echo(json.dumps(objects, ensure_ascii=False))
            return complaints.code
        for page in in_pages(entries):
            lines = [e.path for e in page] if only_paths else listing(page, form)
            click.echo("\n".join(map(in_print, lines) if printable else lines))
    return complaints.code


def _listed(
    store: "BlockStore",
    entries: Iterator["FileStatus"],
    order: Callable[[Iterator["FileStatus"]], Iterator["FileStatus"]],
    recursive: bool,
    itself: bool,
    complaints: Complaints,
) -> Iterator["FileStatus"]:
    """Files, and of directories what is in them, each in its order."""
    for entry in order(entries) if itself else entries:
        if itself or not entry.is_directory:
            yield entry
            continue
        with complaints.about(entry.path):
            for child in order(store.list(entry.path)):
                yield child
                if recursive and child.is_directory:
                    below = iter([child])
                    yield from _listed(store, below, order, True, False, complaints)


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="[FORMAT] PATH...")
@click.option("--json", "as_json", is_flag=True, help="As a JSON array.")
@namenode_option
def stat(words: tuple[str, ...], as_json: bool, namenode: str | None) -> int:
    """Show all that is known of files, or what FORMAT asks for.

    \b
    mapred fs stat /books/moby.txt
    mapred fs stat '%n %b bytes, %r copies, changed %y' '/books/*'

    \b
    %a mode, octal      %F kind of file     %o bytes a block    %x, %X time of access
    %A mode             %g group            %r copies           %y, %Y time of change:
    %b bytes            %n name             %u owner            UTC, ms since 1970
    """
    from ..listing import as_object, details, formatted

    form = words[0] if "%" in words[0] and len(words) > 1 else ""
    paths = words[1:] if form else words
    complaints = Complaints()
    with opened(namenode, *paths) as store:
        entries = list(each(store, paths, complaints))
    if as_json:
        click.echo(json.dumps([as_object(entry) for entry in entries], ensure_ascii=False))
        return complaints.code
    for entry in entries:
        click.echo(formatted(entry, form) if form else "\n".join(details(entry)))
    return complaints.code


_TESTS: Final[dict[str, Callable[["BlockStore", "FileStatus"], bool]]] = {
    "exists": lambda _, entry: True,
    "directory": lambda _, entry: entry.is_directory,
    "file": lambda _, entry: not entry.is_directory,
    "empty": lambda _, entry: not entry.is_directory and entry.length == 0,
    "filled": lambda _, entry: entry.length > 0,
    "readable": lambda store, entry: store.may(entry.path, read=True),
    "writable": lambda store, entry: store.may(entry.path, write=True),
}


def _tests(command: Callable[..., Any]) -> Callable[..., Any]:
    for flag, wanted, words in (
        ("-w", "writable", "It exists, and you may write to it."),
        ("-r", "readable", "It exists, and you may read it."),
        ("-z", "empty", "It is a file of no bytes."),
        ("-s", "filled", "It is a file of some bytes."),
        ("-f", "file", "It is a file."),
        ("-d", "directory", "It is a directory."),
        ("-e", "exists", "It exists [default]."),
    ):
        command = click.option(flag, "wanted", flag_value=wanted, help=words)(command)
    return command


@click.command()
@click.argument("path")
@_tests
@namenode_option
def test(path: str, wanted: str | None, namenode: str | None) -> int:
    """Answer with the exit code: 0 for yes, 1 for no, 2 when it can't be told.

    \b
    mapred fs test -d /books && echo there
    """
    with answering(), opened(namenode, path) as store:
        entry = status_or_none(store, absolute(path))
        yes = entry is not None and _TESTS[wanted or "exists"](store, entry)
    return 0 if yes else FAILED
