"""Blocks that wait for their turn, however many, so that nobody else waits for them.

One dict would keep their order, too. But it walks over all that was taken from its front, and at a
million it grows in one step of a tenth of a second. So there are many small ones, which take turns:
each is in order, and none waits for another to be empty. Each has the blocks of a range of ids, so
that they don't all grow at the same time, either.
"""

from collections import deque
from typing import Final

# So many ids are of one part.
RANGE_BITS: Final = 11


class Backlog:
    """Block ids, each once."""

    def __init__(self) -> None:
        # By range; one that has become empty stays until its turn.
        self._parts: dict[int, dict[int, None]] = {}
        self._turns: deque[int] = deque()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __repr__(self) -> str:
        return f"Backlog({self._count})"

    def add(self, block_id: int) -> None:
        """Behind the others of its part; one that waits already keeps its place."""
        number = block_id >> RANGE_BITS
        part = self._parts.get(number)
        if part is None:
            part = self._parts[number] = {}
            self._turns.append(number)
        if block_id not in part:
            part[block_id] = None
            self._count += 1

    def discard(self, block_id: int) -> None:
        part = self._parts.get(block_id >> RANGE_BITS)
        if part is not None and block_id in part:
            del part[block_id]
            self._count -= 1

    def take(self) -> int:
        """The next one, which leaves it; raises IndexError when there is none."""
        if not self._count:
            raise IndexError("nobody waits")
        while not (part := self._parts[self._turns[0]]):
            del self._parts[self._turns.popleft()]
        self._turns.rotate(-1)
        block_id = next(iter(part))
        del part[block_id]
        self._count -= 1
        return block_id
