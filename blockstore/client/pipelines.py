"""How one file's writer gets pipelines: from the NameNode, and again after failures."""

import logging
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from blockstore.bundles import Delivery
from blockstore.client.exclusions import Exclusions
from blockstore.client.exclusions import excluded as exclusion
from blockstore.client.namenode import NameNodeClient
from blockstore.client.settings import ClientSettings
from blockstore.client.wholeblocks import WholeBlocks
from blockstore.codec import block_to_wire, nodes_to_wire, replica_info_from_wire
from blockstore.datastream import Ack
from blockstore.errors import (
    BlockMissingException,
    NotReadyException,
    PlacementException,
    StoreError,
)
from blockstore.model import Block, FileStatus, LocatedBlock, Node, ReplicaState
from blockstore.packetstream import PacketStream, PacketStreams
from blockstore.peers import Peers
from blockstore.runtime import rpc
from blockstore.runtime.clock import Clock
from blockstore.runtime.retry import NO_RETRY, RetryPolicy, retry
from blockstore.wire import datanode_pb2, datanode_pb2_grpc

log = logging.getLogger(__name__)

# A survivor that doesn't answer for so long is no survivor.
_SURVIVOR_S: Final = 8.0
_ASK_TIMEOUT_S: Final = 2.0
# Copying what was acknowledged of a block to a replacement.
_COPY_TIMEOUT_S: Final = 120.0


class Pipelines:
    """Knows the file, the NameNode and the DataNodes; holds no block."""

    def __init__(
        self,
        namenode: NameNodeClient,
        peers: Peers,
        streams: PacketStreams,
        whole_blocks: WholeBlocks,
        file: FileStatus,
        settings: ClientSettings,
        client_host: str,
        clock: Clock,
    ) -> None:
        self.path = file.path
        # The block before the one that is asked for next.
        self.previous: Block | None = None
        # The NameNode's last word on why no node takes a block: every node and its reason.
        self.refusal = ""
        self._namenode = namenode
        self._peers = peers
        self._streams = streams
        self._whole_blocks = whole_blocks
        self._file = file
        self._settings = settings
        self._client_host = client_host
        self._clock = clock
        self._survivor = RetryPolicy(deadline_s=min(_SURVIVOR_S, settings.pipeline_restart_s))

    @property
    def clock(self) -> Clock:
        return self._clock

    def is_thin(self, nodes: int) -> bool:
        """Whether so few replicas should become more, by the NameNode's rule."""
        return nodes * 2 <= self._file.replication

    def holds_up(self, nodes: Sequence[Node], leaving: Mapping[str, int]) -> bool:
        """Whether one of these nodes can't go, for too few others write the block; `leaving`: how
        many it must be."""
        going = [leaving[node.node_id] for node in nodes if node.node_id in leaving]
        staying = len(nodes) - len(going)
        return staying < min(max(going, default=0), self._file.replication)

    # --- blocks --------------------------------------------------------------------------

    def allocate(self, excluded: Exclusions) -> LocatedBlock:
        """The file's next block.

        When nobody is left but excluded nodes, they get another chance.

        Raises:
            PlacementException: no node took a block in time.
        """

        def attempt(_: float) -> LocatedBlock:
            excluded.forget_old()
            try:
                return self._namenode.add_block(
                    self._file, self.previous, list(excluded.values()), self._client_host
                )
            except PlacementException as error:
                self.refusal = str(error)
                excluded.clear()
                raise

        return retry(
            attempt,
            policy=self._settings.placement,
            again=lambda error: isinstance(error, (PlacementException, NotReadyException)),
            clock=self._clock,
        )

    def deliver(self, block: Block, nodes: Sequence[Node], data: bytes) -> Delivery:
        """A small block as a whole: durable on all nodes unless the ack names one that failed."""
        return self._whole_blocks.send(nodes, [(block, data)])

    def abandon(self, block: Block) -> None:
        self._namenode.abandon_block(self._file, block)

    def chunk_bytes(self, located: LocatedBlock) -> int:
        """How many bytes one checksum of the block's replicas covers.

        Raises:
            BlockMissingException: no node can say.
        """
        until = self._clock.monotonic() + self._settings.pipeline_restart_s
        for pause in RetryPolicy(deadline_s=0.0, base_s=0.1, cap_s=1.0).delays(random.Random()):
            reasons = []
            for node in located.nodes:
                chunk_bytes, reason = self._chunk_bytes_on(node, located.block)
                if chunk_bytes:
                    return chunk_bytes
                reasons.append(reason)
            if self._clock.monotonic() + pause > until:
                break
            self._clock.sleep(pause)
        raise BlockMissingException(
            f"{self.path}: {located.block} can't be written further: {'; '.join(reasons)}"
        )

    def _chunk_bytes_on(self, node: Node, block: Block) -> tuple[int, str]:
        """0 with the reason when it can't say."""
        request = datanode_pb2.ReplicaInfoRequest(block_id=block.id)
        try:
            reply = self._ask(node, "ReplicaInfo", request, _ASK_TIMEOUT_S, NO_RETRY)
        except StoreError as error:
            return 0, str(error)
        return int(reply.chunk_bytes), f"{node} has no replica"

    # --- streams -------------------------------------------------------------------------

    def create_header(self, located: LocatedBlock) -> datanode_pb2.WriteHeader:
        return self._header(located, datanode_pb2.WriteHeader.CREATE)

    def resume_header(self, located: LocatedBlock) -> datanode_pb2.WriteHeader:
        return self._header(located, datanode_pb2.WriteHeader.RESUME)

    def stream(
        self,
        header: datanode_pb2.WriteHeader,
        nodes: Sequence[Node],
        *,
        on_ack: Callable[[Ack], None],
        on_end: Callable[[str], None],
    ) -> PacketStream:
        return self._streams.open(nodes[0], header, on_ack=on_ack, on_end=on_end)

    def _header(self, located: LocatedBlock, stage: Any) -> datanode_pb2.WriteHeader:
        return datanode_pb2.WriteHeader(
            block=block_to_wire(located.block),
            stage=stage,
            downstream=nodes_to_wire(located.nodes[1:]),
            chunk_bytes=self._settings.chunk_bytes,
            offset=located.block.length,
        )

    # --- after a failure -----------------------------------------------------------------

    def ask(
        self, block: Block, survivors: Sequence[Node], excluded: Exclusions
    ) -> tuple[int, Node | None]:
        """A new stamp; and a further node, if few have survived and the cluster has one.

        Raises:
            StoreError: the NameNode refuses.
        """
        excluded.forget_old()
        return self._namenode.recover_pipeline(
            self._file,
            block,
            [node.node_id for node in survivors],
            list(excluded.values()),
            want_replacement=True,
        )

    def rebuild(
        self,
        block: Block,
        survivors: Sequence[Node],
        excluded: Exclusions,
        granted: tuple[int, Node | None],
    ) -> LocatedBlock | None:
        """The block with a new stamp, cut to its length, on those who could follow.

        `granted` is what `ask` gave. None when somebody didn't follow, and `excluded` knows it;
        the NameNode wasn't told then.

        Raises:
            StoreError: the NameNode refuses.
        """
        generation, replacement = granted
        new = Block(block.id, generation, block.length)
        request = datanode_pb2.UpdateReplicaRequest(
            old=block_to_wire(block), new=block_to_wire(new)
        )
        refused = [node for node in survivors if not self._follows(node, request, excluded)]
        if refused:
            return None
        nodes = list(survivors)
        if replacement and self._filled(replacement, nodes[0], request, excluded):
            nodes.append(replacement)
        self._namenode.update_pipeline(self._file, block, new, [node.node_id for node in nodes])
        return LocatedBlock(new, 0, tuple(nodes), under_construction=True)

    def _follows(self, node: Node, request: Any, excluded: Exclusions) -> bool:
        try:
            self._ask(node, "UpdateReplica", request, rpc.CALL_TIMEOUT_S, self._survivor)
        except StoreError as error:
            excluded[node.node_id] = exclusion(node, str(error))
            return False
        return True

    def _filled(self, replacement: Node, source: Node, request: Any, excluded: Exclusions) -> bool:
        """Whether the replacement has got a copy; without it the pipeline is shorter."""
        filling = datanode_pb2.UpdateReplicaRequest()
        filling.CopyFrom(request)
        filling.copy_to.extend(nodes_to_wire([replacement]))
        try:
            self._ask(source, "UpdateReplica", filling, _COPY_TIMEOUT_S, NO_RETRY)
        except StoreError as error:
            log.warning("no copy to %s: %s", replacement, error)
            excluded[replacement.node_id] = exclusion(
                replacement, str(error), seen_from=source.node_id
            )
            return False
        return True

    def wait_for_restart(self, nodes: Sequence[Node], block: Block) -> tuple[Node, ...]:
        """Those nodes of a broken pipeline that are back with all that was acknowledged."""
        until = self._clock.monotonic() + self._settings.pipeline_restart_s
        for pause in RetryPolicy(deadline_s=0.0, base_s=0.1, cap_s=1.0).delays(random.Random()):
            back = tuple(node for node in nodes if self._is_back(node, block))
            if back or self._clock.monotonic() + pause > until:
                return back
            self._clock.sleep(pause)
        return ()

    def _is_back(self, node: Node, block: Block) -> bool:
        request = datanode_pb2.ReplicaInfoRequest(block_id=block.id)
        try:
            reply = self._ask(node, "ReplicaInfo", request, _ASK_TIMEOUT_S, NO_RETRY)
        except StoreError:
            return False
        replica = replica_info_from_wire(reply)
        return (
            replica.state is not ReplicaState.ABSENT
            and replica.block.generation >= block.generation
            and replica.block.length >= block.length
        )

    def _ask(
        self, node: Node, name: str, request: Any, timeout_s: float, policy: RetryPolicy
    ) -> Any:
        stub = datanode_pb2_grpc.DataNodeStub(self._peers.dial(node))
        return rpc.call(
            getattr(stub, name),
            request,
            to=f"DataNode {node}",
            timeout_s=timeout_s,
            policy=policy,
            clock=self._clock,
        )
