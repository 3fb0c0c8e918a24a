"""Reduces that complained of a map output and shall try again after a pause."""

import heapq
from typing import Final

from mapred.model import AttemptId

# Long enough for a restarted network or server, short against the work of a reduce.
PAUSE_S: Final = 1.0


class Reannouncements:
    """What to send again, by time."""

    def __init__(self) -> None:
        self._due: list[tuple[float, AttemptId, int]] = []

    def add(self, reduce: AttemptId, map_index: int, now: float) -> None:
        heapq.heappush(self._due, (now + PAUSE_S, reduce, map_index))

    def due(self, now: float) -> list[tuple[AttemptId, int]]:
        """Those whose time has come; they are forgotten."""
        due = []
        while self._due and self._due[0][0] <= now:
            _, reduce, map_index = heapq.heappop(self._due)
            due.append((reduce, map_index))
        return due
