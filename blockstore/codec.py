"""Between the wire's messages and the model's nouns; nothing else knows both."""

from collections.abc import Iterable
from dataclasses import fields
from functools import lru_cache

from blockstore.model import (
    Block,
    DeleteReplicas,
    Excluded,
    FileStatus,
    Lease,
    LocatedBlock,
    Node,
    Order,
    Permission,
    Receipt,
    RecoverBlock,
    Replica,
    ReplicaState,
    Replicate,
    SendReport,
    VolumeReport,
)
from blockstore.wire import datanode_pb2, namenode_pb2, types_pb2

_REPORT_STATES = {
    ReplicaState.FINALIZED: namenode_pb2.ReplicaReport.FINALIZED,
    ReplicaState.RBW: namenode_pb2.ReplicaReport.BEING_WRITTEN,
    ReplicaState.RWR: namenode_pb2.ReplicaReport.WAITING_RECOVERY,
    ReplicaState.DELETED: namenode_pb2.ReplicaReport.DELETED,
    ReplicaState.CORRUPT: namenode_pb2.ReplicaReport.CORRUPT,
}
_STATES_OF_REPORTS = {number: state for state, number in _REPORT_STATES.items()}

# Between DataNodes and clients: a damaged replica is as good as none.
_REPLICA_STATES = {
    ReplicaState.ABSENT: datanode_pb2.ABSENT,
    ReplicaState.FINALIZED: datanode_pb2.FINALIZED_REPLICA,
    ReplicaState.RBW: datanode_pb2.RBW,
    ReplicaState.RWR: datanode_pb2.RWR,
}
_STATES_OF_REPLICAS = {number: state for state, number in _REPLICA_STATES.items()}


def block_to_wire(block: Block) -> types_pb2.Block:
    return types_pb2.Block(id=block.id, generation=block.generation, length=block.length)


def block_from_wire(wire: types_pb2.Block) -> Block:
    return Block(wire.id, wire.generation, wire.length)


def node_to_wire(node: Node) -> types_pb2.Node:
    return types_pb2.Node(
        node_id=node.node_id,
        host=node.host,
        port=node.port,
        rack=node.rack,
        byte_port=node.byte_port,
    )


def node_from_wire(wire: types_pb2.Node) -> Node:
    return Node(wire.node_id, wire.host, wire.port, wire.rack or "/default", wire.byte_port)


def nodes_to_wire(nodes: Iterable[Node]) -> list[types_pb2.Node]:
    return [node_to_wire(node) for node in nodes]


def nodes_from_wire(wire: Iterable[types_pb2.Node]) -> tuple[Node, ...]:
    return tuple(node_from_wire(node) for node in wire)


def excluded_to_wire(excluded: Iterable[Excluded]) -> list[types_pb2.Excluded]:
    return [types_pb2.Excluded(node=node_to_wire(e.node), reason=e.reason) for e in excluded]


def excluded_from_wire(wire: Iterable[types_pb2.Excluded]) -> tuple[Excluded, ...]:
    return tuple(Excluded(node_from_wire(e.node), e.reason) for e in wire)


def located_to_wire(located: LocatedBlock) -> types_pb2.LocatedBlock:
    return types_pb2.LocatedBlock(
        block=block_to_wire(located.block),
        offset=located.offset,
        nodes=nodes_to_wire(located.nodes),
        under_construction=located.under_construction,
        last_holders=excluded_to_wire(located.last_holders),
    )


def located_from_wire(wire: types_pb2.LocatedBlock) -> LocatedBlock:
    return LocatedBlock(
        block=block_from_wire(wire.block),
        offset=wire.offset,
        nodes=nodes_from_wire(wire.nodes),
        under_construction=wire.under_construction,
        last_holders=excluded_from_wire(wire.last_holders),
    )


@lru_cache(maxsize=1024)
def permission_to_wire(permission: Permission) -> types_pb2.Permission:
    """To be copied into a message, never changed: there are few, and they are kept."""
    return types_pb2.Permission(
        owner=permission.owner, group=permission.group, mode=permission.mode
    )


def permission_from_wire(wire: types_pb2.Permission) -> Permission:
    return Permission(wire.owner, wire.group, wire.mode)


def status_to_wire(status: FileStatus) -> types_pb2.FileStatus:
    return types_pb2.FileStatus(
        path=status.path,
        is_directory=status.is_directory,
        length=status.length,
        replication=status.replication,
        block_bytes=status.block_bytes,
        modified_at_s=status.modified_at_s,
        inode_id=status.inode_id,
        under_construction=status.under_construction,
        children=status.children,
        permission=permission_to_wire(status.permission),
        accessed_at_s=status.accessed_at_s,
    )


def status_from_wire(wire: types_pb2.FileStatus) -> FileStatus:
    return FileStatus(
        path=wire.path,
        is_directory=wire.is_directory,
        length=wire.length,
        replication=wire.replication,
        block_bytes=wire.block_bytes,
        modified_at_s=wire.modified_at_s,
        inode_id=wire.inode_id,
        under_construction=wire.under_construction,
        children=wire.children,
        permission=permission_from_wire(wire.permission),
        accessed_at_s=wire.accessed_at_s,
    )


def replica_to_wire(replica: Replica) -> namenode_pb2.ReplicaReport:
    return namenode_pb2.ReplicaReport(
        block=block_to_wire(replica.block), state=_REPORT_STATES[replica.state]
    )


def replica_from_wire(wire: namenode_pb2.ReplicaReport) -> Replica:
    return Replica(block_from_wire(wire.block), _STATES_OF_REPORTS[wire.state])


def receipts_to_wire(receipts: Iterable[Receipt]) -> list[types_pb2.Receipt]:
    return [
        types_pb2.Receipt(node_id=each.node_id, incarnation=each.incarnation, report=each.report)
        for each in receipts
    ]


def receipts_from_wire(wire: Iterable[types_pb2.Receipt]) -> list[Receipt]:
    return [Receipt(each.node_id, each.incarnation, each.report) for each in wire]


def replica_info_to_wire(replica: Replica) -> datanode_pb2.ReplicaInfoReply:
    return datanode_pb2.ReplicaInfoReply(
        block=block_to_wire(replica.block),
        state=_REPLICA_STATES.get(replica.state, datanode_pb2.ABSENT),
    )


def replica_info_from_wire(wire: datanode_pb2.ReplicaInfoReply) -> Replica:
    return Replica(block_from_wire(wire.block), _STATES_OF_REPLICAS[wire.state])


def lease_to_wire(lease: Lease) -> namenode_pb2.LeaseInfo:
    return namenode_pb2.LeaseInfo(
        path=lease.path,
        holder=lease.holder,
        since_s=lease.since_s,
        silence_s=lease.silence_s,
        waiting_for=lease.waiting_for,
        inode_id=lease.inode_id,
    )


def lease_from_wire(wire: namenode_pb2.LeaseInfo) -> Lease:
    return Lease(
        wire.path, wire.holder, wire.since_s, wire.silence_s, wire.waiting_for, wire.inode_id
    )


def order_to_wire(seq: int, order: Order) -> types_pb2.Order:
    wire = types_pb2.Order(seq=seq)
    match order:
        case Replicate(block, targets, bytes_per_s):
            wire.replicate.block.CopyFrom(block_to_wire(block))
            wire.replicate.targets.extend(nodes_to_wire(targets))
            wire.replicate.bytes_per_s = bytes_per_s
        case DeleteReplicas(blocks):
            wire.delete.blocks.extend(block_to_wire(block) for block in blocks)
        case RecoverBlock(block, new_generation, nodes, cut_to):
            wire.recover.block.CopyFrom(block_to_wire(block))
            wire.recover.new_generation = new_generation
            wire.recover.nodes.extend(nodes_to_wire(nodes))
            if cut_to is not None:
                wire.recover.cut_to = cut_to
        case SendReport():
            wire.send_report.SetInParent()
    return wire


def order_from_wire(wire: types_pb2.Order) -> tuple[int, Order]:
    order: Order
    match wire.WhichOneof("order"):
        case "replicate":
            order = Replicate(
                block_from_wire(wire.replicate.block),
                nodes_from_wire(wire.replicate.targets),
                wire.replicate.bytes_per_s,
            )
        case "delete":
            order = DeleteReplicas(tuple(block_from_wire(b) for b in wire.delete.blocks))
        case "recover":
            order = RecoverBlock(
                block_from_wire(wire.recover.block),
                wire.recover.new_generation,
                nodes_from_wire(wire.recover.nodes),
                wire.recover.cut_to if wire.recover.HasField("cut_to") else None,
            )
        case "send_report":
            order = SendReport()
        case unknown:
            raise ValueError(f"order {wire.seq} is of a kind this DataNode doesn't know: {unknown}")
    return wire.seq, order


def volume_to_wire(volume: VolumeReport) -> namenode_pb2.VolumeReport:
    return namenode_pb2.VolumeReport(
        **{field.name: getattr(volume, field.name) for field in fields(VolumeReport)}
    )


def volume_from_wire(wire: namenode_pb2.VolumeReport) -> VolumeReport:
    return VolumeReport(*(getattr(wire, field.name) for field in fields(VolumeReport)))
