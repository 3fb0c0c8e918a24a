"""The cluster as one look at the blocks sees it: who lives, who serves, who stands where."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from blockstore.namenode.datanodes import DataNodes
from blockstore.namenode.roster import Duty, Roster


@dataclass(frozen=True, slots=True)
class Moment:
    """Node ids throughout."""

    now: float
    live: frozenset[str]
    # Live, and meant to serve: only these take new replicas.
    serving: frozenset[str]
    # Nodes that are leaving or resting, alive or not.
    off_duty: dict[str, Duty]
    rack_of: dict[str, str]
    # How many racks have serving nodes.
    racks: int

    def apart(self, node_ids: Iterable[str]) -> int:
        """On how many racks these nodes stand."""
        return len({self.rack_of.get(node_id, "") for node_id in node_ids})

    def by_duty(self, node_ids: Iterable[str]) -> "ByDuty":
        """Replicas by what their nodes are meant to do."""
        if not self.off_duty:
            return ByDuty(tuple(node_ids))
        sorted_in: dict[Duty, list[str]] = {duty: [] for duty in Duty}
        for node_id in node_ids:
            sorted_in[self.off_duty.get(node_id, Duty.SERVE)].append(node_id)
        return ByDuty(*(tuple(sorted_in[d]) for d in (Duty.SERVE, Duty.REST, Duty.LEAVE)))

    def is_misplaced(self, node_ids: tuple[str, ...], wanted: int) -> bool:
        """Whether the loss of one rack takes all of several replicas, and need not."""
        return self.racks > 1 and wanted > 1 and len(node_ids) > 1 and self.apart(node_ids) == 1

    def most_dispensable(self, node_ids: Iterable[str], utilisation: dict[str, float]) -> str:
        """On the rack with the most of these, the fullest; by name when all is equal."""
        candidates = list(node_ids)
        racks = Counter(self.rack_of.get(node_id, "") for node_id in candidates)

        def rank(node_id: str) -> tuple[int, float, str]:
            return racks[self.rack_of.get(node_id, "")], utilisation.get(node_id, 0.0), node_id

        return max(candidates, key=rank)


@dataclass(frozen=True, slots=True)
class ByDuty:
    """Replicas of one block; a leaving node's don't count, a resting node's come back."""

    serving: tuple[str, ...]
    resting: tuple[str, ...] = ()
    leaving: tuple[str, ...] = ()

    def lacking(self, wanted: int, rest_replicas: int) -> int:
        """How many further replicas serving nodes should have."""
        lacking = wanted - len(self.serving) - len(self.resting)
        if self.resting:
            lacking = max(lacking, min(wanted, rest_replicas) - len(self.serving))
        return max(0, lacking)


def moment(nodes: DataNodes, roster: Roster, now: float) -> Moment:
    live = frozenset(node.node.node_id for node in nodes.live(now))
    off_duty = {m.node.node_id: m.duty for m in roster.on_duty(Duty.LEAVE, Duty.REST)}
    rack_of = {node.node.node_id: node.node.rack for node in nodes.all()}
    serving = live - off_duty.keys()
    racks = len({rack_of[node_id] for node_id in serving})
    return Moment(now, live, serving, off_duty, rack_of, racks)
