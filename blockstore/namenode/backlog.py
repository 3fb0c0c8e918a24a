"""Blocks that wait for their turn, however many, so that nobody else waits for them.

One dict would keep their order, too. But it walks over all that was taken from its front, and at a
million it grows in one step of a tenth of a second. So there are many small ones, which take turns:
each is in order, and none waits for another to be empty.
"""

from typing import Final

# A million blocks are some thousand in each, and an empty backlog is still small.
PARTS: Final = 512


class Backlog:
    """Block ids, each once."""

    def __init__(self) -> None:
        self._parts: tuple[dict[int, None], ...] = tuple({} for _ in range(PARTS))
        self._count = 0
        # The part whose turn it is.
        self._turn = 0

    def __len__(self) -> int:
        return self._count

    def __repr__(self) -> str:
        return f"Backlog({self._count})"

    def add(self, block_id: int) -> None:
        """Behind the others of its part; one that waits already keeps its place."""
        part = self._parts[block_id % PARTS]
        if block_id not in part:
            part[block_id] = None
            self._count += 1

    def discard(self, block_id: int) -> None:
        part = self._parts[block_id % PARTS]
        if block_id in part:
            del part[block_id]
            self._count -= 1

    def take(self) -> int:
        """The next one, which leaves it; raises IndexError when there is none."""
        if not self._count:
            raise IndexError("nobody waits")
        while not self._parts[self._turn]:
            self._turn = (self._turn + 1) % PARTS
        part = self._parts[self._turn]
        self._turn = (self._turn + 1) % PARTS
        block_id = next(iter(part))
        del part[block_id]
        self._count -= 1
        return block_id
