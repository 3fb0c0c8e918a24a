"""How healthy the blocks of files are, a page of files at a time.

States of a block
- "missing": no good replica; "corrupt": none, and somebody has a damaged one.
- "under-replicated": fewer good replicas than the file wants; "misplaced": enough, but the loss
  of one rack would take all of them, and there are more racks.
- "open": being written; else "healthy".

A page ends after so many files or blocks; the next begins after the last path of it, whatever
has come and gone meanwhile.
"""

from collections.abc import Callable, Iterator
from typing import Final

from blockstore.model import FsckBlock, FsckFile, FsckReport
from blockstore.namenode import paths
from blockstore.namenode.blockmap import Kind
from blockstore.namenode.moment import Moment, moment
from blockstore.namenode.namespace import Directory, File, Inode, StoredBlock
from blockstore.namenode.parts import Parts
from blockstore.namenode.reading import last_holders

# Some ten milliseconds of the event loop.
PAGE_FILES: Final = 1_000
PAGE_BLOCKS: Final = 5_000


def page(parts: Parts, path: str, after: str, now: float) -> FsckReport:
    """The files below a path in order of their names, after a path (empty: from the first).

    Raises:
        FileNotFoundException: there is no such path.
        AccessControlException: the caller may not look there.
    """
    parts.access.enter(path)
    present = moment(parts.nodes, parts.state.roster, now)
    top = parts.names.get(path)
    found: list[FsckFile] = []
    blocks = 0
    for file in files_after(top, _names_below(path, after), parts.access.look_into):
        if len(found) >= PAGE_FILES or blocks >= PAGE_BLOCKS:
            return _report(found, resume_after=found[-1].path)
        found.append(of_file(parts, file, present))
        blocks += len(file.blocks)
    return _report(found, resume_after="")


def _report(found: list[FsckFile], *, resume_after: str) -> FsckReport:
    bad = any(block.state in ("missing", "corrupt") for file in found for block in file.blocks)
    return FsckReport(tuple(found), "corrupt" if bad else "healthy", resume_after)


def _names_below(path: str, after: str) -> tuple[str, ...]:
    return tuple(paths.split(after)[len(paths.split(path)) :]) if after else ()


def files_after(
    top: Inode, names: tuple[str, ...], may_enter: Callable[[Directory], None]
) -> Iterator[File]:
    """Files in order of their names, directory by directory; those up to `names` are left out."""
    if isinstance(top, File):
        yield top
        return
    may_enter(top)
    for name in top.following(names[0] if names else "", including=True):
        child, is_on_the_way = top.children[name], bool(names) and name == names[0]
        if isinstance(child, Directory):
            yield from files_after(child, names[1:] if is_on_the_way else (), may_enter)
        elif not is_on_the_way:
            yield child


def of_file(parts: Parts, file: File, present: Moment) -> FsckFile:
    return FsckFile(
        parts.names.path_of(file),
        file.length,
        file.replication,
        tuple(_of_block(parts, block, file, present) for block in file.blocks),
        file.is_open,
    )


def _of_block(parts: Parts, stored: StoredBlock, file: File, present: Moment) -> FsckBlock:
    value, good = stored.value(), parts.blocks.good(stored.id)
    nodes = parts.nodes.nodes(good)
    if not stored.committed:
        # What isn't finished isn't reported: who is heard of counts as writing it.
        here = tuple(n for n in stored.pipeline if parts.nodes.is_live(n.node_id, present.now))
        gone = tuple(one for one in last_holders(parts, stored) if one.node not in here)
        return FsckBlock(value, here, "open", gone)
    if not good:
        damaged = any(odd.kind is Kind.CORRUPT for odd in parts.blocks.odd(stored.id).values())
        state = "corrupt" if damaged else "missing"
        return FsckBlock(value, nodes, state, last_holders(parts, stored))
    if len(good) < file.replication:
        return FsckBlock(value, nodes, "under-replicated", last_holders(parts, stored))
    return FsckBlock(
        value, nodes, "misplaced" if present.is_misplaced(good, file.replication) else "healthy"
    )
