"""The administrator's answers as wire messages."""

from blockstore.codec import block_to_wire, excluded_to_wire, node_to_wire, nodes_to_wire
from blockstore.namenode.replies import (
    BlockHealth,
    ClusterStatus,
    FileHealth,
    NodeStatus,
    TreeHealth,
)
from blockstore.namenode.safemode import SafeModeStatus
from blockstore.wire import namenode_pb2 as pb


def safe_mode_to_wire(status: SafeModeStatus) -> pb.SafeModeReply:
    return pb.SafeModeReply(
        on=status.on,
        reason=status.reason,
        blocks_reported=status.blocks_reported,
        blocks_needed=status.blocks_needed,
    )


def cluster_to_wire(cluster: ClusterStatus) -> pb.ClusterReport:
    return pb.ClusterReport(
        nodes=[_node_to_wire(node) for node in cluster.nodes],
        files=cluster.files,
        directories=cluster.directories,
        blocks=cluster.blocks,
        under_replicated=cluster.under_replicated,
        corrupt=cluster.corrupt,
        missing=cluster.missing,
        safe_mode=safe_mode_to_wire(cluster.safe_mode),
        epoch=cluster.epoch,
        transaction=cluster.transaction,
    )


def _node_to_wire(status: NodeStatus) -> pb.NodeReport:
    return pb.NodeReport(
        node=node_to_wire(status.node),
        state=status.state,
        heard_s_ago=status.heard_s_ago,
        capacity_bytes=status.load.capacity_bytes,
        used_bytes=status.load.used_bytes,
        free_bytes=status.load.free_bytes,
        replicas=status.replicas,
        failed_volumes=status.load.failed_volumes,
    )


def health_to_wire(tree: TreeHealth) -> pb.FsckReply:
    return pb.FsckReply(files=[_file_to_wire(file) for file in tree.files], state=tree.state)


def _file_to_wire(file: FileHealth) -> pb.FsckFile:
    return pb.FsckFile(
        path=file.path,
        length=file.length,
        replication=file.replication,
        blocks=[_block_to_wire(block) for block in file.blocks],
    )


def _block_to_wire(block: BlockHealth) -> pb.FsckBlock:
    return pb.FsckBlock(
        block=block_to_wire(block.block),
        nodes=nodes_to_wire(block.nodes),
        state=block.state,
        last_holders=excluded_to_wire(block.last_holders),
    )
