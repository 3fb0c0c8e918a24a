"""What administrators see, between the wire's messages and the model's nouns."""

from blockstore.adminmodel import BalancerStatus, SafeModeWhy, Utilisation, WaitedBlock
from blockstore.codec import (
    block_from_wire,
    block_to_wire,
    excluded_from_wire,
    excluded_to_wire,
    node_from_wire,
    node_to_wire,
    nodes_from_wire,
    nodes_to_wire,
    volume_from_wire,
    volume_to_wire,
)
from blockstore.model import (
    ClusterReport,
    FsckBlock,
    FsckFile,
    FsckReport,
    NodeReport,
    SafeMode,
)
from blockstore.wire import namenode_pb2 as pb


def safe_mode_to_wire(mode: SafeMode) -> pb.SafeModeReply:
    return pb.SafeModeReply(
        on=mode.on,
        reason=mode.reason,
        blocks_reported=mode.blocks_reported,
        blocks_needed=mode.blocks_needed,
    )


def safe_mode_from_wire(wire: pb.SafeModeReply) -> SafeMode:
    return SafeMode(wire.on, wire.reason, wire.blocks_reported, wire.blocks_needed)


def why_to_wire(why: SafeModeWhy) -> pb.SafeModeWhyReply:
    return pb.SafeModeWhyReply(
        mode=safe_mode_to_wire(why.mode),
        missing=why.missing,
        sample=[
            pb.WaitedBlock(
                block=block_to_wire(waited.block),
                path=waited.path,
                last_holders=excluded_to_wire(waited.last_holders),
            )
            for waited in why.sample
        ],
        absent=nodes_to_wire(why.absent),
        silent=nodes_to_wire(why.silent),
        unreported=nodes_to_wire(why.unreported),
    )


def why_from_wire(wire: pb.SafeModeWhyReply) -> SafeModeWhy:
    sample = tuple(
        WaitedBlock(
            block_from_wire(waited.block), waited.path, excluded_from_wire(waited.last_holders)
        )
        for waited in wire.sample
    )
    return SafeModeWhy(
        safe_mode_from_wire(wire.mode),
        wire.missing,
        sample,
        nodes_from_wire(wire.absent),
        nodes_from_wire(wire.silent),
        nodes_from_wire(wire.unreported),
    )


# --- the cluster -------------------------------------------------------------------------


def report_to_wire(report: ClusterReport) -> pb.ClusterReport:
    return pb.ClusterReport(
        nodes=[node_report_to_wire(node) for node in report.nodes],
        files=report.files,
        directories=report.directories,
        blocks=report.blocks,
        under_replicated=report.under_replicated,
        corrupt=report.corrupt,
        missing=report.missing,
        safe_mode=safe_mode_to_wire(report.safe_mode),
        epoch=report.epoch,
        transaction=report.transaction,
        misplaced=report.misplaced,
        call_port=report.call_port,
    )


def report_from_wire(wire: pb.ClusterReport) -> ClusterReport:
    return ClusterReport(
        nodes=tuple(node_report_from_wire(node) for node in wire.nodes),
        files=wire.files,
        directories=wire.directories,
        blocks=wire.blocks,
        under_replicated=wire.under_replicated,
        corrupt=wire.corrupt,
        missing=wire.missing,
        safe_mode=safe_mode_from_wire(wire.safe_mode),
        epoch=wire.epoch,
        transaction=wire.transaction,
        misplaced=wire.misplaced,
        call_port=wire.call_port,
    )


def node_report_to_wire(report: NodeReport) -> pb.NodeReport:
    return pb.NodeReport(
        node=node_to_wire(report.node),
        state=report.state,
        heard_s_ago=report.heard_s_ago,
        capacity_bytes=report.capacity_bytes,
        used_bytes=report.used_bytes,
        free_bytes=report.free_bytes,
        replicas=report.replicas,
        failed_volumes=report.failed_volumes,
        volumes=map(volume_to_wire, report.volumes),
        duty=report.duty,
        until_s=report.until_s,
        blocks_left=report.blocks_left,
        bytes_left=report.bytes_left,
        bytes_per_s=report.bytes_per_s,
        seconds_left=report.seconds_left,
        open_files=report.open_files,
    )


def node_report_from_wire(wire: pb.NodeReport) -> NodeReport:
    return NodeReport(
        node=node_from_wire(wire.node),
        state=wire.state,
        heard_s_ago=wire.heard_s_ago,
        capacity_bytes=wire.capacity_bytes,
        used_bytes=wire.used_bytes,
        free_bytes=wire.free_bytes,
        replicas=wire.replicas,
        failed_volumes=tuple(wire.failed_volumes),
        volumes=tuple(map(volume_from_wire, wire.volumes)),
        duty=wire.duty,
        until_s=wire.until_s,
        blocks_left=wire.blocks_left,
        bytes_left=wire.bytes_left,
        bytes_per_s=wire.bytes_per_s,
        seconds_left=wire.seconds_left if wire.HasField("seconds_left") else None,
        open_files=tuple(wire.open_files),
    )


def balancer_to_wire(status: BalancerStatus) -> pb.BalancerReply:
    return pb.BalancerReply(
        running=status.running,
        reason=status.reason,
        threshold=status.threshold,
        bytes_per_s=status.bytes_per_s,
        bytes_moved=status.bytes_moved,
        bytes_left=status.bytes_left,
        moves=status.moves,
        seconds_left=status.seconds_left,
        mean=status.mean,
        nodes=[
            pb.Utilisation(
                node=node_to_wire(found.node),
                used_bytes=found.used_bytes,
                capacity_bytes=found.capacity_bytes,
            )
            for found in status.nodes
        ],
    )


def balancer_from_wire(wire: pb.BalancerReply) -> BalancerStatus:
    return BalancerStatus(
        wire.running,
        wire.reason,
        wire.threshold,
        wire.bytes_per_s,
        wire.bytes_moved,
        wire.bytes_left,
        wire.moves,
        wire.seconds_left if wire.HasField("seconds_left") else None,
        wire.mean,
        tuple(
            Utilisation(node_from_wire(found.node), found.used_bytes, found.capacity_bytes)
            for found in wire.nodes
        ),
    )


# --- health ------------------------------------------------------------------------------


def fsck_to_wire(report: FsckReport) -> pb.FsckReply:
    return pb.FsckReply(
        files=[_fsck_file_to_wire(file) for file in report.files],
        state=report.state,
        resume_after=report.resume_after,
    )


def _fsck_file_to_wire(file: FsckFile) -> pb.FsckFile:
    return pb.FsckFile(
        path=file.path,
        length=file.length,
        replication=file.replication,
        is_open=file.is_open,
        blocks=[
            pb.FsckBlock(
                block=block_to_wire(block.block),
                nodes=nodes_to_wire(block.nodes),
                state=block.state,
                last_holders=excluded_to_wire(block.last_holders),
            )
            for block in file.blocks
        ],
    )


def fsck_from_wire(wire: pb.FsckReply) -> FsckReport:
    files = tuple(_fsck_file_from_wire(file) for file in wire.files)
    return FsckReport(files, wire.state, wire.resume_after)


def _fsck_file_from_wire(wire: pb.FsckFile) -> FsckFile:
    blocks = tuple(
        FsckBlock(
            block_from_wire(block.block),
            nodes_from_wire(block.nodes),
            block.state,
            excluded_from_wire(block.last_holders),
        )
        for block in wire.blocks
    )
    return FsckFile(wire.path, wire.length, wire.replication, blocks, wire.is_open)
