"""Nodes on their way out, for good or for a while: which of their blocks still need them.

Rules
- A block lets a leaving node go when the serving (and resting) nodes have as many replicas as
  its file wants, or as there are serving nodes; and a resting node, when `rest_replicas`
  serving nodes have it.
- Until a node's blocks have been looked at, they all need it, and it's on its way.
- A node that died on its way still has its name here while a block needs it.
"""

from blockstore.namenode.moment import ByDuty, Moment
from blockstore.namenode.pace import Pace
from blockstore.namenode.roster import Duty


class Drain:
    """One node's way out."""

    def __init__(self) -> None:
        # Blocks that need it, and their bytes.
        self.blocks: dict[int, int] = {}
        self.bytes_left = 0
        self.pace = Pace()

    def need(self, block_id: int, length: int) -> None:
        self.bytes_left += length - self.blocks.get(block_id, 0)
        self.blocks[block_id] = length

    def let_go(self, block_id: int) -> None:
        self.bytes_left -= self.blocks.pop(block_id, 0)


class Draining:
    """By node id."""

    def __init__(self, rest_replicas: int) -> None:
        self._rest_replicas = rest_replicas
        self._drains: dict[str, Drain] = {}

    def get(self, node_id: str) -> Drain | None:
        return self._drains.get(node_id)

    def begin(self, node_id: str) -> None:
        """Its blocks are known, and looked at from now on."""
        self._drains.setdefault(node_id, Drain())

    def look(self, node_id: str, block_id: int, length: int) -> None:
        """The node has this block, which has to be looked at."""
        drain = self._drains.get(node_id)
        if drain is not None:
            drain.need(block_id, length)

    def end(self, node_id: str) -> None:
        self._drains.pop(node_id, None)

    def judge(self, block_id: int, length: int, wanted: int, held: ByDuty, moment: Moment) -> None:
        """What the block's replicas mean for the nodes on their way out."""
        for node_id, drain in self._drains.items():
            duty = moment.off_duty.get(node_id)
            is_here = node_id in (held.leaving if duty is Duty.LEAVE else held.resting)
            if not is_here and block_id not in drain.blocks:
                continue
            if self._lets_go(duty, wanted, held, moment):
                drain.let_go(block_id)
            elif is_here:
                drain.need(block_id, length)

    def _lets_go(self, duty: Duty | None, wanted: int, held: ByDuty, moment: Moment) -> bool:
        if duty is Duty.REST:
            return len(held.serving) >= min(wanted, self._rest_replicas)
        possible = min(wanted, max(1, len(moment.serving)))
        return len(held.serving) + len(held.resting) >= possible

    def dropped(self, block_id: int) -> None:
        for drain in self._drains.values():
            drain.let_go(block_id)

    def note(self, now: float) -> None:
        """For the pace of every node; call it with the ticks."""
        for drain in self._drains.values():
            drain.pace.note(drain.bytes_left, now)
