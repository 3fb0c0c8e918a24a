"""Brings every closed block to the number of good replicas that its file wants.

Rules
- Most urgent first: blocks with one good replica, then with less than half of the wanted,
  then the others.
- A bad replica (corrupt, stale) is deleted after the block has its good ones, or when it sits
  on the only node that could take a good one. Never before there is a good one.
- Of too many good replicas on live nodes the surplus is deleted; the last is never.
- At most `copies_per_source` leave a node and `copies_per_target` reach it at a time.
- A copy that doesn't arrive in `order_timeout_s` is given up and decided anew. A deletion that
  isn't reported by then is ordered again, of the same replica: the order may only be late, and
  would meet the choice of another. Only when no good replica is left it is taken back.
- Nothing happens in safe mode. After a start on an old namespace nothing happens before nodes
  that are still coming would count as dead: their replicas aren't missing yet, and orders
  that they had before the start have been carried out.
"""

from collections import Counter
from dataclasses import dataclass
from itertools import islice

from blockstore.errors import PlacementException
from blockstore.model import Block, DeleteReplicas, Node, Order, Replicate
from blockstore.namenode.blockmap import BlockMap, Kind
from blockstore.namenode.config import NameNodeConfig
from blockstore.namenode.datanodes import DataNode, DataNodes
from blockstore.namenode.namespace import StoredBlock
from blockstore.namenode.state import State
from blockstore.namenode.targets import Targets

NodeOrder = tuple[str, Order]


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy under way; times are monotonic seconds."""

    source: str
    deadline: float


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
        self._touched: dict[int, None] = {}
        # Wanting copies, by urgency.
        self._queues: tuple[dict[int, None], ...] = ({}, {}, {})
        self._copies: dict[int, dict[str, Copy]] = {}
        # Ordered deletions, and when they are given up; the oldest first.
        self._deletions: dict[tuple[int, str], float] = {}
        self._leaving: Counter[str] = Counter()
        self._arriving: Counter[str] = Counter()
        # With fewer good replicas than wanted (also those with none).
        self.short: set[int] = set()

    def touch(self, block_id: int) -> None:
        self._touched[block_id] = None

    def lost_node(self, node_id: str) -> None:
        """Copies from and to a dead node won't come."""
        for block_id, copies in list(self._copies.items()):
            for target, copy in list(copies.items()):
                if node_id in (target, copy.source):
                    self._end_copy(block_id, target)

    def arrived(self, block_id: int, node_id: str) -> None:
        if node_id in self._copies.get(block_id, {}):
            self._end_copy(block_id, node_id)

    def copies(self, block_id: int) -> int:
        return len(self._copies.get(block_id, {}))

    def work(self, now: float, most: int) -> list[NodeOrder]:
        """The orders of this moment, within the limits, for up to `most` blocks of each kind."""
        orders = self._repeat_late(now)
        if now < self._quiet_until:
            return orders
        live = {node.node.node_id for node in self._nodes.live(now)}
        for block_id in list(islice(self._touched, most)):
            del self._touched[block_id]
            orders += self._sort_in(block_id, live, now)
        for queue in self._queues:
            for block_id in list(islice(queue, most)):
                orders += self._copy(block_id, queue, live, now)
        return orders

    # --- what a block needs ---------------------------------------------------

    def _sort_in(self, block_id: int, live: set[str], now: float) -> list[NodeOrder]:
        for queue in self._queues:
            queue.pop(block_id, None)
        self.short.discard(block_id)
        stored = self._state.blocks.get(block_id)
        if stored is None:
            for target in list(self._copies.get(block_id, {})):
                self._end_copy(block_id, target)
            return []
        if not stored.committed:
            return []
        for node_id, odd in self._blocks.odd(block_id).items():
            if odd.is_leaving and (block_id, node_id) not in self._deletions:
                # It returned from the dead and hasn't obeyed: it's told again when that's late.
                self._deletions[block_id, node_id] = now + self._config.order_timeout_s
        wanted, good = self._wanted(stored), len(self._blocks.good(block_id))
        if good < wanted:
            self.short.add(block_id)
            if good > 0 and good + self.copies(block_id) < wanted:
                self._queues[self._urgency(good, wanted)][block_id] = None
            return []
        surplus = self._delete_surplus(stored, wanted, live, now)
        if good > wanted and not surplus:
            # The one too many may be on a node that is silent just now: looked at again.
            self.touch(block_id)
        return self._delete_bad(block_id, now) + surplus

    def _wanted(self, stored: StoredBlock) -> int:
        return self._state.names.file(stored.inode_id).replication

    @staticmethod
    def _urgency(good: int, wanted: int) -> int:
        if good == 1:
            return 0
        return 1 if good * 2 < wanted else 2

    def _delete_bad(self, block_id: int, now: float) -> list[NodeOrder]:
        bad = [
            (node_id, odd)
            for node_id, odd in self._blocks.odd(block_id).items()
            if odd.kind in (Kind.CORRUPT, Kind.STALE)
        ]
        return [(n, self._delete(block_id, n, odd.reason, now)) for n, odd in bad]

    def _delete_surplus(
        self, stored: StoredBlock, wanted: int, live: set[str], now: float
    ) -> list[NodeOrder]:
        good = [node_id for node_id in self._blocks.good(stored.id) if node_id in live]
        orders: list[NodeOrder] = []
        while len(good) > max(1, wanted):
            victim = self._most_dispensable(good)
            good.remove(victim)
            reason = "was told to delete it: one too many"
            orders.append((victim, self._delete(stored.id, victim, reason, now)))
        return orders

    def _most_dispensable(self, node_ids: list[str]) -> str:
        """On the rack with the most replicas, the fullest; by name when all is equal."""
        nodes = [node for node in map(self._nodes.get, node_ids) if node is not None]
        racks = Counter(node.node.rack for node in nodes)

        def rank(node: DataNode) -> tuple[int, int, str]:
            used = node.load.used_bytes if node.load is not None else 0
            return racks[node.node.rack], used, node.node.node_id

        return max(nodes, key=rank).node.node_id

    def _delete(self, block_id: int, node_id: str, reason: str, now: float) -> DeleteReplicas:
        self._deletions.pop((block_id, node_id), None)
        self._deletions[block_id, node_id] = now + self._config.order_timeout_s
        return DeleteReplicas((self._blocks.mark_leaving(block_id, node_id, reason),))

    # --- copies ---------------------------------------------------------------

    def _copy(
        self, block_id: int, queue: dict[int, None], live: set[str], now: float
    ) -> list[NodeOrder]:
        # To the back of its queue; out of it when nothing more is wanted.
        queue.pop(block_id)
        stored = self._state.blocks.get(block_id)
        good = self._blocks.good(block_id)
        if stored is None or not good or len(good) + self.copies(block_id) >= self._wanted(stored):
            return []
        queue[block_id] = None
        taken = self._blocks.holders(block_id) | set(self._copies.get(block_id, {}))
        if live <= taken:
            # A bad replica sits where a good one could be.
            return self._delete_bad(block_id, now)
        source = self._source(good, live)
        if source is None:
            return []
        try:
            target = self._target(stored, taken, live, now)
        except PlacementException:
            return []
        self._copies.setdefault(block_id, {})[target.node_id] = Copy(
            source, now + self._config.order_timeout_s
        )
        self._leaving[source] += 1
        self._arriving[target.node_id] += 1
        return [(source, Replicate(stored.value(), (target,)))]

    def _source(self, good: tuple[str, ...], live: set[str]) -> str | None:
        able = [
            node_id
            for node_id in good
            if node_id in live and self._leaving[node_id] < self._config.copies_per_source
        ]
        return min(able, key=lambda node_id: (self._leaving[node_id], node_id), default=None)

    def _target(self, stored: StoredBlock, taken: set[str], live: set[str], now: float) -> Node:
        def refuse(node: DataNode) -> str:
            if node.node.node_id not in live:
                return "is not live"
            if self._arriving[node.node.node_id] >= self._config.copies_per_target:
                return f"receives {self._arriving[node.node.node_id]} copies already"
            return ""

        (target,) = self._targets.choose(
            wanted=1,
            block_bytes=stored.length,
            now=now,
            what=f"a copy of block {stored.id}",
            holding=self._nodes.nodes(tuple(sorted(taken))),
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
        for block_id, copies in list(self._copies.items()):
            for target, copy in list(copies.items()):
                if now > copy.deadline:
                    self._end_copy(block_id, target)
        return orders

    def _end_copy(self, block_id: int, target: str) -> None:
        copies = self._copies[block_id]
        copy = copies.pop(target)
        if not copies:
            del self._copies[block_id]
        self._leaving[copy.source] -= 1
        self._arriving[target] -= 1
        self.touch(block_id)


def deletions(doomed: dict[str, dict[int, Block]], most: int) -> list[NodeOrder]:
    """Orders for up to `most` doomed replicas of every node; takes them from the table."""
    orders: list[NodeOrder] = []
    for node_id, blocks in list(doomed.items()):
        batch = list(islice(blocks.values(), most))
        for block in batch:
            del blocks[block.id]
        if batch:
            orders.append((node_id, DeleteReplicas(tuple(batch))))
        if not blocks:
            del doomed[node_id]
    return orders
