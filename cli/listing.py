"""Files as `ls`, `stat`, `du`, `count` and `df` print them."""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from blockstore.model import FileStatus, Summary

# So many lines of `ls` have columns of one width: a long listing begins at once.
PAGE_LINES: Final = 1000

_UNITS = ("", "K", "M", "G", "T", "P", "E")


def human(size: int) -> str:
    """Bytes in binary units, three digits: 999, 1.5 K, 128 M."""
    amount = float(size)
    for unit in _UNITS:
        if amount < 999.5 or unit == _UNITS[-1]:
            break
        amount /= 1024
    digits = f"{amount:.1f}" if unit and amount < 10 else f"{amount:.0f}"
    return f"{digits} {unit}".rstrip()


def size_format(*, readable: bool) -> Callable[[int], str]:
    return human if readable else str


@dataclass(frozen=True, slots=True)
class Columns:
    """What `ls` shows of an entry, beside what it always does."""

    readable: bool = False
    # The time of access, not of change.
    by_access: bool = False
    # How the bytes of files are kept.
    with_policy: bool = False


def listing(entries: Iterable[FileStatus], columns: Columns) -> list[str]:
    """One line an entry, as Hadoop's: mode, replication, owner, group, bytes, date, time, path."""
    shown = size_format(readable=columns.readable)
    rows = [(entry, "-" if entry.is_directory else shown(entry.length)) for entry in entries]
    width = max((len(size) for _, size in rows), default=0)
    owners = max((len(entry.permission.owner) for entry, _ in rows), default=0)
    groups = max((len(entry.permission.group) for entry, _ in rows), default=0)
    return [
        f"{letters(entry)}  {'-' if entry.is_directory else entry.replication:>3}  "
        f"{entry.permission.owner:<{owners}}  {entry.permission.group:<{groups}}  "
        f"{_policy(entry) if columns.with_policy else ''}"
        f"{size:>{width}}  {when(_time_of(entry, by_access=columns.by_access))}  {entry.path}"
        for entry, size in rows
    ]


def _policy(entry: FileStatus) -> str:
    return f"{'' if entry.is_directory else 'Replicated':<10}  "


def _time_of(entry: FileStatus, *, by_access: bool) -> float:
    return entry.accessed_at_s if by_access else entry.modified_at_s


def in_print(line: str) -> str:
    """With ? for every character that a terminal might obey."""
    return "".join(character if character.isprintable() else "?" for character in line)


def letters(entry: FileStatus) -> str:
    """Kind and mode: drwxr-xr-x."""
    return ("d" if entry.is_directory else "-") + entry.permission.letters


def when(at_s: float) -> str:
    """Local time, to the minute."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at_s))


def in_pages(entries: Iterable[FileStatus]) -> Iterator[list[FileStatus]]:
    entries = iter(entries)
    while page := list(islice(entries, PAGE_LINES)):
        yield page


def in_order(
    *, by_time: bool, by_size: bool, backwards: bool, by_access: bool = False
) -> Callable[[Iterable[FileStatus]], Iterator[FileStatus]]:
    """What puts the entries of one directory, which come by name, in order."""

    def sort(entries: Iterable[FileStatus]) -> Iterator[FileStatus]:
        if by_time:
            entries = sorted(
                entries, key=lambda entry: _time_of(entry, by_access=by_access), reverse=True
            )
        elif by_size:
            entries = sorted(entries, key=lambda entry: entry.length, reverse=True)
        return iter(list(entries)[::-1] if backwards else entries)

    return sort


def table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Columns that line up: numbers at their right, the last one as it is."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([*(f"{cell:>{w}}" for cell, w in zip(row, widths[:-1], strict=False)), row[-1]])
        for row in rows
    ]


def usage(
    summaries: Iterable[tuple[str, Summary]], *, readable: bool, with_head: bool = False
) -> list[str]:
    """One line a path: bytes, bytes with replication, path."""
    shown = size_format(readable=readable)
    head = [("SIZE", "WITH_COPIES", "PATH")] if with_head else []
    rows = [(shown(sum_.bytes), shown(sum_.replicated_bytes), path) for path, sum_ in summaries]
    return table(head + rows)


def counts(
    summaries: Iterable[tuple[str, Summary]],
    *,
    readable: bool,
    quotas: bool,
    with_head: bool,
    sums: bool = True,
) -> list[str]:
    """One line a path: quotas and what is left of them, directories, files, bytes, path."""
    shown = size_format(readable=readable)
    titles: tuple[str, ...] = ()
    if quotas:
        titles = ("QUOTA", "REM_QUOTA", "SPACE_QUOTA", "REM_SPACE_QUOTA")
    # As Hadoop shows a directory without quotas.
    limits = ("none", "inf", "none", "inf") if quotas else ()
    if sums:
        titles = (*titles, "DIR_COUNT", "FILE_COUNT", "CONTENT_SIZE")
    head = [(*titles, "PATHNAME")] if with_head else []
    rows = [
        (
            *limits,
            *((str(sum_.directories), str(sum_.files), shown(sum_.bytes)) if sums else ()),
            path,
        )
        for path, sum_ in summaries
    ]
    return table([*head, *rows])


def room(name: str, *, capacity: int, used: int, free: int, readable: bool) -> list[str]:
    """Bytes of a whole store: size, used, available, used of size."""
    shown = size_format(readable=readable)
    share = f"{used / capacity:.0%}" if capacity else "0%"
    return table(
        [
            ("Size", "Used", "Available", "Use%", "Filesystem"),
            (shown(capacity), shown(used), shown(free), share, name),
        ]
    )


def formatted(entry: FileStatus, form: str) -> str:
    """Hadoop's `stat FORMAT`; an unknown % sequence stays as it is."""
    values = _values(entry)
    return re.sub(r"%(.)", lambda found: values.get(found[1], found[0]), form)


def _values(entry: FileStatus) -> dict[str, str]:
    return {
        "a": f"{entry.permission.mode:o}",
        "A": entry.permission.letters,
        "g": entry.permission.group,
        "u": entry.permission.owner,
        "x": utc(entry.accessed_at_s),
        "X": str(round(entry.accessed_at_s * 1000)),
        "%": "%",
        "b": str(entry.length),
        "F": "directory" if entry.is_directory else "regular file",
        "n": entry.name,
        "o": str(entry.block_bytes),
        "r": str(entry.replication),
        "y": utc(entry.modified_at_s),
        "Y": str(round(entry.modified_at_s * 1000)),
    }


def utc(at_s: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at_s))


def details(entry: FileStatus) -> list[str]:
    """Every field of one entry, a line each."""
    lines = [f"{entry.path}", f"  inode        {entry.inode_id}"]
    lines.append(f"  mode         {letters(entry)} ({entry.permission.mode:04o})")
    lines.append(f"  owner        {entry.permission.owner}:{entry.permission.group}")
    lines.append(f"  modified     {when(entry.modified_at_s)}")
    if entry.is_directory:
        return [*lines, f"  directory    {entry.children} entries"]
    blocks = -(-entry.length // entry.block_bytes) if entry.block_bytes else 0
    return [
        *lines,
        f"  accessed     {when(entry.accessed_at_s)}",
        f"  length       {entry.length} bytes ({human(entry.length)})",
        f"  blocks       {blocks} of {human(entry.block_bytes)}",
        f"  replication  {entry.replication}",
        f"  state        {'being written' if entry.under_construction else 'closed'}",
    ]


def as_object(entry: FileStatus) -> dict[str, object]:
    """For --json; owner, group and mode (octal) stand beside the rest."""
    known = {name: getattr(entry, name) for name in FileStatus.__slots__ if name != "permission"}
    permission = entry.permission
    return {
        **known,
        "owner": permission.owner,
        "group": permission.group,
        "mode": f"{permission.mode:04o}",
    }
