"""Time as an argument: the system's clock, and one that tests move by hand.

Liveness and deadlines use `monotonic`; `wall` is only for what people read.
"""

import heapq
import itertools
import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Seconds, as floats."""

    def monotonic(self) -> float: ...

    def wall(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's own."""

    def monotonic(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class FakeClock:
    """Stands still until `advance`; sleepers wake in order of their time."""

    def __init__(self, now: float = 0.0, wall: float = 1_700_000_000.0) -> None:
        self._now = now
        self._wall_offset = wall - now
        self._changed = threading.Condition()
        self._sleepers: list[tuple[float, int]] = []
        self._tickets = itertools.count()

    def monotonic(self) -> float:
        return self._now

    def wall(self) -> float:
        return self._now + self._wall_offset

    def sleep(self, seconds: float) -> None:
        """Blocks the calling thread until the clock was advanced past its time."""
        with self._changed:
            until = self._now + seconds
            heapq.heappush(self._sleepers, (until, next(self._tickets)))
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._now >= until)

    def advance(self, seconds: float) -> None:
        with self._changed:
            self._now += seconds
            while self._sleepers and self._sleepers[0][0] <= self._now:
                heapq.heappop(self._sleepers)
            self._changed.notify_all()

    def jump_wall(self, seconds: float) -> None:
        """Moves the wall clock alone, as NTP or an administrator does."""
        self._wall_offset += seconds

    @property
    def sleepers(self) -> int:
        return len(self._sleepers)


SYSTEM_CLOCK = SystemClock()
