"""From what is known of the DataNodes to the candidates that placement chooses from."""

import random
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

from blockstore.model import Excluded, Node
from blockstore.namenode.datanodes import DataNode, DataNodes
from blockstore.namenode.placement import Candidate, busy_above, choose
from blockstore.namenode.roster import Duty, Roster
from blockstore.runtime.liveness import State

_OFF_DUTY: Final = {
    Duty.SERVE: "",
    Duty.LEAVE: "decommissioning",
    Duty.REST: "in maintenance",
}


class Targets:
    """Chooses nodes for new blocks and for copies."""

    def __init__(self, nodes: DataNodes, roster: Roster, rng: random.Random) -> None:
        self._nodes = nodes
        self._roster = roster
        self._rng = rng

    def choose(
        self,
        *,
        wanted: int,
        block_bytes: int,
        now: float,
        what: str,
        near: str = "",
        holding: Sequence[Node] = (),
        excluded: Iterable[Excluded] = (),
        refuse: Callable[[DataNode], str] = lambda _: "",
    ) -> tuple[Node, ...]:
        """Up to `wanted` nodes that don't hold the block; `refuse` gives further reasons.

        Raises:
            PlacementException: none; the message has every node's reason.
        """
        reasons = {e.node.node_id: e.reason for e in excluded}
        reasons |= {node.node_id: "has a replica already" for node in holding}
        known = self._nodes.all()
        limit = busy_above([_load(node) for node in known])
        candidates = [
            Candidate(
                node.node,
                _load(node),
                _used_fraction(node),
                refused=reasons.get(node.node.node_id)
                or self._unfit(node, block_bytes, now)
                or refuse(node),
                avoided=self._unsure(node, limit, now),
            )
            for node in known
        ]
        return choose(
            candidates, wanted=wanted, near=near, holding=holding, rng=self._rng, what=what
        )

    def too_few(self, *, wanted: int, beside: Collection[str], block_bytes: int, now: float) -> str:
        """Why fewer than `wanted` nodes other than those can take a copy; empty: enough can."""
        reasons: list[str] = []
        fit = 0
        for node in self._nodes.all():
            if node.node.node_id in beside:
                continue
            if reason := self._unfit(node, block_bytes, now):
                reasons.append(f"{node.node} {reason}")
                continue
            fit += 1
            # Who closes a file asks, and of many nodes the first ones will do.
            if fit == wanted:
                return ""
        return "; ".join(sorted(reasons))

    def _unfit(self, node: DataNode, block_bytes: int, now: float) -> str:
        node_id = node.node.node_id
        if self._nodes.state(node_id, now) is State.DEAD:
            return f"is dead: silent for {self._nodes.silence_s(node_id, now):.0f} s"
        if reason := _OFF_DUTY[self._roster.duty(node_id)]:
            return reason
        if node.load is None:
            return ""
        # What was promised to writers already is not free any more.
        free = node.load.free_bytes - node.promised_bytes
        if free < block_bytes:
            return (
                f"full: {node.load.free_bytes} bytes free, {node.writing} blocks "
                f"being written, {block_bytes} bytes needed for one more"
            )
        return ""

    def _unsure(self, node: DataNode, limit: float, now: float) -> str:
        node_id = node.node.node_id
        if self._nodes.state(node_id, now) is State.STALE:
            return f"is silent for {self._nodes.silence_s(node_id, now):.0f} s"
        if node.load is None:
            return "has sent no heartbeat yet"
        return f"is busy with {_load(node)} streams" if _load(node) > limit else ""


def _load(node: DataNode) -> int:
    return node.writing + (node.load.streams if node.load is not None else 0)


def _used_fraction(node: DataNode) -> float:
    if node.load is None or not node.load.capacity_bytes:
        return 0.0
    return node.load.used_bytes / node.load.capacity_bytes
