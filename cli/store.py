"""The block store as the file commands reach it: found, announced, checked, opened.

Paths (`/logs/today`) may name their store: `bs://HOST:PORT/logs/today`.
"""

import contextlib
import fnmatch
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import click

from . import addresses
from .addresses import NAMENODE
from .errors import REFUSED, CommandError

if TYPE_CHECKING:
    from blockstore import BlockStore
    from blockstore.model import FileStatus

SCHEME: Final = "bs://"
_WILD: Final = frozenset("*?[")

namenode_option: Final[Callable[[Callable[..., Any]], Callable[..., Any]]] = (
    addresses.namenode_option
)


@contextlib.contextmanager
def opened(namenode: str | None, *paths: str) -> Iterator["BlockStore"]:
    """The block store that the paths name, or that is found by the rules of addresses.py.

    `namenode` is the command's option; the group's counts where it isn't given.

    Raises:
        UnreachableException: nobody answers there.
        CommandError: the paths name two stores.
    """
    namenode = namenode or click.get_current_context().obj
    named = {path.removeprefix(SCHEME).partition("/")[0] for path in paths if is_uri(path)} - {""}
    if len(named) > 1:
        raise CommandError(f"paths of two block stores: {', '.join(sorted(named))}", REFUSED)
    address = addresses.find_or_default(NAMENODE, named.pop() if named else namenode)
    addresses.check_reachable(address)
    addresses.announce(address)

    from blockstore import BlockStore

    with BlockStore(str(address), policy=addresses.FIRST_CONTACT) as store:
        yield store


def is_uri(path: str) -> bool:
    return path.startswith(SCHEME)


def absolute(path: str) -> str:
    """The path inside its store; as in job inputs, a relative one is taken from `/`."""
    if is_uri(path):
        path = path.removeprefix(SCHEME).partition("/")[2]
    return "/" + path.strip("/")


def expand(store: "BlockStore", pattern: str) -> list["FileStatus"]:
    """What the path or glob names (*, ? and [] within one name), in order.

    Raises:
        FileNotFoundException: a plain path that doesn't exist.
        CommandError: a glob that matches nothing.
    """
    path = absolute(pattern)
    if not _WILD & set(path):
        return [store.stat(path)]
    found = [store.stat("/")]
    for name in path.strip("/").split("/"):
        found = [
            entry
            for directory in found
            if directory.is_directory
            for entry in store.list(directory.path)
            if fnmatch.fnmatchcase(entry.name, name)
        ]
    if not found:
        raise CommandError(f"{path}: nothing matches")
    return found


def below(
    store: "BlockStore", entry: "FileStatus", *, recursive: bool, itself: bool
) -> Iterator["FileStatus"]:
    """A file or, of a directory, its entries; `itself`: the directory alone."""
    if not entry.is_directory or itself:
        yield entry
        return
    for child in store.list(entry.path):
        yield child
        if recursive and child.is_directory:
            yield from below(store, child, recursive=True, itself=False)
