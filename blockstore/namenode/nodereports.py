"""What the NameNode knows of its cluster and of each DataNode, for administrators."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from blockstore.model import ClusterReport, NodeLoad, NodeReport
from blockstore.namenode.moment import moment
from blockstore.namenode.parts import Parts
from blockstore.namenode.roster import Duty, Member

# A node of the roster that hasn't registered since this NameNode began.
ABSENT = "absent"

# Of the open files that keep a node from going, so many are named.
SAMPLE_FILES: Final = 20

_ON_THE_WAY = {Duty.LEAVE: "decommissioning", Duty.REST: "entering maintenance"}
_THERE = {Duty.LEAVE: "decommissioned", Duty.REST: "in maintenance"}


def cluster_report(parts: Parts, now: float) -> ClusterReport:
    files = parts.names.files
    return ClusterReport(
        node_reports(parts, now),
        files,
        len(parts.names.inodes) - files,
        len(parts.state.blocks),
        len(parts.replication.short),
        parts.blocks.corrupt,
        parts.state.committed_blocks - parts.blocks.reported,
        parts.safe_mode.status(),
        parts.state.epoch,
        parts.state.transaction,
        len(parts.replication.misplaced),
    )


def node_reports(parts: Parts, now: float) -> tuple[NodeReport, ...]:
    """Every DataNode of the roster, by id."""
    members = sorted(parts.state.roster, key=lambda member: member.node.node_id)
    return tuple(node_report(parts, member, now) for member in members)


def node_report(parts: Parts, member: Member, now: float) -> NodeReport:
    node_id = member.node.node_id
    known = parts.nodes.get(node_id)
    drain = parts.replication.draining.get(node_id)
    is_serving = member.duty is Duty.SERVE
    pace = drain.pace if drain is not None else None
    load = (known.load if known is not None else None) or NodeLoad()
    return NodeReport(
        # The roster's has the byte port of some earlier start.
        known.node if known is not None else member.node,
        parts.nodes.state(node_id, now).value if known is not None else ABSENT,
        parts.nodes.silence_s(node_id, now) if known is not None else 0.0,
        load.capacity_bytes,
        load.used_bytes,
        load.free_bytes,
        len(parts.blocks.of_node(node_id)),
        load.failed_volumes,
        volumes=load.volumes,
        duty=_duty_words(parts, member, now),
        until_s=member.until_s,
        blocks_left=len(drain.blocks) if drain is not None else 0,
        bytes_left=drain.bytes_left if drain is not None else 0,
        bytes_per_s=pace.per_s if pace is not None else 0.0,
        seconds_left=pace.seconds_left if pace is not None else None,
        open_files=()
        if is_serving
        else tuple(islice(_open_files(parts, member, now), SAMPLE_FILES)),
    )


def _duty_words(parts: Parts, member: Member, now: float) -> str:
    if member.duty is Duty.SERVE:
        return Duty.SERVE.value
    node_id = member.node.node_id
    drain = parts.replication.draining.get(node_id)
    # A node that isn't there has nothing that others still need from it.
    looked_at = parts.leaving.is_looked_at(node_id) and (drain is None or not drain.blocks)
    registered = parts.nodes.get(node_id) is not None
    if parts.replication.is_quiet(now) or parts.safe_mode.on or not looked_at:
        return _ON_THE_WAY[member.duty]
    if registered and (drain is None or any(_open_files(parts, member, now))):
        return _ON_THE_WAY[member.duty]
    return _THERE[member.duty]


def writers_wanted(parts: Parts, now: float) -> dict[str, int]:
    """Nodes that are to go, and how many others must write an open block before they can."""
    off_duty = parts.state.roster.on_duty(Duty.LEAVE, Duty.REST)
    if (
        not off_duty
        or parts.safe_mode.on
        or not moment(parts.nodes, parts.state.roster, now).serving
    ):
        return {}
    return {member.node.node_id: _enough(parts, member.duty) for member in off_duty}


def _enough(parts: Parts, duty: Duty) -> int:
    return parts.config.rest_replicas if duty is Duty.REST else parts.config.durable_replicas


def _open_files(parts: Parts, member: Member, now: float) -> Iterator[str]:
    """Files whose last block needs the node while it's written: too few serving nodes write it,
    too. Where there are enough, its going is a pipeline failure like any other."""
    node_id = member.node.node_id
    present = moment(parts.nodes, parts.state.roster, now)
    enough = _enough(parts, member.duty)
    for file in parts.state.open_files.values():
        if file.blocks and not file.blocks[-1].committed:
            writing = {node.node_id for node in file.blocks[-1].pipeline}
            staying = len((writing & present.serving) - {node_id})
            if node_id in writing and staying < min(enough, file.replication):
                yield parts.names.path_of(file)
