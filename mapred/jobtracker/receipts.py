"""How far the events of each tracker are durable: so far they are acknowledged, and no further.

Orders don't wait for the journal: an attempt that a crash makes unknown is killed when its
tracker registers again, and what the tracker has to say is kept by it until acknowledged. So
what is lost with the last entries is told once more.
"""

from collections import deque


class Receipts:
    """Positions are those of the journal."""

    def __init__(self) -> None:
        self._position = 0
        # By tracker: the incarnation of its session, and the last event that is durable.
        self._durable: dict[str, tuple[int, int]] = {}
        # Position, tracker, incarnation, event: in order of positions.
        self._waiting: deque[tuple[int, str, int, int]] = deque()

    def took(self, tracker_id: str, incarnation: int, seen: int, position: int) -> None:
        """Events up to `seen` have made entries up to `position`."""
        if position <= self._position:
            self._durable[tracker_id] = incarnation, seen
        else:
            self._waiting.append((position, tracker_id, incarnation, seen))

    def durable(self, position: int) -> None:
        """Entries up to there are."""
        self._position = max(self._position, position)
        while self._waiting and self._waiting[0][0] <= self._position:
            _, tracker_id, incarnation, seen = self._waiting.popleft()
            self._durable[tracker_id] = incarnation, seen

    def of(self, tracker_id: str, incarnation: int) -> int:
        """The last event of this session that may be acknowledged."""
        known, seen = self._durable.get(tracker_id, (incarnation, 0))
        return seen if known == incarnation else 0
