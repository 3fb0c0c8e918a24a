"""What lies below a path, looked at a slice at a time: to count it, or to remove it.

The tree may change between slices: what is moved meanwhile may be counted twice or not at all,
what is removed or made may be counted or not. A tree that rests is counted right. What somebody
makes in a tree while it is looked through is removed with it.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from blockstore.model import Summary
from blockstore.namenode.access import Access
from blockstore.namenode.namespace import Directory, Inode
from blockstore.namenode.ready import Unfinished

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


class RemovalLook:
    """Whether one caller may remove what stands at a path, with all that is below."""

    def __init__(self) -> None:
        self._top: Inode | None = None
        self._steps: Iterator[None] = iter(())

    def go_through(self, top: Inode, access: Access, limit: int = SLICE_INODES) -> None:
        """Raises:
        AccessControlException: he may not.
        Unfinished: there is more to look at.
        """
        if top is not self._top:
            self._top, self._steps = top, access.taking_tree(top)
        if sum(1 for _ in islice(self._steps, limit)) == limit:
            raise Unfinished(f"{top} has more")
