"""URIs as the engine writes them, and how paths that users type become URIs.

    file:///home/ana/a b.txt      the path as it is: nothing is percent-encoded
    bs://host:8020/logs/2026      NameNode, then the path

A path without a scheme means the default file system, `file://` or `bs://host:port`. There
it is taken from the working directory (local) or from `/` (block store).

A file system inside another, which fsspec writes as a chain, has its path at its end here, too,
for names to be joined to it; the chain without it is percent-encoded, where others have their host:

    zip://a/b.csv::https://host/c.zip       zip://::zip%3A%2F%2F%3A%3Ahttps…c.zip/a/b.csv
    simplecache::https://host/a/b.csv       simplecache://::simplecache%3A%3Ahttps…host/a/b.csv
"""

import os
import posixpath
import re
from typing import Final
from urllib.parse import quote, unquote

LOCAL: Final = "file"
BLOCK_STORE: Final = "bs"
# In a block store: below it everybody keeps the code and the scratch outputs of his jobs.
USERS_DIRECTORY: Final = "system/mapred/users"

_LINK: Final = "::"
# What isn't an archive may have a path with colons in it.
_CHAIN: Final = re.compile(
    r"(zip|tar|libarchive)://.*?::.|"
    r"[a-z][a-z0-9+.-]*(://.*?)?::([a-z][a-z0-9+.-]*::)*[a-z][a-z0-9+.-]*://",
    re.ASCII,
)
_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]*)://", re.ASCII)


def scheme_of(uri: str) -> str:
    """ "" for a path."""
    match = _SCHEME.match(uri)
    return match.group(1) if match else ""


def authority_of(uri: str) -> str:
    """host:port of bs://host:port/path, or "" ."""
    rest = uri[len(scheme_of(uri)) + 3 :]
    return rest.partition("/")[0]


def path_of(uri: str) -> str:
    """/path of file:///path and bs://host:port/path."""
    rest = uri[len(scheme_of(uri)) + 3 :]
    return "/" + rest.partition("/")[2]


def join(uri: str, *names: str) -> str:
    return "/".join((uri.rstrip("/"), *names))


def parent_of(uri: str) -> str:
    return uri.rstrip("/").rpartition("/")[0]


def name_of(uri: str) -> str:
    return uri.rstrip("/").rpartition("/")[2]


def local_uri(path: str) -> str:
    return f"{LOCAL}://{os.path.abspath(path)}"


def qualified(typed: str, default_filesystem: str) -> str:
    """The URI that a word of the command line means.

    Raises:
        ValueError: bs:///path without a NameNode, where none is known.
    """
    if _CHAIN.match(typed) and "://" not in chain_of(typed):
        return _unchained(typed, default_filesystem)
    scheme = scheme_of(typed)
    if scheme == LOCAL:
        return local_uri(path_of(typed))
    if scheme == BLOCK_STORE:
        if authority_of(typed):
            return _tidy(typed)
        if scheme_of(default_filesystem) != BLOCK_STORE:
            raise ValueError(
                f"'{typed}' names no NameNode, and none is known: write bs://HOST:PORT/path, "
                "or say --namenode HOST:PORT"
            )
        return _tidy(default_filesystem.rstrip("/") + path_of(typed))
    if scheme:
        return typed
    if scheme_of(default_filesystem) == LOCAL:
        return local_uri(os.path.expanduser(typed))
    return _tidy(f"{default_filesystem.rstrip('/')}/{typed.lstrip('/')}")


def _unchained(typed: str, default_filesystem: str) -> str:
    links = typed.split(_LINK)
    links[-1] = qualified(links[-1], default_filesystem)
    at = _with_path(links)
    scheme, _, path = links[at].partition("://")
    if at == len(links) - 1:
        path = path_of(links[at])
        links[at] = links[at].removesuffix(path)
    else:
        links[at] = f"{scheme}://"
    first = scheme_of(links[0]) or links[0]
    return f"{first}://{_LINK}{quote(_LINK.join(links), safe='')}/{path.lstrip('/')}".rstrip("/")


def chain_of(uri: str) -> str:
    """As fsspec has it, without the path; "" if the URI is of no file system inside another."""
    authority = authority_of(uri)
    return unquote(authority.removeprefix(_LINK)) if authority.startswith(_LINK) else ""


def path_in_chain(uri: str) -> str:
    """With the scheme, and the host, of the file system of the chain whose path it is."""
    links = chain_of(uri).split(_LINK)
    at = _with_path(links)
    path = path_of(uri)
    return links[at] + (path if at == len(links) - 1 else path[1:])


def as_typed(uri: str) -> str:
    """A chain as it was named; any other URI as it is."""
    if not (chain := chain_of(uri)):
        return uri
    links = chain.split(_LINK)
    links[_with_path(links)] = path_in_chain(uri)
    return _LINK.join(links)


def _with_path(links: list[str]) -> int:
    return next(at for at, link in enumerate(links) if "://" in link)


def _tidy(uri: str) -> str:
    """Without empty and dotted parts."""
    path = posixpath.normpath(path_of(uri))
    return f"{scheme_of(uri)}://{authority_of(uri)}{path}"
