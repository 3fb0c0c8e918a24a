"""URIs as the engine writes them, and how paths that users type become URIs.

    file:///home/ana/a b.txt      the path as it is: nothing is percent-encoded
    bs://host:8020/logs/2026      NameNode, then the path

A path without a scheme means the default file system, `file://` or `bs://host:port`. There
it is taken from the working directory (local) or from `/` (block store).
"""

import os
import posixpath
import re
from typing import Final

LOCAL: Final = "file"
BLOCK_STORE: Final = "bs"
# In a block store: below it everybody keeps the code and the scratch outputs of his jobs.
USERS_DIRECTORY: Final = "system/mapred/users"

# Of fsspec: one file system inside another, zip://a.csv::file:///b.zip.
_CHAIN: Final = re.compile(r"::[a-z][a-z0-9+.-]*://", re.ASCII)
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
        ValueError: bs:///path without a NameNode, where none is known; a chain of file systems.
    """
    scheme = scheme_of(typed)
    if chain := _CHAIN.search(typed):
        raise ValueError(
            f"a file system inside another ({chain.group()}) isn't read. Unpack it, and name what "
            "was in it"
        )
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


def _tidy(uri: str) -> str:
    """Without empty and dotted parts."""
    path = posixpath.normpath(path_of(uri))
    return f"{scheme_of(uri)}://{authority_of(uri)}{path}"
