"""Who should give bytes to whom, so that all nodes are about equally full. Pure.

Rules
- A node's utilisation is used / capacity, the cluster's mean is all used / all capacity.
- The cluster is balanced when no node is further than `threshold` from the mean.
- No node gives more than it has above the mean, none takes more than it lacks to it: every move
  makes the sum of the distances smaller, so that moving comes to an end.
"""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fill:
    """A node's bytes."""

    node_id: str
    capacity_bytes: int
    used_bytes: int

    @property
    def utilisation(self) -> float:
        return self.used_bytes / self.capacity_bytes


@dataclass(frozen=True, slots=True)
class Pair:
    """One block of at most so many bytes may go from here to there."""

    source: str
    target: str
    bytes_max: int


def mean(fills: Collection[Fill]) -> float:
    capacity = sum(fill.capacity_bytes for fill in fills)
    return sum(fill.used_bytes for fill in fills) / capacity if capacity else 0.0


def pairs(fills: Collection[Fill], threshold: float) -> list[Pair]:
    """From the fullest to the emptiest first; none when the cluster is balanced.

    Those too full give to all below the mean; those too empty get from all above it, too.
    """
    middle = mean(fills)
    surplus = {f.node_id: f.used_bytes - middle * f.capacity_bytes for f in fills}
    ranked = sorted(fills, key=lambda f: (-f.utilisation, f.node_id))
    too_full = {f.node_id for f in ranked if f.utilisation > middle + threshold}
    too_empty = {f.node_id for f in ranked if f.utilisation < middle - threshold}
    return [
        Pair(s.node_id, t.node_id, int(min(surplus[s.node_id], -surplus[t.node_id])))
        for s in ranked
        for t in reversed(ranked)
        if surplus[s.node_id] > 0 > surplus[t.node_id]
        and (s.node_id in too_full or t.node_id in too_empty)
    ]


def bytes_left(fills: Collection[Fill], threshold: float) -> int:
    """What must move at least until the cluster is balanced."""
    middle = mean(fills)
    away = [(f.utilisation - middle, f.capacity_bytes) for f in fills]
    over = sum((d - threshold) * capacity for d, capacity in away if d > threshold)
    under = sum((-d - threshold) * capacity for d, capacity in away if d < -threshold)
    return int(max(over, under))
