"""Which of a block's too many good replicas goes.

Rules
- One of the rack that has the most of them, so that the rest stands on as many racks as it can;
  there that of the fullest node, which is HDFS's choice, too.
- The source of a move goes before all others, where the rest doesn't stand on fewer racks by it.
- A node is as full as it said last, less what it has been told to delete since: of many blocks at
  once the nodes that are equally full give equally many.
"""

from collections import Counter, deque

from blockstore.namenode.datanodes import DataNodes
from blockstore.namenode.moment import Moment


class Surplus:
    """Soft state; times are monotonic seconds."""

    def __init__(self, nodes: DataNodes, heartbeat_interval_s: float) -> None:
        self._nodes = nodes
        # An order takes one heartbeat to the node, and what it has done one back.
        self._told_after_s = 2 * heartbeat_interval_s
        # By node: the bytes that it was told to delete in each round, the oldest first; their sum.
        self._going: dict[str, deque[tuple[float, int]]] = {}
        self._going_bytes: Counter[str] = Counter()

    def victim(self, good: list[str], moved_from: str, present: Moment) -> str:
        others = [node_id for node_id in good if node_id != moved_from]
        if len(others) < len(good) and present.apart(others) >= min(2, present.apart(good)):
            return moved_from
        return present.most_dispensable(good, {n: self._utilisation(n) for n in good})

    def ordered(self, node_id: str, length: int, now: float) -> None:
        """The node is told to delete so many bytes."""
        going = self._going.setdefault(node_id, deque())
        # A round may have a million of them, which nobody may look at again.
        before = going.pop()[1] if going and going[-1][0] == now else 0
        going.append((now, before + length))
        self._going_bytes[node_id] += length

    def _utilisation(self, node_id: str) -> float:
        node = self._nodes.get(node_id)
        if node is None or node.load is None:
            return 0.0
        going = self._going.get(node_id, ())
        while going and going[0][0] + self._told_after_s <= node.load_at:
            self._going_bytes[node_id] -= going.popleft()[1]
        left = node.load.used_bytes - self._going_bytes[node_id]
        return left / max(1, node.load.capacity_bytes)
