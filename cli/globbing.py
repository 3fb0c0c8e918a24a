"""Remote paths with wildcards, by Hadoop's rules (the Javadoc of FileSystem.globStatus).

    ?       one character            [abc]    one of these       {ab,c{d,e}}  one of these words,
    *       any number of them       [a-c]    one of a range                  nested; may hold `/`
    \\c      c itself                 [^a-c]   none of these

`*`, `?` and [] stay within one name. The names of a directory come in order, each path once.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from .errors import REFUSED, CommandError

if TYPE_CHECKING:
    from blockstore import BlockStore
    from blockstore.model import FileStatus

_WILD: Final = frozenset("*?[{\\")
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
# A person types a few; "{1,2}{1,2}…" grows without end.
ALTERNATIVES_MAX: Final = 10_000


def is_glob(path: str) -> bool:
    return not _WILD.isdisjoint(path)


def matches(store: "BlockStore", pattern: str) -> list["FileStatus"]:
    """What an absolute pattern names; a plain name in it is looked up, not searched."""
    found: dict[str, FileStatus] = {}
    for plain in alternatives(pattern):
        for entry in _below(store, "/", [name for name in plain.split("/") if name]):
            found[entry.path] = entry
    return [found[path] for path in sorted(found)]


def _below(store: "BlockStore", path: str, names: list[str]) -> Iterator["FileStatus"]:
    from blockstore.errors import FileNotFoundException, ParentNotDirectoryException

    while names and not is_glob(_ESCAPED.sub("", names[0])):
        path = f"{path.rstrip('/')}/{_plain(names[0])}"
        names = names[1:]
    try:
        entry = store.stat(path)
    except (FileNotFoundException, ParentNotDirectoryException):
        return
    if not names:
        yield entry
        return
    if not entry.is_directory:
        return
    wanted = name_pattern(names[0])
    for child in store.list(path):
        if not wanted.fullmatch(child.name):
            continue
        if len(names) == 1:
            yield child
        elif child.is_directory:
            yield from _below(store, child.path, names[1:])


def alternatives(pattern: str) -> list[str]:
    """The pattern with every `{a,b}` written out.

    Raises:
        CommandError: a brace isn't closed, or there are too many.
    """
    done: list[str] = []
    waiting = [pattern]
    while waiting:
        text = waiting.pop()
        words = _first_braces(text)
        if words is None:
            done.append(text)
        else:
            waiting.extend(reversed(words))
        if len(done) + len(waiting) > ALTERNATIVES_MAX:
            raise CommandError(
                f"'{pattern}': more than {ALTERNATIVES_MAX} alternatives; use fewer braces", REFUSED
            )
    return list(dict.fromkeys(done))


def _first_braces(text: str) -> list[str] | None:
    """The text once for each word of its first braces; None when it has none."""
    start, depth, cuts = -1, 0, []
    at = 0
    while at < len(text):
        character = text[at]
        if character == "\\":
            at += 1
        elif character == "{":
            if depth == 0:
                start = at
            depth += 1
        elif depth and character == "," and depth == 1:
            cuts.append(at)
        elif depth and character == "}":
            depth -= 1
            if depth == 0:
                edges = [start, *cuts, at]
                return [
                    text[:start] + text[left + 1 : right] + text[at + 1 :]
                    for left, right in pairwise(edges)
                ]
        at += 1
    if depth:
        raise CommandError(f"'{text}': a '{{' isn't closed; write \\{{ for the sign", REFUSED)
    return None


def name_pattern(glob: str) -> re.Pattern[str]:
    """One name's glob, without braces, as a regular expression.

    Raises:
        CommandError: a bracket isn't closed.
    """
    parts: list[str] = []
    at = 0
    while at < len(glob):
        character = glob[at]
        if character == "\\" and at + 1 < len(glob):
            at += 1
            parts.append(re.escape(glob[at]))
        elif character == "*":
            parts.append(".*")
        elif character == "?":
            parts.append(".")
        elif character == "[":
            choice = re.match(r"\[(\^?)(\]?(?:\\.|[^\]\\])*)\]", glob[at:])
            if choice is None:
                raise CommandError(f"'{glob}': a '[' isn't closed; write \\[ for the sign", REFUSED)
            parts.append(f"[{choice[1]}{_inside(choice[2])}]")
            at += choice.end() - 1
        else:
            parts.append(re.escape(character))
        at += 1
    return re.compile("".join(parts), re.DOTALL)


def _inside(characters: str) -> str:
    """What stands in brackets, with nothing in it special but a range's dash."""
    return re.sub(r"([\\\[\]^&~|])", r"\\\1", _plain(characters))


def _plain(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)
