"""Closed files made shorter.

Rules
- Whole blocks beyond the new end are dropped at once.
- A block that the new end goes through is cut by a recovery (closing.py) whose length is given:
  it gets a new stamp, and a replica that missed the cut is stale. Until then the file is open,
  without a writer; readers see the new length from the beginning.
- The bytes below the new end are touched by nobody.
- A repeated request tells how far the first one is.
"""

from collections.abc import Sequence

from blockstore.errors import InvalidRequestException
from blockstore.model import Block, Node
from blockstore.namenode.appending import Appending
from blockstore.namenode.closing import Closing
from blockstore.namenode.entries import Truncated
from blockstore.namenode.namespace import File, StoredBlock
from blockstore.namenode.parts import Parts
from blockstore.namenode.replies import Completion


class Truncating:
    """Files on their way to a smaller length."""

    def __init__(self, parts: Parts, appending: Appending, closing: Closing) -> None:
        self._parts = parts
        self._appending = appending
        self._closing = closing

    def truncate(
        self, path: str, length: int, *, request_id: str, now: float, wall: float
    ) -> Completion:
        """Done at once, or begun.

        Raises:
            InvalidRequestException: the file is shorter.
            AlreadyBeingCreatedException: somebody writes it.
            BlockMissingException: the block at the new end has no live replica.
        """
        before = self._parts.state.requests.get(request_id)
        if isinstance(before, Truncated):
            return self._progress(before)
        file = self._appending.closed(path, now)
        if not 0 <= length <= file.length:
            raise InvalidRequestException(
                f"'{path}' has {file.length} bytes: it can't be cut to {length}"
            )
        kept, cut = place_of_cut(file.blocks, length)
        if cut is None and kept == len(file.blocks):
            return Completion(True)
        nodes: tuple[Node, ...] = ()
        if cut is not None:
            nodes = self._appending.holders(file.blocks[kept - 1], path, now)
        self._record(file, Truncated(file.id, kept, cut, nodes, wall, request_id))
        return self._closing.recover(file, now=now, wall=wall)

    def _record(self, file: File, entry: Truncated) -> None:
        last = file.blocks[entry.kept - 1] if entry.cut is not None else None
        before = last.value() if last is not None else None
        self._parts.record(entry)
        if last is not None and before is not None:
            self._parts.settle(last, before)

    def _progress(self, entry: Truncated) -> Completion:
        file = self._parts.names.inodes.get(entry.inode_id)
        opening = self._parts.state.openings.get(entry.inode_id)
        if not isinstance(file, File) or opening is None or not opening.is_cut:
            return Completion(True)
        return Completion(False, self._closing.what_recovery_waits_for(file))


def place_of_cut(blocks: Sequence[StoredBlock], length: int) -> tuple[int, Block | None]:
    """How many blocks stay, and the last of them with its new length if that is cut."""
    start = 0
    for index, block in enumerate(blocks):
        if start == length:
            return index, None
        if start + block.length > length:
            return index + 1, Block(block.id, block.generation, length - start)
        start += block.length
    return len(blocks), None
