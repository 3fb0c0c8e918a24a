"""Who writes which file, since when, and when he was last heard of: for administrators."""

from heapq import nsmallest

from blockstore.model import Lease
from blockstore.namenode.closing import Closing
from blockstore.namenode.leases import client_of
from blockstore.namenode.namespace import Directory, File, Inode
from blockstore.namenode.parts import Parts
from blockstore.namenode.replies import LeasePage


class LeaseList:
    """The open files, in pages by rising inode id: pages stay right while files come and go."""

    def __init__(self, parts: Parts, closing: Closing) -> None:
        self._parts = parts
        self._closing = closing

    def page(self, path: str, start_after: int, limit: int, now: float) -> LeasePage:
        """Those at or below `path`.

        Raises:
            FileNotFoundException
        """
        self._parts.access.enter(path)
        top = self._parts.names.get(path)
        if isinstance(top, Directory):
            self._parts.access.look_into(top)
        limit = min(limit or self._parts.config.list_page, self._parts.config.list_page)
        below = (
            file
            for file in self._parts.state.open_files.values()
            if file.id > start_after and _is_below(file, top)
        )
        files = nsmallest(limit + 1, below, key=lambda file: file.id)
        leases = tuple(self._lease(file, now) for file in files[:limit])
        return LeasePage(leases, len(files) > limit)

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
