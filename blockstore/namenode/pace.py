"""How fast a long work goes, and when it will be done."""

from collections import deque
from typing import Final

# The rate is that of the last minute: old enough to be steady, young enough to be true.
WINDOW_S: Final = 60.0
# Before that it's an accident what has gone first, a small block or a large one.
STEADY_S: Final = 5.0


class Pace:
    """Fed with the work that is left, at any moments."""

    def __init__(self) -> None:
        # Monotonic seconds and units left then.
        self._seen: deque[tuple[float, float]] = deque()

    def note(self, left: float, now: float) -> None:
        if self._seen and left > self._seen[-1][1]:
            # More work came: what was before says nothing about the rate.
            self._seen.clear()
        self._seen.append((now, left))
        while len(self._seen) > 2 and now - self._seen[1][0] >= WINDOW_S:
            self._seen.popleft()

    @property
    def per_s(self) -> float:
        if len(self._seen) < 2:
            return 0.0
        (began, before), (now, left) = self._seen[0], self._seen[-1]
        return (before - left) / (now - began) if now > began else 0.0

    @property
    def seconds_left(self) -> float | None:
        """None while nothing is known."""
        if not self.per_s or self._seen[-1][0] - self._seen[0][0] < STEADY_S:
            return None
        return self._seen[-1][1] / self.per_s
