"""Replicas that a writer has seen finished and whose nodes haven't reported them yet.

A writer names a block as ended when all nodes of its pipeline have acknowledged it, and may be
faster than their reports. To copy a block then, because replicas seem to be missing, would bring
what is there already. So they are counted as on their way, for a while: a node that dies meanwhile
is known to be dead by then.
"""

from typing import Final

# A report takes milliseconds, on a busy machine seconds.
EXPECTED_S: Final = 10.0


class Arriving:
    """By block."""

    def __init__(self) -> None:
        # The oldest first.
        self._expected: dict[int, tuple[frozenset[str], float]] = {}

    def __repr__(self) -> str:
        return f"Arriving({len(self._expected)} blocks)"

    def expect(self, block_id: int, node_ids: frozenset[str], now: float) -> None:
        self._expected.pop(block_id, None)
        if node_ids:
            self._expected[block_id] = node_ids, now + EXPECTED_S

    def of(self, block_id: int) -> frozenset[str]:
        return self._expected.get(block_id, (frozenset(), 0.0))[0]

    def end(self, block_id: int) -> None:
        self._expected.pop(block_id, None)

    def take_overdue(self, now: float) -> list[int]:
        """Blocks for which nobody waits any longer."""
        overdue = []
        for block_id, (_, until) in self._expected.items():
            if until > now:
                break
            overdue.append(block_id)
        for block_id in overdue:
            del self._expected[block_id]
        return overdue
