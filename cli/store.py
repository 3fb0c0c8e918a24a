"""The block store as the file commands reach it: found, announced, checked, opened.

Paths (`/logs/today`) may name their store: `bs://HOST:PORT/logs/today`.
"""

import contextlib
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

import click

from . import addresses
from .addresses import NAMENODE
from .complaints import Complaints
from .errors import REFUSED, CommandError, hear_clients
from .globbing import is_glob, matches

if TYPE_CHECKING:
    from blockstore import BlockStore
    from blockstore.client.batch import Pending
    from blockstore.model import FileStatus

SCHEME: Final = "bs://"
# Any: what it may be.
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")

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

    hear_clients()
    from blockstore import BlockStore

    with BlockStore(str(address), policy=addresses.FIRST_CONTACT) as store:
        yield store


def check_text(name: str) -> None:
    """Raises CommandError: its bytes are no UTF-8, as names in the store are."""
    try:
        name.encode()
    except UnicodeEncodeError:
        words = f"{name!a} is no UTF-8 text, as names in the store are; rename it"
        raise CommandError(words, REFUSED) from None


def is_uri(path: str) -> bool:
    return path.startswith(SCHEME)


def absolute(path: str) -> str:
    """The path inside its store; as in job inputs, a relative one is taken from `/`.

    Raises:
        CommandError: it is empty, of another file system, or no text.
    """
    if not path:
        raise CommandError("an empty path; the root is /", REFUSED)
    if not is_uri(path) and (scheme := _SCHEME.match(path)):
        raise CommandError(
            f"{scheme[0]}… is no path of the block store: those are /PATH or bs://HOST:PORT/PATH",
            REFUSED,
        )
    check_text(path)
    if is_uri(path):
        path = path.removeprefix(SCHEME).partition("/")[2]
    return posixpath.normpath("/" + path.strip("/"))


def expand(store: "BlockStore", pattern: str) -> list["FileStatus"]:
    """What the path or glob names (see globbing.py), in order.

    Raises:
        FileNotFoundException: a plain path that doesn't exist.
        CommandError: a glob that matches nothing.
    """
    path = absolute(pattern)
    if not is_glob(path):
        return [store.stat(path)]
    found = matches(store, path)
    if not found:
        raise CommandError(f"{path}: nothing matches")
    return found


def each(
    store: "BlockStore", patterns: Iterable[str], complaints: Complaints
) -> Iterator["FileStatus"]:
    """What all of them name; one that names nothing is complained about."""
    for pattern in patterns:
        with complaints.about(absolute(pattern)):
            yield from expand(store, pattern)


def status_or_none(store: "BlockStore", path: str) -> "FileStatus | None":
    from blockstore.errors import FileNotFoundException

    try:
        return store.stat(path)
    except FileNotFoundException:
        return None


def result_or_none(asked: "Pending[FileStatus]") -> "FileStatus | None":
    """As `status_or_none`, of a path that was asked for in a batch."""
    from blockstore.errors import FileNotFoundException

    try:
        return asked.result()
    except FileNotFoundException:
        return None


def walk(
    store: "BlockStore", entry: "FileStatus", complaints: Complaints
) -> Iterator["FileStatus"]:
    """The entry and all below it: a directory before what is in it. One that can't be looked
    into is complained about."""
    yield entry
    if entry.is_directory:
        with complaints.about(entry.path):
            for child in store.list(entry.path):
                yield from walk(store, child, complaints)
