"""A limit of bytes a second for all who share it."""

import threading
from typing import Final

from blockstore.runtime.clock import Clock

# Bytes that nobody asked for are saved up for so long: a packet needn't wait for the first.
BURST_S: Final = 0.1


class Throttle:
    """Thread-safe; whoever takes bytes waits until they are due."""

    def __init__(self, bytes_per_s: int, clock: Clock) -> None:
        """0: no limit."""
        self._bytes_per_s = bytes_per_s
        self._clock = clock
        self._guard = threading.Lock()
        # When everything that was taken so far is due, monotonic seconds.
        self._due_at = float("-inf")

    def limit(self, bytes_per_s: int) -> None:
        """For what is taken from now on."""
        with self._guard:
            self._bytes_per_s = bytes_per_s

    def take(self, count: int) -> None:
        with self._guard:
            if not self._bytes_per_s:
                return
            now = self._clock.monotonic()
            wait_s = self._due_at - now
            self._due_at = max(self._due_at, now - BURST_S) + count / self._bytes_per_s
        if wait_s > 0:
            self._clock.sleep(wait_s)
