"""How an open file becomes a closed one: by its writer, or without it (lease recovery).

Rules
- A lease is taken in a journaled step; from then on the old writer changes nothing.
- The last block is recovered: it gets a new generation stamp, one node that has a replica (the
  primary) agrees with the others on one length and reports it (CommitRecovery). When that
  doesn't come within `recovery_timeout_s`, or the primary falls silent, another node is the
  primary, with another stamp.
- Synced bytes are never cut away: a recovery that found fewer is tried again.
- A block that is being truncated is recovered in the same way, to the length that it shall have.
- A last block of which nobody has a byte, and no byte was synced, is dropped: when its live
  nodes say so, or when all of its nodes are dead.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from blockstore.errors import StaleEpochException
from blockstore.model import Block, Node, RecoverBlock, ReplicaState
from blockstore.namenode.blockmap import Kind
from blockstore.namenode.entries import (
    BlockAbandoned,
    FileClosed,
    GenerationTaken,
    LeaseRevoked,
)
from blockstore.namenode.leases import client_of
from blockstore.namenode.namespace import NAMENODE_WRITES, File, StoredBlock
from blockstore.namenode.parts import Parts
from blockstore.namenode.replies import Completion
from blockstore.namenode.roster import Duty
from blockstore.runtime.liveness import State

log = logging.getLogger(__name__)

# One may be late, three are none.
SILENT_HEARTBEATS = 3


@dataclass(slots=True)
class Attempt:
    """One try of a block recovery; times are monotonic seconds."""

    block_id: int
    generation: int
    primary: str
    deadline: float


class Closing:
    """Files on their way to being closed."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._attempts: dict[int, Attempt] = {}
        # Primaries that have had their try, by file.
        self._tried: dict[int, set[str]] = {}

    # --- what a close waits for -----------------------------------------------

    def waiting_for(self, file: File, now: float) -> str:
        """In words; empty when every block is durable enough."""
        live = {node.node.node_id for node in self._parts.nodes.live(now)}
        # Nodes on their way out take no block, so they can't be waited for.
        serving = sum(self._parts.state.roster.duty(n) is Duty.SERVE for n in live)
        wanted = min(self._parts.config.durable_replicas, file.replication, max(1, serving))
        blocks_before = self._parts.state.openings[file.id].blocks_before
        for block in reversed(file.blocks[blocks_before:]):
            good = [n for n in self._parts.blocks.good(block.id) if n in live]
            if len(good) < wanted:
                why = self._parts.targets.too_few(
                    wanted=wanted - len(good), beside=good, block_bytes=block.length, now=now
                )
                return (
                    f"{block.value()} has {len(good)} finalised replicas on live nodes, "
                    f"{wanted} are needed{f' ({why})' if why else ''}"
                )
        return ""

    def close(self, file: File, wall: float) -> None:
        self._parts.record(FileClosed(file.id, wall))
        self._attempts.pop(file.id, None)
        self._tried.pop(file.id, None)

    def who_writes(self, file: File, now: float) -> str:
        """Why nobody else can change the file now, in words."""
        if self._parts.state.openings[file.id].is_cut:
            return f"is being truncated: {self.what_recovery_waits_for(file)}; try again soon"
        if not file.writer:
            return "is being closed by the NameNode for a writer that is gone: try again soon"
        silence_s = self._parts.leases.silence_s(file.writer, now)
        return (
            f"is being written by {client_of(file.writer)}, heard of {silence_s:.0f} s ago: "
            "wait until it is closed, or overwrite it"
        )

    # --- taking the lease -----------------------------------------------------

    def claim(self, file: File, now: float) -> None:
        """Another client wants the file: takes the lease if its holder is silent for long."""
        if file.writer and self._parts.leases.is_soft_expired(file.writer, now):
            self.revoke(file)

    def revoke(self, file: File) -> None:
        if file.writer:
            log.info("the lease of %s on file %d is taken", file.writer, file.id)
            self._parts.record(LeaseRevoked(file.id))

    def revoke_all(self, client_id: str) -> None:
        for file in list(self._parts.state.open_files.values()):
            if file.writer and client_of(file.writer) == client_id:
                self.revoke(file)

    def recover(self, file: File, *, now: float, wall: float) -> Completion:
        """RecoverLease: done at once, or begun."""
        if not file.is_open:
            return Completion(True)
        self.revoke(file)
        if self._advance(file, now, wall):
            return Completion(True)
        return Completion(False, self.what_recovery_waits_for(file))

    def tick(self, now: float, wall: float) -> None:
        for client_id in self._parts.leases.take_hard_expired(now):
            self.revoke_all(client_id)
        for file in list(self._parts.state.open_files.values()):
            if file.writer == NAMENODE_WRITES:
                self._advance(file, now, wall)

    # --- block recovery -------------------------------------------------------

    def _advance(self, file: File, now: float, wall: float) -> bool:
        """The next step to close a revoked file; whether it's closed now."""
        if self._is_under_way(file, now):
            return False
        before = self._parts.state.openings[file.id].blocks_before
        last = file.blocks[-1] if len(file.blocks) > before else None
        if last is not None and not (last.committed and self._parts.blocks.good(last.id)):
            holders = self._live_holders(last, now)
            if holders:
                self._order_recovery(file, last, holders, now)
                return False
            if not self._is_lost_without_loss(last, now):
                return False
            self._parts.record(BlockAbandoned(file.id, last.id))
        self.close(file, wall)
        return True

    def _live_holders(self, last: StoredBlock, now: float) -> list[Node]:
        """Live nodes of the block's pipeline, and those with an ended replica; those that reported
        one first.

        Nobody else's open replica counts: a node that was left out while a pipeline was rebuilt
        may have the new stamp all the same, without what was acknowledged since.
        """
        reported = set(self._parts.blocks.good(last.id)) | {
            node_id
            for node_id, odd in self._parts.blocks.odd(last.id).items()
            if odd.kind in (Kind.OPEN, Kind.STALE)
            and odd.replica.block.generation >= last.generation
        }
        ids = set(self._parts.blocks.good(last.id)) | {
            node_id
            for node_id, odd in self._parts.blocks.odd(last.id).items()
            if node_id in reported and odd.replica.state is ReplicaState.FINALIZED
        }
        ids |= {node.node_id for node in last.pipeline}
        live = [n.node for n in self._parts.nodes.live(now) if n.node.node_id in ids]

        def rank(node: Node) -> tuple[bool, bool, str]:
            silent = self._is_silent(node.node_id, now)
            return node.node_id not in reported, silent, node.node_id

        return sorted(live, key=rank)

    def _is_silent(self, node_id: str, now: float) -> bool:
        """It has missed some heartbeats, and may be dead."""
        allowed_s = SILENT_HEARTBEATS * self._parts.config.heartbeat_interval_s
        return self._parts.nodes.silence_s(node_id, now) > allowed_s

    def _is_under_way(self, file: File, now: float) -> bool:
        attempt = self._attempts.get(file.id)
        if attempt is None or now > attempt.deadline:
            return False
        if not self._is_silent(attempt.primary, now):
            return True
        # The primary has died, it seems: another one needn't wait, if there is one that lives.
        others = self._live_holders(file.blocks[-1], now)
        return all(self._is_silent(node.node_id, now) for node in others)

    def _order_recovery(
        self, file: File, last: StoredBlock, holders: Sequence[Node], now: float
    ) -> None:
        tried = self._tried.setdefault(file.id, set())
        if all(node.node_id in tried for node in holders):
            tried.clear()
        primary = next(node for node in holders if node.node_id not in tried)
        tried.add(primary.node_id)
        generation = self._parts.state.next_generation
        self._parts.record(GenerationTaken(generation))
        self._attempts[file.id] = Attempt(
            last.id, generation, primary.node_id, now + self._parts.config.recovery_timeout_s
        )
        cut_to = last.length if self._parts.state.openings[file.id].is_cut else None
        order = RecoverBlock(last.value(), generation, tuple(holders), cut_to)
        self._parts.order(primary.node_id, order)

    def _is_lost_without_loss(self, last: StoredBlock, now: float) -> bool:
        """No byte was synced, and no node that may have one can still come."""
        nodes = self._parts.nodes
        if last.length or now - self._parts.started_at <= self._parts.config.dead_after_s:
            return False
        return all(nodes.state(node.node_id, now) is State.DEAD for node in last.pipeline)

    def what_recovery_waits_for(self, file: File) -> str:
        last = file.blocks[-1] if file.blocks else None
        attempt = self._attempts.get(file.id)
        if last is None:
            return "its turn"
        if attempt is not None:
            return f"{attempt.primary} recovers {last.value()} as generation {attempt.generation}"
        writers = ", ".join(str(node) for node in last.pipeline) or "unknown nodes"
        return f"no live node has a replica of {last.value()}: it was written by {writers}"

    def commit_recovery(
        self, node_id: str, old: Block, new: Block | None, node_ids: Sequence[str], wall: float
    ) -> None:
        """The primary's word.

        Raises:
            StaleEpochException: another try has begun since, or the file is closed.
        """
        stored = self._parts.state.blocks.get(old.id)
        if stored is None or (new is not None and stored.committed and stored.value() == new):
            return
        file = self._parts.names.file(stored.inode_id)
        if not self._parts.names.stands(file):
            return
        attempt = self._attempts.get(file.id)
        if (
            attempt is None
            or (attempt.block_id, attempt.primary) != (old.id, node_id)
            or (new is not None and attempt.generation != new.generation)
        ):
            raise StaleEpochException(
                f"the recovery of {old} by {node_id} is not asked for any more"
            )
        found = new.length if new is not None else 0
        is_cut = self._parts.state.openings[file.id].is_cut
        if found < stored.length or (is_cut and found != stored.length):
            log.warning(
                "recovery of %s found %d of %d bytes on %s: trying others",
                old,
                found,
                stored.length,
                ", ".join(node_ids),
            )
            # The next tick asks another node.
            attempt.deadline = float("-inf")
            return
        if new is None:
            self._parts.record(BlockAbandoned(file.id, stored.id))
        else:
            self._parts.commit(stored, new)
            self._take_over(stored, node_ids)
        self.close(file, wall)

    def _take_over(self, stored: StoredBlock, node_ids: Sequence[str]) -> None:
        for node_id in node_ids:
            if self._parts.nodes.get(node_id) is not None:
                self._parts.blocks.confirm(stored, node_id)
        self._parts.replication.touch(stored.id)
