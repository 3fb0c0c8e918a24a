"""What DataNodes say: gRPC to core and back."""

from typing import Any

from blockstore.codec import (
    block_from_wire,
    node_from_wire,
    order_to_wire,
    replica_from_wire,
    volume_from_wire,
)
from blockstore.model import CopyFailure, NodeLoad
from blockstore.namenode.shell import Shell
from blockstore.namenode.topology import Topology
from blockstore.wire import namenode_pb2 as pb
from blockstore.wire import namenode_pb2_grpc as services


class DataNodeServicer(services.DataNodeProtocolServicer):
    """For DataNodes."""

    def __init__(self, shell: Shell, topology: Topology) -> None:
        self._shell = shell
        self._topology = topology

    async def Register(self, request: pb.RegisterRequest, _: Any) -> pb.RegisterReply:
        node = await self._topology.placed(node_from_wire(request.node))
        registration = await self._shell.perform(
            lambda core: core.register(
                node,
                incarnation=request.incarnation,
                cluster_id=request.cluster_id,
                now=self._shell.now,
            )
        )
        self._shell.desk.registered(request.node.node_id, request.incarnation)
        return pb.RegisterReply(
            cluster_id=registration.cluster_id,
            epoch=registration.epoch,
            heartbeat_interval_s=registration.heartbeat_interval_s,
        )

    async def Heartbeat(self, request: pb.HeartbeatRequest, _: Any) -> pb.HeartbeatReply:
        load = NodeLoad(
            request.capacity_bytes,
            request.used_bytes,
            request.free_bytes,
            request.streams,
            tuple(request.failed_volumes),
            tuple(map(volume_from_wire, request.volumes)),
        )
        known = await self._shell.perform(
            lambda core: core.heartbeat(
                request.node_id,
                incarnation=request.incarnation,
                epoch=request.epoch,
                load=load,
                now=self._shell.now,
            )
        )
        epoch = self._shell.core.state.epoch
        if not known:
            return pb.HeartbeatReply(epoch=epoch, register_again=True)
        orders = await self._shell.desk.wait(
            request.node_id, request.orders_seen, self._shell.config.heartbeat_interval_s
        )
        return pb.HeartbeatReply(
            epoch=epoch, orders=[order_to_wire(seq, order) for seq, order in orders]
        )

    async def FullReport(self, request: pb.FullReportRequest, _: Any) -> pb.Empty:
        replicas = [replica_from_wire(replica) for replica in request.replicas]
        await self._shell.perform(
            lambda core: core.full_report(
                request.node_id,
                incarnation=request.incarnation,
                epoch=request.epoch,
                replicas=replicas,
                number=request.number,
                piece=request.piece,
                more=request.more,
                now=self._shell.now,
            )
        )
        return pb.Empty()

    async def IncrementalReport(self, request: pb.IncrementalReportRequest, _: Any) -> pb.Empty:
        replicas = [replica_from_wire(replica) for replica in request.replicas]
        await self._shell.perform(
            lambda core: core.incremental_report(
                request.node_id,
                incarnation=request.incarnation,
                epoch=request.epoch,
                replicas=replicas,
                number=request.number,
                now=self._shell.now,
            )
        )
        return pb.Empty()

    async def CommitRecovery(self, request: pb.CommitRecoveryRequest, _: Any) -> pb.Empty:
        await self._shell.perform(
            lambda core: core.commit_recovery(
                request.node_id,
                epoch=request.epoch,
                old=block_from_wire(request.old),
                new=block_from_wire(request.new) if request.HasField("new") else None,
                node_ids=tuple(request.nodes),
                wall=self._shell.wall,
            )
        )
        return pb.Empty()

    async def CopyFailed(self, request: pb.CopyFailedRequest, _: Any) -> pb.Empty:
        failure = CopyFailure(
            block_from_wire(request.block),
            node_from_wire(request.target),
            request.reason,
            request.by_source,
        )
        await self._shell.perform(
            lambda core: core.copy_failed(
                request.node_id, failure, epoch=request.epoch, now=self._shell.now
            )
        )
        return pb.Empty()
