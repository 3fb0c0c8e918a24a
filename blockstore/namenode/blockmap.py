"""Where the replicas of blocks are: soft state, made from what DataNodes report.

Kinds of replicas
- good: finalised, of the committed stamp and length. Only these count.
- open: of a block that isn't committed yet, be it finalised or not.
- corrupt: its bytes or its length are wrong (says its node, a reader, or the length).
- stale: of an older stamp, or left half-written by a restart of its node or by its pipeline.
- leaving: its node was told to delete it (one too many, or bad and replaced).

Rules
- A replica of a block that the namespace allocated and dropped is doomed: to be deleted.
  One with an id that was never allocated is left alone: it isn't ours to judge.
- What is lost is lost at once, however long it takes to take it out (losses.py).
- A node that is lost and returns may still carry out an old order to delete: its leaving
  replicas don't become good by that.
- Who held a replica last, and why it's gone, is kept while the block has no good replica.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from blockstore.model import Block, Replica, ReplicaState
from blockstore.namenode.blocktables import BlockSet, NodesByBlock
from blockstore.namenode.losses import Loss
from blockstore.namenode.namespace import StoredBlock


class Kind(Enum):
    GOOD = "good"
    OPEN = "open"
    CORRUPT = "corrupt"
    STALE = "stale"
    LEAVING = "leaving"


@dataclass(frozen=True, slots=True)
class Odd:
    """A replica that doesn't count as good, and why."""

    replica: Replica
    kind: Kind
    reason: str
    # A leaving one's: what it was before.
    before: Kind = Kind.GOOD

    @property
    def is_leaving(self) -> bool:
        return self.kind is Kind.LEAVING


def judge(stored: StoredBlock, replica: Replica) -> Odd:
    """What a reported replica is worth, compared with what the namespace knows."""
    block, state = replica.block, replica.state
    if state is ReplicaState.CORRUPT:
        return Odd(replica, Kind.CORRUPT, "its node found wrong checksums")
    if block.generation < stored.generation:
        return Odd(
            replica,
            Kind.STALE,
            f"has generation {block.generation}, the block is at {stored.generation}",
        )
    if not stored.committed:
        return Odd(replica, Kind.OPEN, f"{block.length} bytes, {state.value}")
    if block.generation > stored.generation:
        return Odd(
            replica,
            Kind.STALE,
            f"has generation {block.generation}, which the block never got "
            f"(it is at {stored.generation})",
        )
    if state is ReplicaState.RWR:
        return Odd(replica, Kind.STALE, "was being written when its node restarted")
    if state is ReplicaState.RBW:
        # Every node of the pipeline that ended the block has finalised it before it was committed.
        return Odd(replica, Kind.STALE, "was left open by a pipeline that went on without it")
    if _is_good(stored, replica):
        return Odd(replica, Kind.GOOD, "")
    return Odd(replica, Kind.CORRUPT, f"has {block.length} bytes, the block has {stored.length}")


def _is_good(stored: StoredBlock, replica: Replica) -> bool:
    """What `judge` says of nearly all replicas of a full report, without the words."""
    block = replica.block
    return (
        stored.committed
        and replica.state is ReplicaState.FINALIZED
        and block.length == stored.length
        and block.generation == stored.generation
    )


class BlockMap:
    """Replicas by block and by node; `blocks` are the namespace's."""

    def __init__(self, blocks: Mapping[int, StoredBlock]) -> None:
        self._blocks = blocks
        self._good = NodesByBlock()
        self._odd: dict[int, dict[str, Odd]] = {}
        self._of_node: dict[str, BlockSet] = {}
        self._gone: dict[int, dict[str, str]] = {}
        # Of these the tables still have something.
        self._losses: list[Loss] = []
        # Blocks whose lost replicas were taken out since `lose_some` was called last.
        self._lost: list[int] = []
        # Per node that was lost: what it had been told to delete, until its next full report.
        self._told_to: dict[str, dict[int, Odd]] = {}
        # Per node: replicas to delete, of blocks that are no more.
        self.doomed: dict[str, dict[int, Block]] = {}

    # --- looking --------------------------------------------------------------

    @property
    def reported(self) -> int:
        """Committed blocks with a good replica; too many while there are losses to take out."""
        return len(self._good)

    @property
    def is_losing(self) -> bool:
        """Whether `lose_some` has more to do."""
        return bool(self._losses or self._lost)

    @property
    def corrupt(self) -> int:
        return sum(
            any(odd.kind is Kind.CORRUPT for odd in odds.values()) for odds in self._odd.values()
        )

    def good(self, block_id: int) -> tuple[str, ...]:
        if self._losses:
            self._lose(block_id)
        return self._good.get(block_id)

    def odd(self, block_id: int) -> Mapping[str, Odd]:
        if self._losses:
            self._lose(block_id)
        return self._odd.get(block_id, {})

    def holders(self, block_id: int) -> set[str]:
        """Every node with a replica of any kind."""
        return {*self.good(block_id), *self.odd(block_id)}

    def last_holders(self, block_id: int) -> dict[str, str]:
        """Node id and reason of replicas that are gone or don't count."""
        held = self.odd(block_id)
        reasons = dict(self._gone.get(block_id, {}))
        reasons.update((node_id, odd.reason) for node_id, odd in held.items())
        return reasons

    def of_node(self, node_id: str) -> BlockSet:
        blocks = self._of_node.get(node_id)
        return BlockSet() if blocks is None else blocks

    # --- reports --------------------------------------------------------------

    def report(self, node_id: str, replica: Replica, *, allocated_below: int) -> None:
        """Takes one replica over; `allocated_below` is the next block id of the namespace."""
        block_id = replica.block.id
        if replica.state in (ReplicaState.DELETED, ReplicaState.ABSENT):
            self.remove(block_id, node_id, "deleted its replica")
            return
        stored = self._blocks.get(block_id)
        if stored is None:
            if block_id < allocated_below:
                self.doomed.setdefault(node_id, {})[block_id] = replica.block
            return
        if self._losses:
            self._lose(block_id)
        plain = block_id not in self._odd and node_id not in self._told_to
        if plain and _is_good(stored, replica):
            self._add_good(block_id, node_id)
            return
        before = self.odd(block_id).get(node_id) or self._told_to.get(node_id, {}).get(block_id)
        odd = judge(stored, replica)
        self._put(block_id, node_id, before if before and self._sticks(before, odd) else odd)

    @staticmethod
    def _sticks(before: Odd, now: Odd) -> bool:
        """A replica that was called corrupt stays so while it's the same; one that was told to
        go, while it has the stamp it was told to go with: that order will be carried out."""
        was, is_now = before.replica.block, now.replica.block
        if before.is_leaving:
            return is_now.generation <= was.generation
        unharmed = now.kind in (Kind.GOOD, Kind.OPEN)
        return before.kind is Kind.CORRUPT and unharmed and was == is_now

    def begin_full(self, node_id: str) -> BlockSet:
        """A full report follows: returns the blocks that the node was known to have."""
        self.doomed.pop(node_id, None)
        return self.of_node(node_id).copy()

    def end_full(self, node_id: str, unseen: BlockSet) -> None:
        """What a full report hadn't got is gone."""
        self._told_to.pop(node_id, None)
        self._forget_orders(node_id)
        self.of_node(node_id).give_up(unseen)
        self._begin_loss(node_id, unseen, "is up but doesn't have it any more", ended=True)

    def lose_node(self, node_id: str, reason: str, *, process_ended: bool) -> None:
        """The node is dead or another: none of its replicas counts.

        Unless its process is known to have ended, it may come back and still do as it was told.
        """
        if process_ended:
            self._told_to.pop(node_id, None)
            self._forget_orders(node_id)
        self.doomed.pop(node_id, None)
        lost = self._of_node.pop(node_id, None)
        if lost is not None:
            self._begin_loss(node_id, lost, reason, ended=process_ended)

    # --- losses ---------------------------------------------------------------

    def lose_some(self, most: int) -> list[int]:
        """Takes out up to `most` lost replicas; returns the blocks whose lost replicas were taken
        out since the last call."""
        while self._losses and most > 0:
            loss = self._losses[0]
            while loss.blocks and most > 0:
                self._take_out(loss, loss.blocks.pop())
                most -= 1
            if not loss.blocks:
                self._losses.pop(0)
        lost, self._lost = self._lost, []
        return lost

    def _begin_loss(self, node_id: str, blocks: BlockSet, reason: str, *, ended: bool) -> None:
        if blocks:
            self._losses.append(Loss(node_id, blocks, reason, ended=ended))

    def _forget_orders(self, node_id: str) -> None:
        for loss in self._losses:
            if loss.node_id == node_id:
                loss.ended = True

    def _lose(self, block_id: int) -> None:
        """What is lost of one block goes before anybody looks."""
        for loss in self._losses:
            if block_id in loss.blocks:
                loss.blocks.discard(block_id)
                self._take_out(loss, block_id)

    def _take_out(self, loss: Loss, block_id: int) -> None:
        self._lost.append(block_id)
        odd = self._odd.get(block_id, {}).get(loss.node_id)
        if odd is not None and odd.is_leaving and not loss.ended:
            self._told_to.setdefault(loss.node_id, {})[block_id] = odd
        self._take(block_id, loss.node_id)
        if block_id in self._blocks:
            self._gone.setdefault(block_id, {})[loss.node_id] = loss.reason

    # --- decisions of the NameNode --------------------------------------------

    def settle(self, stored: StoredBlock, before: Block) -> None:
        """Judges all replicas again: `before` is what the block was until now."""
        for node_id in self.good(stored.id):
            self._put(stored.id, node_id, judge(stored, Replica(before, ReplicaState.FINALIZED)))
        for node_id, odd in list(self.odd(stored.id).items()):
            again = judge(stored, odd.replica)
            if not self._sticks(odd, again):
                self._put(stored.id, node_id, again)

    def confirm(self, stored: StoredBlock, node_id: str) -> None:
        """The node is known to have finalised just this version."""
        self._put(stored.id, node_id, Odd(self._as_stored(stored.id), Kind.GOOD, ""))

    def mark_corrupt(self, block_id: int, node_id: str, reason: str) -> bool:
        """Whether that node had a good replica of it."""
        if node_id not in self.good(block_id):
            return False
        self._put(block_id, node_id, Odd(self._as_stored(block_id), Kind.CORRUPT, reason))
        return True

    def mark_leaving(self, block_id: int, node_id: str, reason: str) -> Block:
        """The node is told to delete it; returns the replica it has."""
        odd = self.odd(block_id).get(node_id)
        replica = odd.replica if odd is not None else self._as_stored(block_id)
        before = odd.kind if odd is not None else Kind.GOOD
        if odd is not None and before is Kind.LEAVING:
            before = odd.before
        self._put(block_id, node_id, Odd(replica, Kind.LEAVING, reason, before))
        return replica.block

    def take_back(self, block_id: int, node_id: str) -> None:
        """The node hasn't deleted it in all this time, and it is needed: as it was before."""
        odd = self.odd(block_id).get(node_id)
        if odd is None or odd.kind is not Kind.LEAVING:
            return
        before = Odd(odd.replica, odd.before, odd.reason)
        # The block may have got another stamp since.
        now = judge(self._blocks[block_id], odd.replica)
        self._put(block_id, node_id, before if self._sticks(before, now) else now)

    def _as_stored(self, block_id: int) -> Replica:
        return Replica(self._blocks[block_id].value(), ReplicaState.FINALIZED)

    def drop(self, stored: StoredBlock, newest_generation: int) -> None:
        """The block left the namespace: whatever its holders and writers have of it is doomed."""
        nodes = self.holders(stored.id) | {node.node_id for node in stored.pipeline}
        for node_id in sorted(nodes):
            # A rebuilt pipeline may have given its replicas a stamp that nobody reported yet.
            self.doomed.setdefault(node_id, {})[stored.id] = Block(stored.id, newest_generation)
            if (blocks := self._of_node.get(node_id)) is not None:
                blocks.discard(stored.id)
        self._good.put(stored.id, ())
        self._odd.pop(stored.id, None)
        self._gone.pop(stored.id, None)

    def remove(self, block_id: int, node_id: str, reason: str) -> None:
        self.doomed.get(node_id, {}).pop(block_id, None)
        blocks = self._of_node.get(node_id)
        if blocks is None or block_id not in blocks:
            return
        self._take(block_id, node_id)
        blocks.discard(block_id)
        if block_id in self._blocks:
            self._gone.setdefault(block_id, {})[node_id] = reason

    # --- the two tables -------------------------------------------------------

    def _put(self, block_id: int, node_id: str, odd: Odd) -> None:
        self._take(block_id, node_id)
        self._note_holder(block_id, node_id)
        if odd.kind is Kind.GOOD:
            self._add_good(block_id, node_id)
        else:
            self._odd.setdefault(block_id, {})[node_id] = odd

    def _add_good(self, block_id: int, node_id: str) -> None:
        good = self._good.get(block_id)
        if node_id not in good:
            self._good.put(block_id, (*good, node_id))
            self._note_holder(block_id, node_id)
            self._gone.pop(block_id, None)

    def _note_holder(self, block_id: int, node_id: str) -> None:
        blocks = self._of_node.get(node_id)
        if blocks is None:
            blocks = self._of_node[node_id] = BlockSet()
        blocks.add(block_id)

    def _take(self, block_id: int, node_id: str) -> None:
        good = self.good(block_id)
        if node_id in good:
            self._good.put(block_id, tuple(other for other in good if other != node_id))
        odds = self._odd.get(block_id)
        if odds is not None and odds.pop(node_id, None) is not None and not odds:
            del self._odd[block_id]
