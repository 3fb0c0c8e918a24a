"""How much of a block that is being written readers may see.

Rules
- Only bytes that the whole pipeline has acknowledged. A node of the pipeline shows a byte before
  its ack goes up, so what a writer has flushed is shown by every one of them: any may be asked.
- A node with an older stamp left the pipeline: it may lack flushed bytes. One that restarted may
  have bytes that nobody acknowledged. Neither is believed.
- A block that no node has begun has no bytes. When some can't be asked, nobody knows.
"""

from typing import Final

from blockstore.codec import replica_info_from_wire
from blockstore.errors import StoreError
from blockstore.model import Block, LocatedBlock, Replica, ReplicaState
from blockstore.peers import Peers
from blockstore.runtime import rpc
from blockstore.runtime.retry import NO_RETRY
from blockstore.wire import datanode_pb2, datanode_pb2_grpc

_ASK_TIMEOUT_S: Final = 3.0
_BELIEVED: Final = (ReplicaState.RBW, ReplicaState.FINALIZED)


def visible_block(located: LocatedBlock, peers: Peers) -> LocatedBlock | str:
    """The block with its visible length; or, in words, why that can't be told now."""
    request = datanode_pb2.ReplicaInfoRequest(block_id=located.block.id)
    reasons = [str(holder) for holder in located.last_holders if not located.nodes]
    for node in located.nodes:
        stub = datanode_pb2_grpc.DataNodeStub(peers.dial(node))
        try:
            reply = rpc.call(
                stub.ReplicaInfo, request, to=str(node), timeout_s=_ASK_TIMEOUT_S, policy=NO_RETRY
            )
        except StoreError as error:
            reasons.append(str(error))
            continue
        replica = replica_info_from_wire(reply)
        seen = replica.block
        if is_believed(replica, located.block):
            block = Block(seen.id, located.block.generation, seen.length)
            return LocatedBlock(block, located.offset, located.nodes, True)
        if replica.state is not ReplicaState.ABSENT or located.block.length:
            reasons.append(f"{node} has it as {replica.state.value} {seen}, {seen.length} bytes")
    return "; ".join(reasons) or located


def is_believed(replica: Replica, known: Block) -> bool:
    """Whether the replica shows all that its block's writer has flushed, and nothing else."""
    seen = replica.block
    current = seen.generation >= known.generation and seen.length >= known.length
    return replica.state in _BELIEVED and current
