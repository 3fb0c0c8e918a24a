"""Who writes which file, since when, and when he was last heard of: for administrators.

A namespace may have hundreds of thousands of open files, and others are answered between slices
of them.
"""

from bisect import bisect_right
from collections.abc import Iterator
from itertools import islice
from typing import Final

from blockstore.model import Lease
from blockstore.namenode.closing import Closing
from blockstore.namenode.leases import client_of
from blockstore.namenode.namespace import Directory, File, Inode
from blockstore.namenode.parts import Parts
from blockstore.namenode.ready import Unfinished
from blockstore.namenode.replies import LeasePage

# Open files that are looked at in one go: some milliseconds.
SLICE_FILES: Final = 5_000


class LeaseLook:
    """How far one request for a page has come."""

    def __init__(self) -> None:
        # Inode ids that are still to be looked at, rising.
        self.left: Iterator[int] | None = None
        self.found: list[Lease] = []


class LeaseList:
    """The open files, in pages by rising inode id: pages stay right while files come and go."""

    def __init__(self, parts: Parts, closing: Closing) -> None:
        self._parts = parts
        self._closing = closing

    def page(
        self, path: str, start_after: int, limit: int, look: LeaseLook, now: float
    ) -> LeasePage:
        """Those at or below `path`.

        Raises:
            FileNotFoundException
            Unfinished: `look` has more to look at.
        """
        self._parts.access.enter(path)
        top = self._parts.names.get(path)
        if isinstance(top, Directory):
            self._parts.access.look_into(top)
        limit = min(limit or self._parts.config.list_page, self._parts.config.list_page)
        open_files = self._parts.state.open_files
        if look.left is None:
            # Newer files have higher ids, so that nearly all are in order already.
            ids = sorted(open_files)
            look.left = iter(ids[bisect_right(ids, start_after) :])
        seen = 0
        for inode_id in islice(look.left, SLICE_FILES):
            seen += 1
            file = open_files.get(inode_id)
            if file is None or not _is_below(file, top):
                continue
            if len(look.found) == limit:
                return LeasePage(tuple(look.found), has_more=True)
            look.found.append(self._lease(file, now))
        if seen == SLICE_FILES:
            raise Unfinished("more open files to look at")
        return LeasePage(tuple(look.found), has_more=False)

    def _lease(self, file: File, now: float) -> Lease:
        opening = self._parts.state.openings[file.id]
        path = self._parts.names.path_of(file)
        if file.writer:
            silence_s = self._parts.leases.silence_s(file.writer, now)
            return Lease(path, client_of(file.writer), opening.at_s, silence_s, "", file.id)
        waiting_for = self._closing.what_recovery_waits_for(file)
        return Lease(path, "", opening.at_s, 0.0, waiting_for, file.id)


def _is_below(file: File, top: Inode) -> bool:
    inode: File | Directory | None = file
    while inode is not None and inode is not top:
        inode = inode.parent
    return inode is top
