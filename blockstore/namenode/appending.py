"""Closed files that are opened again, to be written further.

Rules
- The writer gets the lease, as with a create; a file that is open is refused.
- A last block that isn't full is open again. Its old stamp and length stay until the writer has
  brought its nodes to a new stamp (pipelines.py): up to then every replica is as good as before.
- What was in the file counts as synced: no recovery ever cuts into it.
- A last block of which no live node has a good replica can't be reopened.
"""

from blockstore.errors import (
    AlreadyBeingCreatedException,
    BlockMissingException,
    InvalidRequestException,
)
from blockstore.model import Excluded, LocatedBlock, Node
from blockstore.namenode.closing import Closing
from blockstore.namenode.entries import Deleted, FileAppended
from blockstore.namenode.namespace import File, StoredBlock
from blockstore.namenode.naming import Naming
from blockstore.namenode.parts import Parts
from blockstore.namenode.replies import Appended


class Appending:
    """Files on their way from closed to open."""

    def __init__(self, parts: Parts, naming: Naming, closing: Closing) -> None:
        self._parts = parts
        self._naming = naming
        self._closing = closing

    def append(
        self, path: str, *, client_id: str, request_id: str, now: float, wall: float
    ) -> Appended:
        """Opens the file for this client.

        Raises:
            AlreadyBeingCreatedException: somebody writes it.
            BlockMissingException: its last block can't be written further.
        """
        before = self._parts.state.requests.get(request_id)
        if isinstance(before, FileAppended):
            return self._reply(self._parts.held_file(before.inode_id, client_id, now))
        if not client_id:
            raise InvalidRequestException("a writer needs a client id for its lease")
        file = self.closed(path, now)
        last = file.blocks[-1] if file.blocks else None
        if last is not None and last.length >= file.block_bytes:
            last = None
        nodes = self.holders(last, path, now) if last is not None else ()
        old = last.value() if last is not None else None
        self._parts.record(FileAppended(file.id, client_id, wall, old, nodes, request_id))
        self._parts.leases.grant(client_id, now)
        if last is not None and old is not None:
            self._parts.settle(last, old)
            self._parts.writing(last.id, tuple(node.node_id for node in nodes), file.block_bytes)
        return self._reply(file)

    def closed(self, path: str, now: float) -> File:
        """A file that nobody writes.

        Raises:
            AlreadyBeingCreatedException: who does, and since when he was not heard of.
        """
        file = self._naming.file(path)
        if file.is_open:
            self._closing.claim(file, now)
            raise AlreadyBeingCreatedException(f"'{path}' {self._closing.who_writes(file, now)}")
        return file

    def holders(self, block: StoredBlock, path: str, now: float) -> tuple[Node, ...]:
        """The live nodes with a good replica."""
        good = self._parts.nodes.nodes(self._parts.blocks.good(block.id))
        nodes = tuple(n for n in good if self._parts.nodes.is_live(n.node_id, now))
        if nodes:
            return nodes
        reasons = [Excluded(node, "has a replica, but is not live") for node in good]
        words = [str(reason) for reason in reasons]
        words += [f"{n} {why}" for n, why in self._parts.blocks.last_holders(block.id).items()]
        hope = (
            f"{'; '.join(words)}. It can be when one of these nodes is back"
            if words
            else "no DataNode has reported it since the NameNode began. It can be when one has; "
            "which are absent: mapred admin safemode why"
        )
        raise BlockMissingException(
            f"the last block of '{path}', {block.value()}, can't be changed: {hope}"
        )

    def _reply(self, file: File) -> Appended:
        status = self._parts.names.status(file)
        if not file.blocks:
            return Appended(status, None)
        last = file.blocks[-1]
        offset = file.length - last.length
        return Appended(
            status, LocatedBlock(last.value(), offset, last.pipeline, not last.committed)
        )

    def release(
        self, inode_id: int, client_id: str, *, discard: bool, now: float, wall: float
    ) -> None:
        """The writer gives up: the file is closed at its last acknowledged byte, or removed."""
        file = self._parts.state.open_files.get(inode_id)
        if file is None or not client_id or file.writer != client_id:
            return
        if discard:
            self._parts.record(Deleted(file.id, wall))
        else:
            self._closing.recover(file, now=now, wall=wall)
