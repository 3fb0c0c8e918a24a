"""The blocks of nodes that are to go, looked at a slice at a time: first what would be lost, then,
when they're sent, each block anew.

Others are answered between slices. A block that comes or goes meanwhile is judged by what is
reported of it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from blockstore.namenode.namespace import StoredBlock
from blockstore.namenode.ready import Unfinished


class LeaveLook:
    """What one request to send nodes away would leave without enough copies."""

    def __init__(self) -> None:
        self._left: Iterator[int] | None = None
        # How many blocks want how many replicas, and the bytes of all of them.
        self.wanted: Counter[int] = Counter()
        self.need_bytes = 0

    def go_through(
        self,
        blocks: Callable[[], Iterable[int]],
        lacking: Callable[[int], tuple[StoredBlock, int] | None],
        limit: int,
    ) -> None:
        """`blocks`: those of the nodes, asked for once, while they may change; `lacking`: a block
        that needs copies, and how many its file wants.

        Raises:
            Unfinished: there are more to look at.
        """
        if self._left is None:
            self._left = iter(blocks())
        seen = 0
        for block_id in islice(self._left, limit):
            seen += 1
            if found := lacking(block_id):
                stored, wanted = found
                self.wanted[wanted] += 1
                self.need_bytes += stored.length
        if seen == limit:
            raise Unfinished("more blocks to look at")


class Leaving:
    """Nodes whose duty has changed, and which of their blocks are still to be looked at."""

    def __init__(self) -> None:
        self._left: dict[str, Iterator[int]] = {}

    def begin(self, node_id: str, blocks: Iterable[int]) -> None:
        """`blocks` may change meanwhile."""
        self._left[node_id] = iter(blocks)

    def __bool__(self) -> bool:
        return bool(self._left)

    def some(self, most: int) -> Iterator[tuple[str, int]]:
        """The next (node, block) pairs."""
        for node_id, blocks in tuple(self._left.items()):
            for block_id in islice(blocks, most):
                most -= 1
                yield node_id, block_id
            if not most:
                return
            del self._left[node_id]

    def is_looked_at(self, node_id: str) -> bool:
        return node_id not in self._left
