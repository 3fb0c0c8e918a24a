"""What DataNodes report: registrations, heartbeats, replicas.

Rules
- A node of another cluster is refused; a node that is unknown in this epoch, or was declared
  dead, registers again and then sends a full report.
- What a full report doesn't have is gone; what incremental reports say is added to it. A report
  that was overtaken by a later one is ignored.
- A full report comes in pieces, so that others are answered between them. One that is broken off
  (its node registers again, or is given up) counts as far as it came; what it hadn't told of by
  then isn't gone.
- A full report is asked for again from time to time: whatever went wrong with the others, the
  truth comes out.
- A node gives writers receipts for replicas that it has finalised. One is as good as its report,
  if it's of the incarnation that is registered, and no report has come yet that could tell of the
  replica, or of what became of it since: the node's own word comes later, in order, and counts.
"""

import logging
from collections.abc import Sequence
from itertools import islice

from blockstore.errors import ConfigException, InvalidRequestException, StaleEpochException
from blockstore.model import (
    Block,
    CopyFailure,
    DeleteReplicas,
    Node,
    NodeLoad,
    Order,
    Receipt,
    Replica,
    ReplicaState,
    SendReport,
)
from blockstore.namenode.datanodes import DataNode, FullReport
from blockstore.namenode.entries import NodeEntered
from blockstore.namenode.parts import Parts
from blockstore.namenode.replies import Registration
from blockstore.namenode.roster import Duty

log = logging.getLogger(__name__)

# A report frees copy slots; so much of the queue is looked at then. The tick looks at more.
WORK_PER_REPORT: int = 64


class Reporting:
    """DataNodes, as they tell of themselves."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._ticked_at = parts.started_at

    def register(self, node: Node, incarnation: int, cluster_id: str, now: float) -> Registration:
        state = self._parts.state
        if not (node.node_id and node.host and node.port):
            raise InvalidRequestException(f"a DataNode needs an id, a host and a port: {node!r}")
        if cluster_id and cluster_id != state.cluster_id:
            raise ConfigException(
                f"{node} has blocks of cluster {cluster_id}, this NameNode's is "
                f"{state.cluster_id}: give the DataNode the address of its own NameNode, or an "
                "empty directory"
            )
        for node_id in self._parts.nodes.register(node, incarnation, now):
            reason = "was replaced: its DataNode started anew"
            self._lose_replicas(node_id, reason, process_ended=True)
            if node_id != node.node_id:
                self._parts.replication.draining.end(node_id)
        self._enter_roster(node)
        log.info("%s registered (incarnation %d)", node, incarnation)
        return Registration(state.cluster_id, state.epoch, self._parts.config.heartbeat_interval_s)

    def _enter_roster(self, node: Node) -> None:
        known = self._parts.state.roster.get(node.node_id)
        if (known is not None and known.node == node) or not self._parts.safe_mode.can_record:
            return
        self._parts.record(NodeEntered(node.node_id, node.host, node.port, node.rack))
        for block_id in self._parts.blocks.of_node(node.node_id):
            self._parts.replication.touch(block_id)

    def heartbeat(
        self, node_id: str, incarnation: int, epoch: int, load: NodeLoad, now: float
    ) -> bool:
        """Whether the node is known; otherwise it must register again."""
        node = self._parts.nodes.current(node_id, incarnation)
        if node is None or epoch != self._parts.state.epoch:
            return False
        if self._parts.nodes.is_buried(node_id):
            return False
        node.load, node.load_at = load, now
        self._parts.nodes.heard(node_id, now)
        return True

    def full_report(
        self,
        node_id: str,
        incarnation: int,
        epoch: int,
        replicas: Sequence[Replica],
        number: int,
        piece: int,
        more: bool,
        now: float,
    ) -> None:
        node = self._registered(node_id, incarnation, epoch)
        self._parts.nodes.heard(node_id, now)
        report = self._full_report(node, number, piece)
        if report is None:
            return
        report.next_piece += 1
        report.replicas += len(replicas)
        for replica in replicas:
            report.unseen.discard(replica.block.id)
            self._take(node_id, replica)
        if not more:
            self._end_full(node, report, now)
        self.work(now, WORK_PER_REPORT)

    def _full_report(self, node: DataNode, number: int, piece: int) -> FullReport | None:
        """The report that this is the next piece of; None when it's a late or repeated one."""
        if piece == 0:
            if not node.takes(number):
                return None
            known = self._parts.blocks.begin_full(node.node.node_id)
            node.full_report = FullReport(number, known)
        elif node.is_old(number, piece):
            return None
        report = node.full_report
        if report is None or (report.number, report.next_piece) != (number, piece):
            raise StaleEpochException(
                f"piece {piece} of report {number} of {node.node} follows none that is known here: "
                "send the report from its beginning"
            )
        return report

    def _end_full(self, node: DataNode, report: FullReport, now: float) -> None:
        node_id = node.node.node_id
        node.full_report, node.last_whole_report = None, report.number
        node.report_due_at = now + self._parts.config.full_report_interval_s
        self._parts.blocks.end_full(node_id, report.unseen)
        self._parts.forget()
        log.info("%s reported %d replicas", node.node, report.replicas)
        if self._parts.state.roster.duty(node_id) is not Duty.SERVE:
            self.look_at_drain(node_id)

    def incremental_report(
        self,
        node_id: str,
        incarnation: int,
        epoch: int,
        replicas: Sequence[Replica],
        number: int,
        now: float,
    ) -> None:
        node = self._registered(node_id, incarnation, epoch)
        if not node.takes(number):
            return
        for replica in replicas:
            if replica.state is ReplicaState.CORRUPT:
                log.warning("%s says its replica of %s is corrupt", node_id, replica.block)
            self._take(node_id, replica)
        self.work(now, WORK_PER_REPORT)

    def take_receipts(self, block: Block, receipts: Sequence[Receipt]) -> None:
        """A writer hands on what nodes gave it for this block; to be called before its Complete."""
        stored = self._parts.state.blocks.get(block.id)
        if stored is None or stored.generation != block.generation:
            return
        wrote = {node.node_id for node in stored.pipeline}
        for receipt in receipts:
            node_id = receipt.node_id
            node = self._parts.nodes.current(node_id, receipt.incarnation)
            given_up = node is None or self._parts.nodes.is_buried(node_id)
            if node_id in wrote and node and not given_up and node.is_ahead(receipt.report):
                self._take(node_id, Replica(block, ReplicaState.FINALIZED))

    def _take(self, node_id: str, replica: Replica) -> None:
        below = self._parts.state.next_block_id
        self._parts.blocks.report(node_id, replica, allocated_below=below)
        self._touched(replica.block.id, node_id)

    def bad_replica(self, block_id: int, node_id: str, reason: str, now: float) -> None:
        """A reader's word; its own node is asked to look, by the replacement that follows."""
        if self._parts.blocks.mark_corrupt(block_id, node_id, reason):
            log.warning(
                "a reader found the replica of block %d on %s bad: %s", block_id, node_id, reason
            )
            self._touched(block_id, node_id)
            self.work(now, WORK_PER_REPORT)

    def copy_failed(self, node_id: str, failure: CopyFailure, *, epoch: int, now: float) -> None:
        """The sender's word that a copy won't come: it's decided anew at once."""
        self.check_epoch(node_id, epoch)
        log.warning("%s", failure)
        self._parts.replication.failed(failure, now)
        self.work(now, WORK_PER_REPORT)

    def tick(self, now: float) -> bool:
        """Whether the next one should come at once."""
        if now - self._ticked_at > self._parts.config.stale_after_s:
            log.warning("this NameNode was away for %.1f s", now - self._ticked_at)
            self._parts.nodes.forgive(now)
        self._ticked_at = now
        for node in self._parts.nodes.all():
            # Who registered while the journal had no room is entered when it has.
            self._enter_roster(node.node)
        for node_id in self._parts.nodes.bury(now):
            silence_s = self._parts.nodes.silence_s(node_id, now)
            if self._parts.state.roster.duty(node_id) is Duty.REST:
                log.info("%s is silent for %.1f s, in maintenance", node_id, silence_s)
                self._parts.replication.lost_node(node_id)
                continue
            log.warning("%s is dead: silent for %.1f s", node_id, silence_s)
            self.lose(node_id, f"is dead: not heard of for {silence_s:.0f} s")
        for node in self._parts.nodes.live(now):
            if node.report_due_at is not None and now > node.report_due_at:
                node.report_due_at = now + self._parts.config.full_report_interval_s
                self._parts.order(node.node.node_id, SendReport())
        self.work(now, self._parts.config.replication_work_max)
        return self._parts.replication.is_behind and not self._parts.safe_mode.keeps_replicas

    def lose(self, node_id: str, reason: str) -> None:
        """The node is dead: what it has must be made anew."""
        self._lose_replicas(node_id, reason, process_ended=False)

    def look_at_drain(self, node_id: str) -> None:
        """All blocks of the node are looked at; when it's to go, all of them need it until then."""
        parts = self._parts
        if parts.state.roster.duty(node_id) is not Duty.SERVE:
            parts.replication.draining.begin(node_id)
        parts.leaving.begin(node_id, parts.blocks.of_node(node_id))
        # The first slice; the shell has the others done.
        parts.forget()

    def _lose_replicas(self, node_id: str, reason: str, *, process_ended: bool) -> None:
        parts = self._parts
        node = parts.nodes.get(node_id)
        if node is not None:
            node.full_report = None
        parts.replication.lost_node(node_id)
        parts.blocks.lose_node(node_id, reason, process_ended=process_ended)
        # The first slice; the shell has the others done.
        parts.forget()

    def work(self, now: float, most: int) -> None:
        """Safe mode's end, copies and deletions, as far as they are due."""
        if not self._parts.blocks.is_losing and self._parts.safe_mode.progress():
            log.info("safe mode is over: %s", self._parts.safe_mode.status().reason)
        if self._parts.safe_mode.keeps_replicas:
            return
        for node_id, order in self._parts.replication.work(now, most):
            self._parts.order(node_id, order)
        most = self._parts.config.deletions_per_node_max
        for node_id, order in _deletions(self._parts.blocks.doomed, most):
            self._parts.order(node_id, order)

    def _registered(self, node_id: str, incarnation: int, epoch: int) -> DataNode:
        node = self._parts.nodes.current(node_id, incarnation)
        self.check_epoch(node_id, epoch)
        if node is None:
            raise StaleEpochException(
                f"{node_id} is not registered with incarnation {incarnation}: register, then send "
                "a full report"
            )
        return node

    def check_epoch(self, node_id: str, epoch: int) -> None:
        if epoch != self._parts.state.epoch:
            raise StaleEpochException(
                f"{node_id} speaks of epoch {epoch}, this NameNode's is "
                f"{self._parts.state.epoch}: register, then send a full report"
            )

    def _touched(self, block_id: int, node_id: str) -> None:
        parts = self._parts
        parts.replication.touch(block_id)
        if parts.replication.copies(block_id) and node_id in parts.blocks.good(block_id):
            parts.replication.arrived(block_id, node_id)
        stored = parts.state.blocks.get(block_id)
        if stored is not None and stored.inode_id in parts.state.open_files:
            parts.progressed(stored.inode_id)


def _deletions(doomed: dict[str, dict[int, Block]], most: int) -> list[tuple[str, Order]]:
    """Orders for up to `most` doomed replicas of every node; takes them from the table."""
    orders: list[tuple[str, Order]] = []
    for node_id, blocks in list(doomed.items()):
        batch = list(islice(blocks.values(), most))
        for block in batch:
            del blocks[block.id]
        if batch:
            orders.append((node_id, DeleteReplicas(tuple(batch))))
        if not blocks:
            del doomed[node_id]
    return orders
