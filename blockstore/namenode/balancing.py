"""The balancer at work: it moves blocks from full nodes to empty ones, slowly.

Rules
- A move is a copy; the source's replica goes when the copy has been reported and is one too
  many. So a block never has fewer replicas by it, and never stands on fewer racks.
- Repair comes first: no move begins while blocks wait for copies.
- Moves share the limits of copies per node, and a limit of bytes a second at their source.
- It ends by itself when the cluster is balanced, or when nothing that could move would help.
  It isn't journaled: after a restart of the NameNode it's off.
- What moves is counted at both ends until both have told of it. Until then it may be counted
  twice, so who gives doesn't take meanwhile, and who takes doesn't give: nothing goes to and fro.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from blockstore.adminmodel import BalancerStatus, Utilisation
from blockstore.errors import InvalidRequestException
from blockstore.namenode.balance import Fill, Pair, bytes_left, mean, pairs
from blockstore.namenode.moment import Moment, moment
from blockstore.namenode.pace import Pace
from blockstore.namenode.parts import Parts

# Blocks looked at in one call, so that a call takes milliseconds.
LOOKS_MAX: Final = 2_000


@dataclass(slots=True)
class Move:
    """A replica on its way; times are monotonic seconds."""

    block_id: int
    source: str
    target: str
    length: int
    # When its copy had come, and when there was none too many any more.
    done_at: float | None = None
    gone_at: float | None = None


@dataclass(slots=True)
class _Round:
    """One look through the blocks of a source."""

    blocks: Iterator[int]
    moved: bool = False
    # No target was too busy to be thought of.
    is_complete: bool = True


class Balancing:
    """Soft state of one balancer's run."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._running = False
        self._reason = "it was never started"
        self._threshold = 0.1
        self._bytes_per_s = 0
        self._bytes_moved = 0
        self._moves: list[Move] = []
        self._rounds: dict[str, _Round] = {}
        # Sources that were looked through in vain.
        self._barren: set[str] = set()
        # How many blocks this call may still look at.
        self._looks = 0
        self._pace = Pace()

    def start(self, threshold: float, bytes_per_s: int) -> None:
        if not 0 < threshold < 1:
            raise InvalidRequestException(
                f"a threshold of {threshold:.0%}: it is more than 0 % and less than 100 %"
            )
        if bytes_per_s <= 0:
            raise InvalidRequestException(f"a bandwidth of {bytes_per_s} bytes a second")
        self._threshold, self._bytes_per_s = threshold, bytes_per_s
        self._reason = "it moves blocks from the fullest nodes to the emptiest"
        self._rounds.clear()
        self._barren.clear()
        if not self._running:
            self._running, self._bytes_moved, self._pace = True, 0, Pace()

    def stop(self, reason: str) -> None:
        """Copies under way end by themselves."""
        if self._running:
            self._running, self._reason = False, reason

    def status(self, now: float) -> BalancerStatus:
        present = moment(self._parts.nodes, self._parts.state.roster, now)
        fills = self._fills(present)
        nodes = [
            Utilisation(known.node, fill.used_bytes, fill.capacity_bytes)
            for fill in fills
            if (known := self._parts.nodes.get(fill.node_id)) is not None
        ]
        return BalancerStatus(
            self._running,
            self._reason,
            self._threshold,
            self._bytes_per_s,
            self._bytes_moved,
            self._bytes_left(fills),
            sum(move.done_at is None for move in self._moves),
            self._pace.seconds_left if self._running else None,
            mean(fills),
            tuple(sorted(nodes, key=lambda n: n.node.node_id)),
        )

    def _bytes_left(self, fills: list[Fill]) -> int:
        """`fills` take what is under way for moved: that has yet to arrive."""
        under_way = sum(move.length for move in self._moves if move.done_at is None)
        return bytes_left(fills, self._threshold) + under_way

    def work(self, now: float) -> None:
        """Takes note of what has moved, and begins what may move next."""
        self._settle(now)
        if not self._running or self._parts.replication.is_quiet(now):
            return
        present = moment(self._parts.nodes, self._parts.state.roster, now)
        fills = self._fills(present)
        self._pace.note(self._bytes_left(fills), now)
        if not pairs(fills, self._threshold):
            # What has just moved is counted twice for a while: only then it's sure.
            if not self._moves:
                self.stop("the cluster is balanced")
            return
        if self._parts.replication.is_busy():
            return
        self._looks = LOOKS_MAX
        while self._looks > 0 and self._one_move(present):
            pass
        sources = {pair.source for pair in pairs(self._fills(present), self._threshold)}
        if sources <= self._barren and not self._moves:
            self.stop("no block can be moved that would make the nodes more even")

    # --- what has moved -------------------------------------------------------

    def _settle(self, now: float) -> None:
        self._moves = [move for move in self._moves if not self._is_over(move, now)]

    def _is_over(self, move: Move, now: float) -> bool:
        """Takes note of how far it is; whether both ends have told of it, or it failed."""
        good = self._parts.blocks.good(move.block_id)
        if move.done_at is None:
            if self._is_coming(move):
                return False
            if move.target not in good:
                return True
            move.done_at = now
            self._bytes_moved += move.length
        if move.gone_at is None and not self._has_too_many(move.block_id):
            move.gone_at = now
        if move.gone_at is None:
            return now - move.done_at > self._parts.config.order_timeout_s
        # A heartbeat may have been under way in that moment.
        told_at = move.gone_at + self._parts.config.heartbeat_interval_s
        ends = [self._parts.nodes.get(node_id) for node_id in (move.source, move.target)]
        return all(node is None or node.load_at >= told_at for node in ends)

    def _has_too_many(self, block_id: int) -> bool:
        stored = self._parts.state.blocks.get(block_id)
        if stored is None:
            return False
        wanted = self._parts.names.file(stored.inode_id).replication
        leaving = any(odd.is_leaving for odd in self._parts.blocks.odd(block_id).values())
        return leaving or len(self._parts.blocks.good(block_id)) > wanted

    def _is_coming(self, move: Move) -> bool:
        return move.target in self._parts.replication.copies_to(move.block_id)

    def _fills(self, present: Moment) -> list[Fill]:
        """As the nodes say, with what is on its way."""
        change = dict.fromkeys(present.serving, 0)
        for move in self._moves:
            if move.source in change:
                change[move.source] -= move.length
            if move.target in change:
                change[move.target] += move.length
        fills = []
        for node_id in sorted(present.serving):
            known = self._parts.nodes.get(node_id)
            if known is not None and known.load is not None and known.load.capacity_bytes:
                used = max(0, known.load.used_bytes + change[node_id])
                fills.append(Fill(node_id, known.load.capacity_bytes, used))
        return fills

    # --- what may move --------------------------------------------------------

    def _one_move(self, present: Moment) -> bool:
        """Begins one move; false when none can begin now."""
        targets: dict[str, list[Pair]] = {}
        giving = {move.source for move in self._moves}
        taking = {move.target for move in self._moves}
        for pair in pairs(self._fills(present), self._threshold):
            if pair.source in taking or pair.target in giving:
                continue
            targets.setdefault(pair.source, []).append(pair)
        return any(self._move_from(source, found, present) for source, found in targets.items())

    def _move_from(self, source: str, targets: list[Pair], present: Moment) -> bool:
        replication = self._parts.replication
        free = [pair for pair in targets if replication.can_move(source, pair.target)]
        look = self._rounds.get(source)
        if look is None:
            look = self._rounds[source] = _Round(iter(self._parts.blocks.of_node(source)))
        look.is_complete = look.is_complete and len(free) == len(targets)
        if not free:
            return False
        for block_id in look.blocks:
            self._looks -= 1
            for pair in free:
                if self._may_move(block_id, source, pair.target, pair.bytes_max, present):
                    self._begin(block_id, source, pair.target, present.now)
                    look.moved = True
                    return True
            if self._looks <= 0:
                return False
        del self._rounds[source]
        if look.is_complete and not look.moved:
            self._barren.add(source)
        return False

    def _may_move(
        self, block_id: int, source: str, target: str, bytes_max: int, present: Moment
    ) -> bool:
        stored, blocks = self._parts.state.blocks.get(block_id), self._parts.blocks
        if stored is None or not stored.committed or not 0 < stored.length <= bytes_max:
            return False
        good = blocks.good(block_id)
        if source not in good or target in blocks.holders(block_id):
            return False
        if self._parts.replication.copies(block_id) or not present.serving >= set(good):
            return False
        if len(good) != self._parts.names.file(stored.inode_id).replication:
            return False
        after = [node_id for node_id in good if node_id != source] + [target]
        return present.apart(after) >= present.apart(good)

    def _begin(self, block_id: int, source: str, target: str, now: float) -> None:
        stored, known = self._parts.state.blocks[block_id], self._parts.nodes.get(target)
        assert known is not None
        order = self._parts.replication.move(stored, source, known.node, now, self._bytes_per_s)
        self._parts.order(*order)
        self._moves.append(Move(block_id, source, target, stored.length))
        self._barren.clear()
