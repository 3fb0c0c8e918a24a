"""Sets and tables of blocks, in parts: with a million of them nobody waits for one step.

A set or a dict of Python's own that grows to a million moves all that is in it in one step of
50 ms, and copying it takes as long; three times that where processors are scarce.
"""

from collections.abc import Iterable, Iterator
from typing import Final

# A million blocks are some thousand in each part, and the set of a small node is still small.
PARTS: Final = 128


class BlockSet:
    """Block ids."""

    __slots__ = ("_count", "_parts", "_turn")

    def __init__(self, blocks: Iterable[int] = ()) -> None:
        self._parts: tuple[set[int], ...] = tuple(set() for _ in range(PARTS))
        self._count = 0
        # No part before this one has anything that `pop` could take.
        self._turn = 0
        for block_id in blocks:
            self.add(block_id)

    def __repr__(self) -> str:
        return f"BlockSet({self._count})"

    def __len__(self) -> int:
        return self._count

    def __contains__(self, block_id: int) -> bool:
        return block_id in self._parts[block_id % PARTS]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BlockSet) and self._parts == other._parts

    __hash__ = None  # type: ignore[assignment]

    def __iter__(self) -> Iterator[int]:
        """In the same order for the same blocks; others may come and go meanwhile, which are seen
        or not."""
        for part in self._parts:
            yield from sorted(part)

    def add(self, block_id: int) -> None:
        number = block_id % PARTS
        part = self._parts[number]
        if block_id not in part:
            part.add(block_id)
            self._count += 1
            self._turn = min(self._turn, number)

    def discard(self, block_id: int) -> None:
        part = self._parts[block_id % PARTS]
        if block_id in part:
            part.discard(block_id)
            self._count -= 1

    def pop(self) -> int:
        """Any of them, which leaves; raises KeyError when there is none."""
        if not self._count:
            raise KeyError("there is no block")
        while not self._parts[self._turn]:
            self._turn += 1
        self._count -= 1
        return self._parts[self._turn].pop()

    def copy(self) -> "BlockSet":
        other = BlockSet()
        for mine, its in zip(self._parts, other._parts, strict=True):
            its |= mine
        other._count = self._count
        return other

    def give_up(self, others: "BlockSet") -> None:
        """What is in both leaves this one, and nothing else stays in `others`."""
        for mine, its in zip(self._parts, others._parts, strict=True):
            its &= mine
            mine -= its
        others._count = sum(map(len, others._parts))
        self._count -= others._count


class _Part(dict[int, tuple[str, ...]]):
    """A dict of Python's own would be handed to the cycle collector anew, as its youngest object
    with thousands of values, whenever it has been through one of nothing but strings."""


class NodesByBlock:
    """The ids of the nodes of blocks; no entry where there is none."""

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts = tuple(_Part() for _ in range(PARTS))

    def __repr__(self) -> str:
        return f"NodesByBlock({len(self)})"

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def get(self, block_id: int) -> tuple[str, ...]:
        return self._parts[block_id % PARTS].get(block_id, ())

    def put(self, block_id: int, nodes: tuple[str, ...]) -> None:
        """No nodes: no entry."""
        if nodes:
            self._parts[block_id % PARTS][block_id] = nodes
        else:
            self._parts[block_id % PARTS].pop(block_id, None)
