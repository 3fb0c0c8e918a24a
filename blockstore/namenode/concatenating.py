"""Closed files joined into one: their blocks change owner, no byte moves.

Rules
- Target and sources are closed files, all different. They may lie in any directories: an inode
  has an id, so nothing here depends on where it is (HDFS wants one directory).
- No source has a larger block size than the target, so that the target's stays an upper bound
  for its blocks. Short blocks in the middle are legal everywhere: a block's offset is the sum of
  the lengths before it, never a multiple.
- The blocks get the target's replication; replicas come and go in the background.
- One entry; the work is in proportion to the blocks of the sources.
"""

from collections.abc import Sequence

from blockstore.errors import InvalidRequestException
from blockstore.namenode.appending import Appending
from blockstore.namenode.entries import Concatenated
from blockstore.namenode.namespace import File
from blockstore.namenode.parts import Parts

# A request is one message; so many paths fit with room to spare.
SOURCES_MAX = 10_000


class Concatenating:
    """Files that become the tail of another one."""

    def __init__(self, parts: Parts, appending: Appending) -> None:
        self._parts = parts
        self._appending = appending

    def concat(
        self, target: str, sources: Sequence[str], *, request_id: str, now: float, wall: float
    ) -> None:
        """The sources are gone after it.

        Raises:
            InvalidRequestException: they can't be joined.
            AlreadyBeingCreatedException: somebody writes one of them.
        """
        if isinstance(self._parts.state.requests.get(request_id), Concatenated):
            return
        if not 0 < len(sources) <= SOURCES_MAX:
            raise InvalidRequestException(
                f"{len(sources)} files to add to '{target}': 1 to {SOURCES_MAX} can be named"
            )
        whole = self._appending.closed(target, now)
        parts = [self._appending.closed(path, now) for path in sources]
        for part in parts:
            self._parts.access.read(part)
            self._parts.access.take_entry(part)
        self._check(whole, target, parts, sources)
        moved = [block for part in parts for block in part.blocks]
        entry = Concatenated(whole.id, tuple(part.id for part in parts), wall, request_id)
        self._parts.record(entry)
        for block in moved:
            self._parts.replication.touch(block.id)

    def _check(
        self, whole: File, target: str, parts: Sequence[File], sources: Sequence[str]
    ) -> None:
        ids = {whole.id}
        for part, path in zip(parts, sources, strict=True):
            if part.id in ids:
                raise InvalidRequestException(f"'{path}' is named twice")
            ids.add(part.id)
            if part.block_bytes > whole.block_bytes:
                raise InvalidRequestException(
                    f"'{path}' has blocks of {part.block_bytes} bytes, '{target}' of "
                    f"{whole.block_bytes}: name the one with the larger blocks as the target"
                )
        blocks = len(whole.blocks) + sum(len(part.blocks) for part in parts)
        if blocks > self._parts.config.blocks_per_file_max:
            raise InvalidRequestException(
                f"'{target}' would have {blocks} blocks, the limit is "
                f"{self._parts.config.blocks_per_file_max}"
            )
