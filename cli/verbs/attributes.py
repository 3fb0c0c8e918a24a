"""`mapred fs` commands that change attributes: chmod, chown, chgrp, touch."""

import re
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import click

from ..complaints import Complaints
from ..errors import REFUSED, CommandError
from ..store import absolute, each, namenode_option, opened, status_or_none

if TYPE_CHECKING:
    from blockstore import BlockStore
    from blockstore.model import FileStatus

# Without these its owner couldn't reach what is in a directory.
_OWNER_LOOKS_IN: Final = 0o500

_recursive_option = click.option(
    "-R", "recursive", is_flag=True, help="Directories with all that is in them."
)
_paths_argument = click.argument("paths", nargs=-1, required=True, metavar="PATH...")
# Hadoop's rule; the names may also be numbers. The empty name changes nothing.
_NAME: Final = re.compile(r"[-_./@\w]*")
# Modes and owners may begin with a minus.
_DASHES: Final[dict[str, Any]] = {"ignore_unknown_options": True}


@click.command(context_settings=_DASHES)
@click.argument("mode", metavar="MODE")
@_paths_argument
@_recursive_option
@namenode_option
def chmod(mode: str, paths: tuple[str, ...], recursive: bool, namenode: str | None) -> int:
    """Change who may read, write and enter: octal, or words as u=rwx,go-w.

    \b
    mapred fs chmod 750 /books
    mapred fs chmod -R g+w,o-rwx /books
    mapred fs chmod +t /shared
    """
    from ..modes import changed, check

    check(mode)

    def change(store: "BlockStore", entry: "FileStatus") -> None:
        wanted = changed(entry.permission.mode, mode, is_directory=entry.is_directory)
        store.chmod(entry.path, wanted)

    def last(entry: "FileStatus") -> bool:
        after = changed(entry.permission.mode, mode, is_directory=True)
        return after & _OWNER_LOOKS_IN != _OWNER_LOOKS_IN

    return _each(paths, change, last if recursive else None, namenode)


@click.command()
@click.argument("owner", metavar="[OWNER][:[GROUP]]")
@_paths_argument
@_recursive_option
@namenode_option
def chown(owner: str, paths: tuple[str, ...], recursive: bool, namenode: str | None) -> int:
    """Change owner and group; the owner can be changed by the superuser alone.

    \b
    mapred fs chown -R ana:lab /books
    mapred fs chown :lab /books
    """
    user, _, group = owner.partition(":")
    _check_name(user)
    _check_name(group)
    if not user and not group:
        raise CommandError(
            f"'{owner}' names neither owner nor group: ana, ana:lab or :lab", REFUSED
        )
    return _owned(user, group, paths, recursive, namenode)


@click.command()
@click.argument("group", metavar="GROUP")
@_paths_argument
@_recursive_option
@namenode_option
def chgrp(group: str, paths: tuple[str, ...], recursive: bool, namenode: str | None) -> int:
    """Change the group; an owner can give what he owns to a group that he is in.

    \b
    mapred fs chgrp -R lab /books
    """
    if not group:
        raise CommandError("which group?", REFUSED)
    _check_name(group)
    return _owned("", group, paths, recursive, namenode)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise CommandError(
            f"'{name}' can't be a user or a group: letters, digits and - _ . / @ are for names",
            REFUSED,
        )


def _owned(
    user: str, group: str, paths: tuple[str, ...], recursive: bool, namenode: str | None
) -> int:
    def change(store: "BlockStore", entry: "FileStatus") -> None:
        store.chown(entry.path, user, group)

    # A directory that is given away may be closed to who gave it.
    return _each(paths, change, (lambda _: True) if recursive else None, namenode)


def _each(
    paths: tuple[str, ...],
    change: Callable[["BlockStore", "FileStatus"], None],
    last: "Callable[[FileStatus], bool] | None",
    namenode: str | None,
) -> int:
    """Changes what the paths name; with `last` (whether a directory comes after what is in it),
    what is below as well."""
    complaints = Complaints()
    with opened(namenode, *paths) as store:
        for top in each(store, paths, complaints):
            for entry in _below(store, top, last, complaints) if last else (top,):
                with complaints.about(entry.path):
                    change(store, entry)
    return complaints.code


def _below(
    store: "BlockStore",
    entry: "FileStatus",
    last: "Callable[[FileStatus], bool]",
    complaints: Complaints,
) -> Iterator["FileStatus"]:
    late = entry.is_directory and last(entry)
    if not late:
        yield entry
    if entry.is_directory:
        with complaints.about(entry.path):
            for child in store.list(entry.path):
                yield from _below(store, child, last, complaints)
    if late:
        yield entry


@click.command()
@_paths_argument
@click.option("-a", "accessed", is_flag=True, help="Only the time of access.")
@click.option("-m", "modified", is_flag=True, help="Only the time of change.")
@click.option(
    "-t", "stamp", metavar="yyyyMMdd:HHmmss", help="This time, local, and not the present one."
)
@click.option("-c", "keep_absent", is_flag=True, help="Make no file that isn't there.")
@namenode_option
def touch(
    paths: tuple[str, ...],
    accessed: bool,
    modified: bool,
    stamp: str | None,
    keep_absent: bool,
    namenode: str | None,
) -> int:
    """Set times to now, or to -t; make empty files where there are none.

    \b
    mapred fs touch -m -t 20260131:235959 /books/moby.txt
    """
    at_s = time.time() if stamp is None else _seconds(stamp)
    both = accessed == modified
    complaints = Complaints()
    with opened(namenode, *paths) as store:
        for path in map(absolute, paths):
            with complaints.about(path):
                if status_or_none(store, path) is None:
                    if keep_absent:
                        continue
                    store.put_many([(path, b"")], overwrite=False)
                store.set_times(
                    path,
                    modified_at_s=at_s if modified or both else None,
                    accessed_at_s=at_s if accessed or both else None,
                )
    return complaints.code


def _seconds(stamp: str) -> float:
    try:
        return time.mktime(time.strptime(stamp, "%Y%m%d:%H%M%S"))
    except (ValueError, OverflowError):
        raise CommandError(
            f"-t {stamp}: no time; the form is yyyyMMdd:HHmmss, as 20260131:235959", REFUSED
        ) from None
