"""What lies below a path, counted a slice at a time.

The tree may change between slices: what is moved meanwhile may be counted twice or not at all,
what is removed or made may be counted or not. A tree that rests is counted right.
"""

from typing import Final

from blockstore.model import Summary
from blockstore.namenode.access import Access
from blockstore.namenode.namespace import Directory, Inode

# Inodes in a slice: some milliseconds.
SLICE_INODES: Final = 5_000


class SummaryWalk:
    """A walk that can be left off at any inode."""

    def __init__(self, top: Inode) -> None:
        self._waiting = [top]
        self._directories = self._files = self._bytes = self._replicated = 0

    def go_on(self, access: Access, limit: int = SLICE_INODES) -> Summary | None:
        """Counts some more; the sums when it has come to the end.

        Raises:
            AccessControlException: the caller may not look into one of the directories.
        """
        for _ in range(limit):
            if not self._waiting:
                return Summary(self._directories, self._files, self._bytes, self._replicated)
            inode = self._waiting.pop()
            if isinstance(inode, Directory):
                access.look_into(inode)
                self._directories += 1
                self._waiting.extend(inode.children.values())
            else:
                size = inode.length
                self._files += 1
                self._bytes += size
                self._replicated += size * inode.replication
        return None
