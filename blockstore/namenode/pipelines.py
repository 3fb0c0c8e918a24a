"""Pipelines that broke: new stamps, further targets, and who goes on writing.

Rules
- Every rebuilt pipeline has a generation stamp of its own, journaled before it's told: replicas
  of two pipelines never look alike.
- A further node joins when half of the wanted replicas or fewer are left (HDFS's rule: then
  safety is worth a copy) and the cluster has one; without one, writing goes on.
- Synced bytes are never cut away.
- An update may be repeated: the second time it's true already.
"""

from collections.abc import Sequence

from blockstore.errors import InvalidRequestException, PlacementException
from blockstore.model import Block, Excluded, Node
from blockstore.namenode.entries import GenerationTaken, PipelineUpdated
from blockstore.namenode.namespace import File, StoredBlock
from blockstore.namenode.parts import Parts
from blockstore.namenode.replies import PipelineGrant


class Pipelines:
    """The open blocks' writers, as clients report their trouble."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def recover(
        self,
        inode_id: int,
        *,
        client_id: str,
        block: Block,
        survivors: Sequence[str],
        excluded: Sequence[Excluded],
        want_replacement: bool,
        now: float,
    ) -> PipelineGrant:
        file = self._parts.held_file(inode_id, client_id, now)
        last = self._open_last(file, block)
        if not survivors:
            raise InvalidRequestException(
                f"no node of {block}'s pipeline survived: its unsynced bytes are lost"
            )
        replacement: Node | None = None
        # HDFS's rule: with half of the replicas or fewer, safety is worth a copy.
        if want_replacement and len(survivors) * 2 <= file.replication:
            replacement = self._replacement(file, last, survivors, excluded, now)
        generation = self._parts.state.next_generation
        self._parts.record(GenerationTaken(generation))
        return PipelineGrant(generation, replacement)

    def _open_last(self, file: File, block: Block) -> StoredBlock:
        last = file.blocks[-1] if file.blocks else None
        if last is None or last.id != block.id or last.committed:
            raise InvalidRequestException(
                f"{block} is not the open block of '{self._parts.names.path_of(file)}'"
            )
        return last

    def _replacement(
        self,
        file: File,
        last: StoredBlock,
        survivors: Sequence[str],
        excluded: Sequence[Excluded],
        now: float,
    ) -> Node | None:
        holding = self._parts.nodes.nodes(tuple(survivors))
        failed = [
            Excluded(node, "left the pipeline")
            for node in last.pipeline
            if node.node_id not in survivors
        ]
        try:
            (node,) = self._parts.targets.choose(
                wanted=1,
                block_bytes=file.block_bytes,
                now=now,
                what=f"a further replica of {last.value()}",
                holding=holding,
                excluded=(*failed, *excluded),
            )
        except PlacementException:
            return None
        return node

    def update(
        self,
        inode_id: int,
        *,
        client_id: str,
        old: Block,
        new: Block,
        node_ids: Sequence[str],
        now: float,
    ) -> None:
        file = self._parts.held_file(inode_id, client_id, now)
        last = self._open_last(file, old)
        if last.generation == new.generation:
            return
        if not last.generation < new.generation < self._parts.state.next_generation:
            raise InvalidRequestException(
                f"{old} can't get generation {new.generation}: it is at {last.generation}"
            )
        if new.length < last.length:
            raise InvalidRequestException(
                f"{old} can't be cut to {new.length} bytes: {last.length} are synced"
            )
        before = last.value()
        nodes = self._nodes(last, node_ids)
        block = Block(last.id, new.generation, last.length)
        self._parts.record(PipelineUpdated(file.id, block, nodes))
        self._parts.settle(last, before)
        self._parts.writing(last.id, tuple(node_ids), file.block_bytes)

    def _nodes(self, last: StoredBlock, node_ids: Sequence[str]) -> tuple[Node, ...]:
        """By id; one that hasn't registered since a restart is known from the roster.

        Raises:
            InvalidRequestException: nobody knows one of them. Without it, what is acknowledged from
                now on would be looked for in vain.
        """
        known = {node.node_id: node for node in last.pipeline}
        known |= {member.node.node_id: member.node for member in self._parts.state.roster}
        strange = [node_id for node_id in node_ids if node_id not in known]
        if strange or not node_ids:
            raise InvalidRequestException(
                f"{last.value()} can't be written by {', '.join(strange) or 'nobody'}: no DataNode "
                "of that name is known"
            )
        return tuple(known[node_id] for node_id in node_ids)
