"""Sets and tables of blocks, in parts: with a million of them nobody waits for one step.

A set or a dict of Python's own that grows to a million moves all that is in it in one step of
50 ms, and copying it takes as long; three times that where processors are scarce. A part has the
blocks of a range of ids, which come one after the other: parts by the rest of a division would all
grow at the same time.
"""

from collections.abc import Iterable, Iterator
from typing import Final

# So many ids are of one part.
RANGE_BITS: Final = 13


class BlockSet:
    """Block ids."""

    __slots__ = ("_count", "_parts", "_shared")

    def __init__(self, blocks: Iterable[int] = ()) -> None:
        # By range; none is empty.
        self._parts: dict[int, set[int]] = {}
        # Parts that a copy may have, too: who changes one takes a set of his own first.
        self._shared: set[int] = set()
        self._count = 0
        for block_id in blocks:
            self.add(block_id)

    def __repr__(self) -> str:
        return f"BlockSet({self._count})"

    def __len__(self) -> int:
        return self._count

    def __contains__(self, block_id: int) -> bool:
        return block_id in self._parts.get(block_id >> RANGE_BITS, ())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BlockSet) and self._parts == other._parts

    __hash__ = None  # type: ignore[assignment]

    def __iter__(self) -> Iterator[int]:
        """Rising; others may come and go meanwhile, which are seen or not."""
        for number in sorted(self._parts):
            yield from sorted(self._parts.get(number, ()))

    def add(self, block_id: int) -> None:
        part = self._parts.get(block_id >> RANGE_BITS)
        if part is None:
            part = self._parts[block_id >> RANGE_BITS] = set()
        if block_id not in part:
            self._own(block_id >> RANGE_BITS, part).add(block_id)
            self._count += 1

    def discard(self, block_id: int) -> None:
        part = self._parts.get(block_id >> RANGE_BITS)
        if part is not None and block_id in part:
            part = self._own(block_id >> RANGE_BITS, part)
            part.discard(block_id)
            self._one_less(block_id >> RANGE_BITS, part)

    def pop(self) -> int:
        """Any of them, which leaves; raises KeyError when there is none."""
        if not self._count:
            raise KeyError("there is no block")
        number, part = next(iter(self._parts.items()))
        part = self._own(number, part)
        block_id = part.pop()
        self._one_less(number, part)
        return block_id

    def _one_less(self, number: int, part: set[int]) -> None:
        self._count -= 1
        if not part:
            del self._parts[number]
            self._shared.discard(number)

    def copy(self) -> "BlockSet":
        """Costs nothing yet: a part is copied when one of both changes it."""
        other = BlockSet()
        other._parts = dict(self._parts)
        other._shared, self._shared = set(self._parts), set(self._parts)
        other._count = self._count
        return other

    def give_up(self, others: "BlockSet") -> None:
        """What is in both leaves this one, and nothing else stays in `others`."""
        shared = {
            number: part & self._parts.get(number, set()) for number, part in others._parts.items()
        }
        others._parts = {number: part for number, part in shared.items() if part}
        others._shared = set()
        others._count = sum(map(len, others._parts.values()))
        for number, part in others._parts.items():
            mine = self._own(number, self._parts[number])
            mine -= part
            if not mine:
                del self._parts[number]
        self._count -= others._count

    def _own(self, number: int, part: set[int]) -> set[int]:
        if number in self._shared:
            self._shared.discard(number)
            part = self._parts[number] = set(part)
        return part


class _Part(dict[int, tuple[str, ...]]):
    """A dict of Python's own would be handed to the cycle collector anew, as its youngest object
    with thousands of values, whenever it has been through one of nothing but strings."""


class NodesByBlock:
    """The ids of the nodes of blocks; no entry where there is none."""

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        # By range.
        self._parts: dict[int, _Part] = {}

    def __repr__(self) -> str:
        return f"NodesByBlock({len(self)})"

    def __len__(self) -> int:
        return sum(map(len, self._parts.values()))

    def get(self, block_id: int) -> tuple[str, ...]:
        part = self._parts.get(block_id >> RANGE_BITS)
        return () if part is None else part.get(block_id, ())

    def put(self, block_id: int, nodes: tuple[str, ...]) -> None:
        """No nodes: no entry."""
        number = block_id >> RANGE_BITS
        part = self._parts.get(number)
        if nodes:
            if part is None:
                part = self._parts[number] = _Part()
            part[block_id] = nodes
        elif part is not None and part.pop(block_id, None) is not None and not part:
            del self._parts[number]
