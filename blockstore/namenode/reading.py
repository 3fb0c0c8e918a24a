"""Where the bytes of a file are.

Rules
- Nodes come nearest first: the asker's host, its rack, the rest; equally near ones in random
  order, so that readers spread; nodes that are silent come last.
- A replica that a reader called bad is offered only when there is no good one: part of it may be
  readable, and every reader checks every byte. Who held the block last, and why it doesn't
  any more, comes along.
"""

from collections.abc import Iterable

from blockstore.errors import InvalidRequestException, IsADirectoryException
from blockstore.model import Excluded, LocatedBlock, Node, Replica, ReplicaState
from blockstore.namenode.blockmap import Kind, Odd
from blockstore.namenode.namespace import Directory, StoredBlock
from blockstore.namenode.parts import Parts
from blockstore.namenode.replies import Location


class Reading:
    """Files and the cluster, as readers and administrators ask for them."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def locate(
        self, path: str, *, offset: int, length: int, client_host: str, now: float
    ) -> Location:
        self._parts.access.enter(path)
        file = self._parts.names.get(path)
        if isinstance(file, Directory):
            raise IsADirectoryException(f"'{path}' is a directory")
        self._parts.access.read(file)
        if offset < 0 or length < 0:
            raise InvalidRequestException(f"offset {offset} and length {length} can't be negative")
        end = offset + length if length else None
        opening = self._parts.state.openings.get(file.id)
        # Of a block that is being cut everybody knows the length, only it isn't sealed yet.
        is_cut = opening is not None and opening.is_cut
        located = []
        start = 0
        for stored in file.blocks:
            # An open block of which nothing is synced yet is shown too: it may have bytes.
            stop = start + max(stored.length, 0 if stored.committed else 1)
            if stop > offset and (end is None or start < end):
                growing = not stored.committed and not is_cut
                located.append(self._located(stored, start, growing, client_host, now))
            start += stored.length
        return Location(self._parts.names.status(file, path), tuple(located))

    def _located(
        self, stored: StoredBlock, offset: int, growing: bool, client_host: str, now: float
    ) -> LocatedBlock:
        good = self._nodes(self._readable(stored), client_host, now)
        if good:
            return LocatedBlock(stored.value(), offset, good, growing)
        fallback = self._nodes(self._unsound(stored), client_host, now)
        holders = last_holders(self._parts, stored)
        return LocatedBlock(stored.value(), offset, fallback, growing, holders)

    def _readable(self, stored: StoredBlock) -> Iterable[str]:
        if stored.committed:
            return self._parts.blocks.good(stored.id)
        odd = self._parts.blocks.odd(stored.id)
        # Nobody else has all that was flushed in an open replica, whatever stamp it has.
        writing = {node.node_id for node in stored.pipeline}
        writing |= {n for n, o in odd.items() if _is_ended(o)}
        # A node that restarted has it, but doesn't serve it before it's recovered.
        restarted = {n for n, r in odd.items() if r.replica.state is ReplicaState.RWR}
        return sorted(writing - restarted)

    def _unsound(self, stored: StoredBlock) -> Iterable[str]:
        """Whole as far as their nodes know: a reader doubted them, or they're about to go."""
        whole = Replica(stored.value(), ReplicaState.FINALIZED)
        return [n for n, o in self._parts.blocks.odd(stored.id).items() if o.replica == whole]

    def _nodes(self, node_ids: Iterable[str], client_host: str, now: float) -> tuple[Node, ...]:
        known = [n for n in map(self._parts.nodes.get, node_ids) if n is not None]
        nodes = [node.node for node in known]
        self._parts.rng.shuffle(nodes)
        racks = {n.node.rack for n in self._parts.nodes.all() if n.node.host == client_host}

        def distance(node: Node) -> tuple[bool, int]:
            silent = not self._parts.nodes.is_live(node.node_id, now)
            if node.host == client_host:
                return silent, 0
            return silent, 1 if node.rack in racks else 2

        return tuple(sorted(nodes, key=distance))


def _is_ended(odd: Odd) -> bool:
    return odd.kind is Kind.OPEN and odd.replica.state is ReplicaState.FINALIZED


def last_holders(parts: Parts, stored: StoredBlock) -> tuple[Excluded, ...]:
    """Who had a replica, and why it is gone or doesn't count."""
    holders = []
    for node_id, reason in sorted(parts.blocks.last_holders(stored.id).items()):
        known = parts.nodes.get(node_id)
        node = known.node if known is not None else Node(node_id, "?", 0)
        holders.append(Excluded(node, reason))
    for node in stored.pipeline:
        if not any(e.node.node_id == node.node_id for e in holders):
            holders.append(Excluded(node, "was to write it and has not been heard of since"))
    return tuple(holders)
