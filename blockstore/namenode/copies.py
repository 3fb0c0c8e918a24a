"""Copies of blocks under way between DataNodes, and what became of the last ones.

Rules
- At most `per_source` leave a node and `per_target` reach it at a time.
- A copy that isn't reported by its deadline has failed.
- A node that failed a copy is not asked again for that block for SHUNNED_S, as source or as
  target, whichever it was.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from blockstore.model import CopyFailure

# Long enough that others are tried first, short enough that the only one is tried again.
SHUNNED_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Copy:
    """One replica on its way; times are monotonic seconds."""

    block_id: int
    source: str
    target: str
    deadline: float
    # The source's replica goes when the copy has come.
    is_move: bool = False


class Copies:
    """By block and target."""

    def __init__(self, *, per_source: int, per_target: int) -> None:
        self._per_source = per_source
        self._per_target = per_target
        self._of_block: dict[int, dict[str, Copy]] = {}
        self._leaving: Counter[str] = Counter()
        self._arriving: Counter[str] = Counter()
        # (block, node): until when; the oldest first.
        self._shunned: dict[tuple[int, str], float] = {}

    def begin(self, copy: Copy) -> None:
        self._of_block.setdefault(copy.block_id, {})[copy.target] = copy
        self._leaving[copy.source] += 1
        self._arriving[copy.target] += 1

    def end(self, block_id: int, target: str) -> Copy | None:
        """Takes a copy out, arrived or given up; None: there is none."""
        copies = self._of_block.get(block_id, {})
        copy = copies.pop(target, None)
        if copy is None:
            return None
        if not copies:
            del self._of_block[block_id]
        self._leaving[copy.source] -= 1
        self._arriving[target] -= 1
        return copy

    def failed(self, failure: CopyFailure, now: float) -> bool:
        """Whether that copy was still waited for."""
        copy = self.end(failure.block.id, failure.target.node_id)
        if copy is None:
            return False
        key = (copy.block_id, copy.source if failure.by_source else copy.target)
        self._shunned.pop(key, None)
        self._shunned[key] = now + SHUNNED_S
        return True

    def to(self, block_id: int) -> tuple[str, ...]:
        """The targets of a block's copies."""
        return tuple(self._of_block.get(block_id, ()))

    def can_leave(self, node_id: str) -> bool:
        return self._leaving[node_id] < self._per_source

    def can_arrive(self, node_id: str) -> bool:
        return self._arriving[node_id] < self._per_target

    def leaving(self, node_id: str) -> int:
        return self._leaving[node_id]

    def arriving(self, node_id: str) -> int:
        return self._arriving[node_id]

    def is_shunned(self, block_id: int, node_id: str) -> bool:
        return (block_id, node_id) in self._shunned

    def of_node(self, node_id: str) -> list[Copy]:
        """From it and to it."""
        return [copy for copy in self if node_id in (copy.source, copy.target)]

    def late(self, now: float) -> list[Copy]:
        return [copy for copy in self if now > copy.deadline]

    def forgive(self, now: float) -> None:
        """Nodes that failed long ago are asked again."""
        while self._shunned:
            key, until = next(iter(self._shunned.items()))
            if now <= until:
                break
            del self._shunned[key]

    def __iter__(self) -> Iterator[Copy]:
        return (copy for copies in list(self._of_block.values()) for copy in list(copies.values()))
