"""Brings every closed block to the number of good replicas that its file wants.

Rules
- Most urgent first: blocks with one good replica, then with less than half of the wanted,
  then the others, then those whose replicas all stand on one rack while there are more.
- A bad replica (corrupt, stale) is deleted after the block has its good ones, or when it sits
  on the only node that could take a good one: one at a time. Never before there is a good one.
- Of too many good replicas on live, serving nodes the surplus is deleted (surplus.py), and never
  what would leave one rack of several; the last is never.
- A leaving node's replicas don't count, and are sources when no other is to be had. A resting
  node's count, when enough others are there; nothing is deleted while one rests.
- A move (balancer.py) is a copy, and the deletion of the source's when it is one too many.
- A copy that doesn't arrive in `order_timeout_s` is given up and decided anew; one that failed,
  at once, with other nodes. A deletion that isn't reported by then is ordered again, of the
  same replica: the order may only be late, and would meet the choice of another. Only when no
  good replica is left it is taken back.
- Nothing happens in safe mode. After a start on an old namespace nothing happens before nodes
  that are still coming would count as dead: their replicas aren't missing yet, and orders
  that they had before the start have been carried out.
"""

from collections.abc import Iterator
from itertools import islice
from operator import length_hint
from typing import Final

from blockstore.errors import PlacementException
from blockstore.model import CopyFailure, DeleteReplicas, Node, Order, Replicate
from blockstore.namenode.arriving import Arriving
from blockstore.namenode.backlog import Backlog
from blockstore.namenode.blockmap import BlockMap, Kind
from blockstore.namenode.config import NameNodeConfig
from blockstore.namenode.copies import Copies, Copy
from blockstore.namenode.datanodes import DataNode, DataNodes
from blockstore.namenode.draining import Draining
from blockstore.namenode.moment import ByDuty, Moment, moment
from blockstore.namenode.namespace import StoredBlock
from blockstore.namenode.state import State
from blockstore.namenode.surplus import Surplus
from blockstore.namenode.targets import Targets

NodeOrder = tuple[str, Order]

# When so many blocks in a row find no place, the others won't either: they wait for the next look.
PLACELESS_MAX: Final = 32
_MISPLACED: Final = 3


class Replication:
    """Which blocks need work, and the copies under way."""

    def __init__(
        self,
        config: NameNodeConfig,
        state: State,
        blocks: BlockMap,
        nodes: DataNodes,
        targets: Targets,
        now: float,
    ) -> None:
        self._config = config
        self._state = state
        self._blocks = blocks
        self._nodes = nodes
        self._targets = targets
        self._quiet_until = now + config.dead_after_s if state.committed_blocks else now
        # To be looked at: something about them has changed.
        self._touched = Backlog()
        # All blocks, when each is to be touched.
        self._all: Iterator[int] = iter(())
        # Wanting copies, by urgency.
        self._queues = (Backlog(), Backlog(), Backlog(), Backlog())
        self._copies = Copies(
            per_source=config.copies_per_source, per_target=config.copies_per_target
        )
        self._arriving = Arriving()
        # Ordered deletions, and when they are given up; the oldest first.
        self._deletions: dict[tuple[int, str], float] = {}
        # Blocks that were moved, and whence: that replica is the one too many.
        self._moved: dict[int, str] = {}
        self._surplus = Surplus(nodes, config.heartbeat_interval_s)
        self._racks = 0
        # The last work left blocks that could be looked at at once.
        self.is_behind = False
        self.draining = Draining(config.rest_replicas)
        # With fewer good replicas than wanted (also those with none).
        self.short: set[int] = set()
        self.misplaced: set[int] = set()

    def touch(self, block_id: int) -> None:
        self._touched.add(block_id)

    def settled(self, stored: StoredBlock, now: float) -> None:
        """Its writer has seen it end on all nodes of its pipeline."""
        good = self._blocks.good(stored.id)
        if len(good) < self._wanted(stored):
            silent = {node.node_id for node in stored.pipeline}.difference(good)
            self._arriving.expect(stored.id, frozenset(silent), now)

    def is_quiet(self, now: float) -> bool:
        """Whether it's too early to judge anything."""
        return now < self._quiet_until

    def is_busy(self) -> bool:
        """Whether any block waits for a copy."""
        return any(self._queues)

    def lost_node(self, node_id: str) -> None:
        """Copies from and to a dead node won't come."""
        for copy in self._copies.of_node(node_id):
            self._end_copy(copy)

    def arrived(self, block_id: int, node_id: str) -> None:
        copy = self._copies.end(block_id, node_id)
        if copy is not None:
            if copy.is_move:
                self._moved[block_id] = copy.source
            self.touch(block_id)

    def failed(self, failure: CopyFailure, now: float) -> None:
        """A copy won't come: others are asked, at once."""
        if self._copies.failed(failure, now):
            self.touch(failure.block.id)

    def copies(self, block_id: int) -> int:
        return len(self.copies_to(block_id))

    def copies_to(self, block_id: int) -> tuple[str, ...]:
        """The nodes that are to get one."""
        return self._copies.to(block_id)

    def can_move(self, source: str, target: str) -> bool:
        """Whether the limits leave room for one more."""
        return self._copies.can_leave(source) and self._copies.can_arrive(target)

    def move(
        self, stored: StoredBlock, source: str, target: Node, now: float, bytes_per_s: int
    ) -> NodeOrder:
        """A copy in whose place the source's replica goes."""
        return self._begin(stored, source, target, now, bytes_per_s)

    def work(self, now: float, most: int) -> list[NodeOrder]:
        """The orders of this moment, within the limits, for up to `most` blocks of each kind."""
        for block_id in self._arriving.take_overdue(now):
            self.touch(block_id)
        orders = self._repeat_late(now)
        if self.is_quiet(now):
            self.is_behind = False
            return orders
        present = moment(self._nodes, self._state.roster, now)
        if present.racks > 1 and self._racks <= 1:
            # What was well placed on one rack isn't any more.
            self._all = iter(tuple(self._state.blocks))
        self._racks = present.racks
        for block_id in islice(self._all, most):
            self.touch(block_id)
        self.is_behind = len(self._touched) > most or length_hint(self._all) > 0
        for _ in range(min(most, len(self._touched))):
            orders += self._sort_in(self._touched.take(), present)
        return orders + self._copy_some(present, most)

    def _copy_some(self, present: Moment, most: int) -> list[NodeOrder]:
        orders: list[NodeOrder] = []
        placeless = 0
        for queue in self._queues:
            for _ in range(min(most, len(queue))):
                if placeless > PLACELESS_MAX or not self._can_copy(present):
                    break
                try:
                    orders += self._copy(queue.take(), queue, present)
                except PlacementException:
                    placeless += 1
        return orders

    # --- what a block needs ---------------------------------------------------

    def _sort_in(self, block_id: int, present: Moment) -> list[NodeOrder]:
        for queue in self._queues:
            queue.discard(block_id)
        self.short.discard(block_id)
        self.misplaced.discard(block_id)
        moved_from = self._moved.pop(block_id, "")
        stored = self._state.blocks.get(block_id)
        if stored is None:
            for target in self._copies.to(block_id):
                self._copies.end(block_id, target)
            self._arriving.end(block_id)
            self.draining.dropped(block_id)
            return []
        if not stored.committed:
            return []
        for node_id, odd in self._blocks.odd(block_id).items():
            if odd.is_leaving and (block_id, node_id) not in self._deletions:
                # It returned from the dead and hasn't obeyed: it's told again when that's late.
                self._deletions[block_id, node_id] = present.now + self._config.order_timeout_s
        wanted, good = self._wanted(stored), self._blocks.good(block_id)
        held = present.by_duty(good)
        if len(good) < wanted:
            self.short.add(block_id)
        self.draining.judge(block_id, stored.length, wanted, held, present)
        lacking = held.lacking(wanted, self._config.rest_replicas)
        if lacking:
            if good and lacking > len(self._coming(block_id, present)):
                self._queues[self._urgency(len(good), wanted)].add(block_id)
            return []
        self._arriving.end(block_id)
        return self._delete_bad(block_id, present.now) + self._well_supplied(
            stored, wanted, held, moved_from, present
        )

    def _well_supplied(
        self, stored: StoredBlock, wanted: int, held: ByDuty, moved_from: str, present: Moment
    ) -> list[NodeOrder]:
        if present.is_misplaced(held.serving + held.resting, wanted):
            self.misplaced.add(stored.id)
            self._queues[_MISPLACED].add(stored.id)
            return []
        if held.resting:
            return []
        surplus = self._delete_surplus(stored, wanted, held.serving, moved_from, present)
        if len(held.serving) > wanted and not surplus:
            # The one too many may be on a node that is silent just now: looked at again.
            self.touch(stored.id)
        return surplus

    def _wanted(self, stored: StoredBlock) -> int:
        return self._state.names.file(stored.inode_id).replication

    @staticmethod
    def _urgency(good: int, wanted: int) -> int:
        if good == 1:
            return 0
        return 1 if good * 2 < wanted else 2

    def _delete_bad(self, block_id: int, now: float, at_once: int = 512) -> list[NodeOrder]:
        found = self._blocks.odd(block_id)
        bad = [(n, odd) for n, odd in found.items() if odd.kind in (Kind.CORRUPT, Kind.STALE)]
        may_go = max(0, at_once - sum(odd.is_leaving for odd in found.values()))
        return [(n, self._delete(block_id, n, odd.reason, now)) for n, odd in bad[:may_go]]

    def _delete_surplus(
        self,
        stored: StoredBlock,
        wanted: int,
        serving: tuple[str, ...],
        moved_from: str,
        present: Moment,
    ) -> list[NodeOrder]:
        good = [node_id for node_id in serving if node_id in present.live]
        orders: list[NodeOrder] = []
        while len(good) > max(1, wanted):
            victim = self._surplus.victim(good, moved_from, present)
            good.remove(victim)
            self._surplus.ordered(victim, stored.length, present.now)
            reason = "was told to delete it: one too many"
            orders.append((victim, self._delete(stored.id, victim, reason, present.now)))
        return orders

    def _delete(self, block_id: int, node_id: str, reason: str, now: float) -> DeleteReplicas:
        self._deletions.pop((block_id, node_id), None)
        self._deletions[block_id, node_id] = now + self._config.order_timeout_s
        return DeleteReplicas((self._blocks.mark_leaving(block_id, node_id, reason),))

    # --- copies ---------------------------------------------------------------

    def _coming(self, block_id: int, present: Moment) -> set[str]:
        """Nodes that get a replica, or have one and haven't reported it yet."""
        arriving = self._arriving.of(block_id) & present.live
        odd = self._blocks.odd(block_id)
        silent = {n for n in arriving if n not in odd or odd[n].kind is Kind.OPEN}
        return silent.difference(self._blocks.good(block_id)).union(self._copies.to(block_id))

    def _can_copy(self, present: Moment) -> bool:
        return any(map(self._copies.can_arrive, present.serving)) and any(
            map(self._copies.can_leave, present.live)
        )

    def _copy(self, block_id: int, queue: Backlog, present: Moment) -> list[NodeOrder]:
        """Of a block taken from its queue, which comes in again while something more is wanted.

        Raises PlacementException when there's no place for it now.
        """
        stored = self._state.blocks.get(block_id)
        good = self._blocks.good(block_id)
        if stored is None or not good:
            return []
        wanted, held = self._wanted(stored), present.by_duty(good)
        lacking = held.lacking(wanted, self._config.rest_replicas)
        is_misplaced = not lacking and present.is_misplaced(held.serving + held.resting, wanted)
        coming = self._coming(block_id, present)
        if max(lacking, int(is_misplaced)) <= len(coming):
            return []
        queue.add(block_id)
        taken = self._blocks.holders(block_id) | coming
        if present.serving <= taken:
            # A bad replica sits where a good one could be. The others wait for that one.
            return self._delete_bad(block_id, present.now, at_once=1)
        source = self._source(block_id, good, present)
        if source is None:
            return []
        kept = (*held.serving, *held.resting, *self._copies.to(block_id))
        target = self._target(stored, taken, kept, is_misplaced, present)
        return [self._begin(stored, source, target, present.now)]

    def _begin(
        self, stored: StoredBlock, source: str, target: Node, now: float, bytes_per_s: int = 0
    ) -> NodeOrder:
        deadline = now + self._config.order_timeout_s
        if bytes_per_s:
            deadline += stored.length * self._config.copies_per_source / bytes_per_s
        is_move = bytes_per_s > 0
        self._copies.begin(Copy(stored.id, source, target.node_id, deadline, is_move))
        return source, Replicate(stored.value(), (target,), bytes_per_s)

    def _source(self, block_id: int, good: tuple[str, ...], present: Moment) -> str | None:
        able = [
            node_id
            for node_id in good
            if node_id in present.live
            and self._copies.can_leave(node_id)
            and not self._copies.is_shunned(block_id, node_id)
        ]
        return min(
            able,
            key=lambda node_id: (
                node_id in present.off_duty,
                self._copies.leaving(node_id),
                node_id,
            ),
            default=None,
        )

    def _target(
        self,
        stored: StoredBlock,
        taken: set[str],
        kept: tuple[str, ...],
        is_misplaced: bool,
        present: Moment,
    ) -> Node:
        racks = {present.rack_of.get(node_id) for node_id in kept} if is_misplaced else set()

        def refuse(node: DataNode) -> str:
            node_id = node.node.node_id
            if node_id not in present.live:
                return "is not live"
            if node_id in taken:
                return "has a replica already"
            if node.node.rack in racks:
                return f"is on {node.node.rack} like all other replicas"
            if self._copies.is_shunned(stored.id, node_id):
                return "has just failed to take a copy"
            if not self._copies.can_arrive(node_id):
                return f"receives {self._copies.arriving(node_id)} copies already"
            return ""

        (target,) = self._targets.choose(
            wanted=1,
            block_bytes=stored.length,
            now=present.now,
            what=f"a copy of block {stored.id}",
            holding=self._nodes.nodes(tuple(sorted(kept))),
            refuse=refuse,
        )
        return target

    def _repeat_late(self, now: float) -> list[NodeOrder]:
        orders: list[NodeOrder] = []
        while self._deletions:
            (block_id, node_id), deadline = next(iter(self._deletions.items()))
            if now <= deadline:
                break
            del self._deletions[block_id, node_id]
            odd = self._blocks.odd(block_id).get(node_id)
            if odd is None or not odd.is_leaving:
                continue
            if self._blocks.good(block_id):
                orders.append((node_id, self._delete(block_id, node_id, odd.reason, now)))
            else:
                self._blocks.take_back(block_id, node_id)
                self.touch(block_id)
        self._copies.forgive(now)
        for copy in self._copies.late(now):
            self._end_copy(copy)
        return orders

    def _end_copy(self, copy: Copy) -> None:
        self._copies.end(copy.block_id, copy.target)
        self.touch(copy.block_id)
