"""Whom nobody could reach lately: they aren't tried for a while."""

import threading
from collections.abc import Hashable

from blockstore.runtime.clock import Clock


class Shunned:
    """Thread-safe."""

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._seconds = seconds
        self._clock = clock
        self._guard = threading.Lock()
        self._until: dict[Hashable, float] = {}

    def add(self, who: Hashable) -> None:
        now = self._clock.monotonic()
        with self._guard:
            # Ports change with every start: those of before are forgotten.
            self._until = {each: until for each, until in self._until.items() if until > now}
            self._until[who] = now + self._seconds

    def __contains__(self, who: Hashable) -> bool:
        with self._guard:
            until = self._until.get(who)
        return until is not None and until > self._clock.monotonic()
