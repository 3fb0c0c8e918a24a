"""Files as `ls`, `stat` and `du` print them."""

import time
from collections.abc import Callable, Iterable

from blockstore.model import FileStatus, Summary

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


def listing(entries: Iterable[FileStatus], *, readable: bool) -> list[str]:
    """One line an entry, as Hadoop's: mode, replication, owner, group, bytes, date, time, path."""
    shown = size_format(readable=readable)
    rows = [(entry, "-" if entry.is_directory else shown(entry.length)) for entry in entries]
    width = max((len(size) for _, size in rows), default=0)
    owners = max((len(entry.permission.owner) for entry, _ in rows), default=0)
    groups = max((len(entry.permission.group) for entry, _ in rows), default=0)
    return [
        f"{letters(entry)}  {'-' if entry.is_directory else entry.replication:>3}  "
        f"{entry.permission.owner:<{owners}}  {entry.permission.group:<{groups}}  "
        f"{size:>{width}}  {when(entry.modified_at_s)}  {entry.path}"
        for entry, size in rows
    ]


def letters(entry: FileStatus) -> str:
    """Kind and mode: drwxr-xr-x."""
    return ("d" if entry.is_directory else "-") + entry.permission.letters


def when(at_s: float) -> str:
    """Local time, to the minute."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at_s))


def usage(summaries: Iterable[tuple[str, Summary]], *, readable: bool) -> list[str]:
    """One line a path: bytes, bytes with replication, path."""
    shown = size_format(readable=readable)
    rows = [(shown(sum_.bytes), shown(sum_.replicated_bytes), path) for path, sum_ in summaries]
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    return [f"{size:<{widths[0]}}  {total:<{widths[1]}}  {path}" for size, total, path in rows]


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
