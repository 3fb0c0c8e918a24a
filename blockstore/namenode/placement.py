"""Which DataNodes get the replicas of a block.

Rules
- First replica: on the writer's host. Second: on another rack. Third: another node of that
  rack. Further ones: on the rack with the fewest. With one rack or few nodes: what there is.
- Of the nodes that fit, two are drawn and the one with less to do (then: emptier) is taken.
- Stale, busy and not yet known nodes are taken only when no other is left.
- Fewer than wanted is fine; none is an error that has every node's reason.
"""

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from blockstore.errors import PlacementException
from blockstore.model import Node

# A node is busy with twice the cluster's average of open blocks; the constant keeps small
# clusters, where averages mean little, from calling anybody busy.
BUSY_FACTOR: Final = 2.0
BUSY_SLACK: Final = 4


@dataclass(frozen=True, slots=True)
class Candidate:
    """A DataNode as the policy sees it."""

    node: Node
    # Open blocks and streams.
    load: int = 0
    used_fraction: float = 0.0
    # Must not be taken: the reason. Empty: may be.
    refused: str = ""
    # Better not taken: the reason.
    avoided: str = ""


@dataclass(slots=True)
class _Choice:
    """One run of the policy."""

    rng: random.Random
    near: str
    holding: list[Node]
    strict: list[Candidate]
    relaxed: list[Candidate]
    taken: list[Node] = field(default_factory=list)

    def take(self) -> bool:
        """Takes one more node, the best that there is; false when none is left."""
        wishes = self._wishes()
        for pool in (self.strict, self.relaxed):
            for wish in wishes:
                fitting = [c for c in pool if wish(c)]
                if fitting:
                    chosen = self._better_of_two(fitting)
                    pool.remove(chosen)
                    self.taken.append(chosen.node)
                    return True
        return False

    def _better_of_two(self, fitting: list[Candidate]) -> Candidate:
        drawn = self.rng.sample(fitting, min(2, len(fitting)))
        return min(drawn, key=lambda c: (c.load, round(c.used_fraction, 2)))

    def _wishes(self) -> list[Callable[[Candidate], bool]]:
        """What the next node should be, most wanted first."""
        so_far = self.holding + self.taken
        racks = [node.rack for node in so_far]
        if not so_far:
            return [lambda c: c.node.host == self.near, _anybody]
        if len(set(racks)) == 1 and len(so_far) <= 2:
            return [lambda c: c.node.rack != racks[0], _anybody]
        if len(so_far) == 2:
            return [lambda c: c.node.rack == racks[1], lambda c: c.node.rack == racks[0], _anybody]
        fewest = min((racks.count(c.node.rack) for c in (*self.strict, *self.relaxed)), default=0)
        return [lambda c: racks.count(c.node.rack) <= fewest, _anybody]


def _anybody(_: Candidate) -> bool:
    return True


def choose(
    candidates: Collection[Candidate],
    *,
    wanted: int,
    near: str = "",
    holding: Sequence[Node] = (),
    rng: random.Random,
    what: str,
) -> tuple[Node, ...]:
    """Up to `wanted` nodes in pipeline order; `holding` already have the block.

    Raises:
        PlacementException: not even one; `what` is the thing that has no place.
    """
    choice = _Choice(
        rng,
        near,
        list(holding),
        [c for c in candidates if not c.refused and not c.avoided],
        [c for c in candidates if not c.refused and c.avoided],
    )
    while len(choice.taken) < wanted and choice.take():
        pass
    if not choice.taken:
        raise PlacementException(f"could not place {what}: {_reasons(candidates)}")
    return tuple(choice.taken)


def _reasons(candidates: Collection[Candidate]) -> str:
    if not candidates:
        return (
            "no DataNode is registered. Start one: mapred datanode --dir DIR --namenode HOST:PORT"
        )
    return "; ".join(sorted(f"{c.node} {c.refused or c.avoided}" for c in candidates))


def busy_above(loads: Collection[int]) -> float:
    """The load above which a node is called busy."""
    return BUSY_FACTOR * (sum(loads) / max(1, len(loads))) + BUSY_SLACK
