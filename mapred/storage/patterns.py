"""Globs over any file system: *, ?, [] within a name, {a,b} anywhere, ** for any depth.

Hadoop's rules where it has them: `*` doesn't match hidden names (leading `.` or `_`) unless
the pattern's part starts with that character.
"""

import fnmatch
import re
from collections.abc import Callable, Iterator
from typing import Final

from mapred.storage.port import FileInfo

_MAGIC: Final = re.compile(r"[*?\[{]")


def is_pattern(path: str) -> bool:
    return _MAGIC.search(path) is not None


def alternatives(pattern: str) -> list[str]:
    """`a{b,c{d,e}}` as ["ab", "acd", "ace"]; braces that don't close stand for themselves."""
    start = pattern.find("{")
    while start >= 0:
        parts, end = _brace(pattern, start)
        if end >= 0:
            head, tail = pattern[:start], pattern[end + 1 :]
            return [
                one
                for part in parts
                for inner in alternatives(part)
                for one in alternatives(head + inner + tail)
            ]
        start = pattern.find("{", start + 1)
    return [pattern]


def _brace(pattern: str, start: int) -> tuple[list[str], int]:
    """What stands between the commas of a brace, and where it closes (-1: it doesn't)."""
    parts: list[str] = []
    depth, begin = 0, start + 1
    for at in range(start, len(pattern)):
        letter = pattern[at]
        if letter == "{":
            depth += 1
        elif letter == "}":
            depth -= 1
            if depth == 0:
                return [*parts, pattern[begin:at]], at
        elif letter == "," and depth == 1:
            parts.append(pattern[begin:at])
            begin = at + 1
    return [], -1


def expand(
    pattern: str,
    *,
    entries: Callable[[str], list[FileInfo]],
    stat: Callable[[str], FileInfo],
) -> list[FileInfo]:
    """What matches, sorted by URI; `entries` and `stat` are a file system's."""
    found: dict[str, FileInfo] = {}
    for one in alternatives(pattern):
        head = _MAGIC.split(one, maxsplit=1)[0]
        root = head.rpartition("/")[0]
        rest = one[len(root) + 1 :].split("/")
        for info in _walk(root, [part for part in rest if part], entries, stat):
            found[info.uri] = info
    return [found[uri] for uri in sorted(found)]


def _walk(
    root: str,
    parts: list[str],
    entries: Callable[[str], list[FileInfo]],
    stat: Callable[[str], FileInfo],
) -> Iterator[FileInfo]:
    first, rest = parts[0], parts[1:]
    if not is_pattern(first):
        try:
            info = stat(f"{root}/{first}")
        except (FileNotFoundError, NotADirectoryError):
            return
        yield from _below(info, rest, entries, stat)
        return
    try:
        inside = entries(root or "/")
    except (FileNotFoundError, NotADirectoryError):
        return
    for info in inside:
        if first == "**":
            if info.is_directory and not _hidden(info.name, first):
                yield from _walk(info.uri, parts, entries, stat)
            if rest and fnmatch.fnmatchcase(info.name, rest[0]) and not _hidden(info.name, rest[0]):
                yield from _below(info, rest[1:], entries, stat)
        elif fnmatch.fnmatchcase(info.name, first) and not _hidden(info.name, first):
            yield from _below(info, rest, entries, stat)


def _below(
    info: FileInfo,
    rest: list[str],
    entries: Callable[[str], list[FileInfo]],
    stat: Callable[[str], FileInfo],
) -> Iterator[FileInfo]:
    if not rest:
        yield info
    elif info.is_directory:
        yield from _walk(info.uri, rest, entries, stat)


def _hidden(name: str, part: str) -> bool:
    return name[:1] in "._" and part[:1] != name[:1]
