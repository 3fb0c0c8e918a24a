"""The calls a DataNode makes to its NameNode, in model nouns, for one registration."""

from typing import Any

from blockstore.codec import block_to_wire, node_to_wire, replica_to_wire, volume_to_wire
from blockstore.model import Block, CopyFailure, Node, NodeLoad, Replica
from blockstore.runtime import failpoint, rpc
from blockstore.runtime.retry import NO_RETRY, RetryPolicy
from blockstore.wire import namenode_pb2, namenode_pb2_grpc

# Of a full report in one message: it holds up others at the NameNode for some 10 ms.
PIECE_REPLICAS = 2_000
# A report that fails begins anew, so each of its pieces is worth some patience.
_PIECE_TIMEOUT_S = 60.0
# The outcome of a recovery is worth some patience; if it is lost the NameNode orders another.
_COMMIT_POLICY = RetryPolicy(deadline_s=15.0)


class NameNodeLink:
    """One DataNode incarnation's word to one NameNode epoch."""

    def __init__(
        self, stub: namenode_pb2_grpc.DataNodeProtocolStub, to: str, node: Node, incarnation: int
    ) -> None:
        self._stub = stub
        self._to = to
        self.node = node
        self.incarnation = incarnation
        self.epoch = 0
        self.heartbeat_interval_s = 1.0

    def register(self, cluster_id: str) -> str:
        """Returns the cluster's id.

        Raises:
            ConfigException: the NameNode serves another cluster.
            UnreachableException: it doesn't answer.
        """
        reply = self._call(
            self._stub.Register,
            namenode_pb2.RegisterRequest(
                node=node_to_wire(self.node), incarnation=self.incarnation, cluster_id=cluster_id
            ),
        )
        self.epoch = reply.epoch
        self.heartbeat_interval_s = reply.heartbeat_interval_s or 1.0
        return str(reply.cluster_id)

    def heartbeat(self, load: NodeLoad, orders_seen: int) -> namenode_pb2.HeartbeatReply:
        """Held open by the NameNode for up to the interval."""
        request = namenode_pb2.HeartbeatRequest(
            node_id=self.node.node_id,
            incarnation=self.incarnation,
            epoch=self.epoch,
            orders_seen=orders_seen,
            capacity_bytes=load.capacity_bytes,
            used_bytes=load.used_bytes,
            free_bytes=load.free_bytes,
            streams=load.streams,
            failed_volumes=load.failed_volumes,
            volumes=map(volume_to_wire, load.volumes),
        )
        limit_s = 2 * self.heartbeat_interval_s + 5.0
        reply: namenode_pb2.HeartbeatReply = self._call(self._stub.Heartbeat, request, limit_s)
        return reply

    def full_report(self, replicas: list[Replica], number: int) -> None:
        """Reports are numbered; one is under way at a time (reports.py)."""
        for piece, start in enumerate(range(0, max(1, len(replicas)), PIECE_REPLICAS)):
            end = start + PIECE_REPLICAS
            request = namenode_pb2.FullReportRequest(
                node_id=self.node.node_id,
                incarnation=self.incarnation,
                epoch=self.epoch,
                replicas=[replica_to_wire(replica) for replica in replicas[start:end]],
                number=number,
                piece=piece,
                more=end < len(replicas),
            )
            failpoint.hit("namenode_link.full_report.before_ack")
            self._call(self._stub.FullReport, request, _PIECE_TIMEOUT_S)
            failpoint.hit("namenode_link.full_report.after_ack")

    def incremental_report(self, replicas: list[Replica], number: int) -> None:
        request = namenode_pb2.IncrementalReportRequest(
            node_id=self.node.node_id,
            incarnation=self.incarnation,
            epoch=self.epoch,
            replicas=[replica_to_wire(replica) for replica in replicas],
            number=number,
        )
        failpoint.hit("namenode_link.incremental_report.before_ack")
        self._call(self._stub.IncrementalReport, request)
        failpoint.hit("namenode_link.incremental_report.after_ack")

    def commit_recovery(self, old: Block, new: Block | None, nodes: tuple[str, ...]) -> None:
        request = namenode_pb2.CommitRecoveryRequest(
            node_id=self.node.node_id,
            epoch=self.epoch,
            old=block_to_wire(old),
            new=block_to_wire(new) if new else None,
            nodes=nodes,
        )
        failpoint.hit("namenode_link.commit_recovery.before_ack")
        rpc.call(self._stub.CommitRecovery, request, to=self._to, policy=_COMMIT_POLICY)
        failpoint.hit("namenode_link.commit_recovery.after_ack")

    def copy_failed(self, failure: CopyFailure) -> None:
        """One try: a copy that isn't reported is decided anew anyhow."""
        request = namenode_pb2.CopyFailedRequest(
            node_id=self.node.node_id,
            epoch=self.epoch,
            block=block_to_wire(failure.block),
            target=node_to_wire(failure.target),
            reason=failure.reason,
            by_source=failure.by_source,
        )
        self._call(self._stub.CopyFailed, request)

    def _call(self, method: Any, request: Any, timeout_s: float = rpc.CALL_TIMEOUT_S) -> Any:
        return rpc.call(method, request, to=self._to, timeout_s=timeout_s, policy=NO_RETRY)
