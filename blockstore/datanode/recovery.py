"""Block recovery: the writer is gone, and the replicas agree on one length.

Rules
- Every holder first promises its replica to this recovery: no writer can add to it.
- A replica with an older stamp than the block's doesn't count: it missed a rebuilt
  pipeline. Nor does one that lacks synced bytes: every node that the pipeline has kept has them.
- If a replica is finalised, its length is the block's: its writer had ended it.
- Else, if some node has gone on running since (RBW), the shortest of those replicas
  decides: every acknowledged byte is on each of them.
- Else only restarted nodes are left (RWR): the longest decides, for a power loss may have
  cut any of them below what was acknowledged.
- Every replica that has so many bytes is cut to them and finalised with the new stamp.
- A truncation gives the length: every replica that has so many bytes is cut to it.
- If nobody has a byte, the block is dropped; but only if nobody could not be asked.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import grpc

from blockstore.codec import block_to_wire, replica_info_from_wire
from blockstore.datanode.store import ReplicaStore
from blockstore.errors import NotReadyException, StoreError
from blockstore.model import Block, Node, RecoverBlock, Replica, ReplicaState
from blockstore.runtime import failpoint, rpc
from blockstore.runtime.retry import RetryPolicy
from blockstore.wire import datanode_pb2, datanode_pb2_grpc

log = logging.getLogger(__name__)

# A peer that is gone must not use up the time of the others: a recovery has 15 s by default.
_PEER_POLICY = RetryPolicy(deadline_s=4.0)


def agreed_length(block: Block, replicas: Sequence[Replica]) -> int:
    """The length that the rules above give; 0 when nobody has what counts.

    The block's own length is what was synced.
    """
    lengths: dict[ReplicaState, list[int]] = {}
    for replica in replicas:
        has = replica.block
        if has.generation >= block.generation and has.length >= block.length:
            lengths.setdefault(replica.state, []).append(has.length)
    if ReplicaState.FINALIZED in lengths:
        return max(lengths[ReplicaState.FINALIZED])
    if ReplicaState.RBW in lengths:
        return min(lengths[ReplicaState.RBW])
    return max(lengths.get(ReplicaState.RWR, [0]))


def participants(block: Block, length: int, replicas: dict[Node, Replica]) -> dict[Node, Replica]:
    """Who can be cut to the agreed length."""
    open_or_whole = (ReplicaState.FINALIZED, ReplicaState.RBW, ReplicaState.RWR)
    return {
        node: replica
        for node, replica in replicas.items()
        if replica.state in open_or_whole
        and replica.block.generation >= block.generation
        and replica.block.length >= length
    }


class Recovery:
    """Performs one RecoverBlock order."""

    def __init__(
        self,
        store: ReplicaStore,
        order: RecoverBlock,
        *,
        own_id: str,
        dial: Callable[[Node], grpc.Channel],
    ) -> None:
        self._store = store
        self._order = order
        self._own_id = own_id
        self._dial = dial

    def run(self) -> tuple[Block | None, tuple[str, ...]]:
        """The recovered block and the nodes that hold it; None when there was no byte.

        Raises:
            NotReadyException: no node could finish; the NameNode asks again.
        """
        block, generation = self._order.block, self._order.new_generation
        found: dict[Node, Replica] = {}
        unasked: list[str] = []
        for node in self._order.nodes:
            try:
                found[node] = self._begin(node)
            except StoreError as error:
                unasked.append(f"{node}: {error}")
        length = self._order.cut_to
        if length is None:
            length = agreed_length(block, list(found.values()))
        if length == 0:
            if unasked:
                raise NotReadyException(f"{block} can't be recovered: {'; '.join(unasked)}")
            return None, ()
        new = Block(block.id, generation, length)
        done = tuple(
            node.node_id
            for node, replica in participants(block, length, found).items()
            if self._finalize(node, replica, new)
        )
        if not done:
            reasons = "; ".join(unasked) or f"none of {length} bytes or more could be finalised"
            raise NotReadyException(f"{block} can't be recovered: {reasons}")
        log.info("recovered %s as %s with %d bytes on %s", block, new, length, ", ".join(done))
        return new, done

    def _begin(self, node: Node) -> Replica:
        block, generation = self._order.block, self._order.new_generation
        if node.node_id == self._own_id:
            return self._store.begin_recovery(block, generation)
        request = datanode_pb2.BeginRecoveryRequest(
            block=block_to_wire(block), new_generation=generation
        )
        return replica_info_from_wire(self._call(node, "BeginRecovery", request))

    def _finalize(self, node: Node, replica: Replica, new: Block) -> bool:
        try:
            if node.node_id == self._own_id:
                failpoint.hit("recovery.finalize.before_update")
                self._store.update(replica.block, new, finalize=True)
                failpoint.hit("recovery.finalize.after_update")
            else:
                request = datanode_pb2.UpdateReplicaRequest(
                    old=block_to_wire(replica.block), new=block_to_wire(new), finalize=True
                )
                self._call(node, "UpdateReplica", request)
        except StoreError as error:
            log.warning("recovery of %s goes on without %s: %s", new, node, error)
            return False
        return True

    def _call(self, node: Node, method: str, request: Any) -> Any:
        stub = datanode_pb2_grpc.DataNodeStub(self._dial(node))
        return rpc.call(getattr(stub, method), request, to=f"DataNode {node}", policy=_PEER_POLICY)
