"""The DataNodes that registered, how alive they are, and what they say of themselves.

Rules
- One node id has one incarnation, the highest that registered; an older one is refused.
- One address has one node id: a node that comes with another's address replaces it.
- Reports of a node count only after it registered with this NameNode epoch.
- A pause of the NameNode itself kills nobody.
"""

from blockstore.errors import StaleEpochException
from blockstore.model import Node, NodeLoad
from blockstore.namenode.blocktables import BlockSet
from blockstore.runtime.liveness import Liveness, State


class FullReport:
    """A full report of which some pieces are there."""

    __slots__ = ("next_piece", "number", "replicas", "unseen")

    def __init__(self, number: int, known: BlockSet) -> None:
        self.number = number
        self.next_piece = 0
        # How many it has had so far.
        self.replicas = 0
        # Blocks that the node was known to have, and that no piece has told of yet.
        self.unseen = known


class DataNode:
    """What the NameNode knows of one DataNode in this epoch."""

    __slots__ = (
        "full_report",
        "incarnation",
        "last_whole_report",
        "load",
        "load_at",
        "node",
        "promised_bytes",
        "report_due_at",
        "reports_taken",
        "writing",
    )

    def __init__(self, node: Node, incarnation: int) -> None:
        self.node = node
        self.incarnation = incarnation
        # None until the first heartbeat.
        self.load: NodeLoad | None = None
        # When it came, monotonic seconds.
        self.load_at = float("-inf")
        # The number of its last report.
        self.reports_taken = 0
        # The one that is coming in.
        self.full_report: FullReport | None = None
        # The number of the last full report that came to its end.
        self.last_whole_report = 0
        # When the next full report is due, monotonic seconds; None before the first.
        self.report_due_at: float | None = None
        # Open blocks that were given to it.
        self.writing = 0
        # What these may come to.
        self.promised_bytes = 0

    def takes(self, number: int) -> bool:
        """Whether a report with this number is news; it counts as taken then."""
        if number and number <= self.reports_taken:
            return False
        self.reports_taken = max(self.reports_taken, number)
        return True

    def is_ahead(self, number: int) -> bool:
        """Whether no report of this number or a later one has come yet."""
        return number > self.reports_taken

    def is_old(self, number: int, piece: int) -> bool:
        """Whether this later piece of a full report is a late or repeated one."""
        report = self.full_report
        if report is not None and report.number == number:
            return piece < report.next_piece
        return number < self.reports_taken or 0 < number == self.last_whole_report

    def __repr__(self) -> str:
        return f"<{self.node}#{self.incarnation} writing {self.writing}>"


class DataNodes:
    """By node id; soft state of one NameNode epoch."""

    def __init__(self, *, stale_after_s: float, dead_after_s: float) -> None:
        self._liveness: Liveness[str] = Liveness(
            stale_after_s=stale_after_s, dead_after_s=dead_after_s
        )
        self._nodes: dict[str, DataNode] = {}
        # Declared dead and not registered since: their replicas were given up.
        self._buried: set[str] = set()

    def register(self, node: Node, incarnation: int, now: float) -> list[str]:
        """Takes a node in; returns the ids of nodes it replaces (itself, when it restarted).

        Raises:
            StaleEpochException: a newer incarnation of this node is registered.
        """
        known = self._nodes.get(node.node_id)
        if known is not None and incarnation < known.incarnation:
            raise StaleEpochException(
                f"{node} registers with incarnation {incarnation}, but {known.incarnation} is "
                "running: two processes use one storage directory, or a copy of it"
            )
        replaced = [
            other.node.node_id
            for other in self._nodes.values()
            if other.node.address == node.address and other.node.node_id != node.node_id
        ]
        for node_id in replaced:
            self.forget(node_id)
        if known is None or known.incarnation != incarnation:
            if known is not None:
                replaced.append(node.node_id)
            self._nodes[node.node_id] = DataNode(node, incarnation)
        else:
            known.node = node
            known.report_due_at = known.full_report = None
        self._buried.discard(node.node_id)
        self._liveness.heard(node.node_id, now)
        return replaced

    def forget(self, node_id: str) -> None:
        del self._nodes[node_id]
        self._buried.discard(node_id)
        self._liveness.forget(node_id)

    def heard(self, node_id: str, now: float) -> None:
        self._liveness.heard(node_id, now)

    def get(self, node_id: str) -> DataNode | None:
        return self._nodes.get(node_id)

    def current(self, node_id: str, incarnation: int) -> DataNode | None:
        """The node, if this incarnation of it is registered."""
        known = self._nodes.get(node_id)
        return known if known is not None and known.incarnation == incarnation else None

    def all(self) -> list[DataNode]:
        return list(self._nodes.values())

    def state(self, node_id: str, now: float) -> State:
        return self._liveness.state(node_id, now)

    def silence_s(self, node_id: str, now: float) -> float:
        return self._liveness.silence_s(node_id, now)

    def is_live(self, node_id: str, now: float) -> bool:
        return self.state(node_id, now) is State.LIVE

    def live(self, now: float) -> list[DataNode]:
        return [n for n in self._nodes.values() if self.is_live(n.node.node_id, now)]

    def is_buried(self, node_id: str) -> bool:
        return node_id in self._buried

    def bury(self, now: float) -> list[str]:
        """The nodes that have just become dead."""
        dead = self._liveness.newly_dead(now)
        self._buried.update(dead)
        return dead

    def forgive(self, now: float) -> None:
        """The NameNode itself was away: silence meant nothing."""
        for node_id in self._nodes.keys() - self._buried:
            self._liveness.heard(node_id, now)

    def nodes(self, node_ids: tuple[str, ...]) -> tuple[Node, ...]:
        return tuple(self._nodes[i].node for i in node_ids if i in self._nodes)
