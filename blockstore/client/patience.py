"""Tells whoever waits for a client what it waits for: a silent command looks as if it hung."""

import logging
import threading
from collections.abc import Callable
from typing import Final

from blockstore.runtime.clock import Clock

log = logging.getLogger(__name__)

# Shorter waits aren't worth a word.
SILENT_S: Final = 1.0
# Several requests of one client wait for the same thing, and one word is enough for all.
AGAIN_S: Final = 15.0


class Patience:
    """One client's; thread-safe."""

    def __init__(self, clock: Clock, say: Callable[[str], None] = log.warning) -> None:
        self._clock = clock
        self._say = say
        self._guard = threading.Lock()
        self._said_at = float("-inf")

    def with_words(
        self, again: Callable[[Exception], bool], deadline_s: float
    ) -> Callable[[Exception], bool]:
        """`again`, for one request that is repeated from now until `deadline_s` have gone."""
        started = self._clock.monotonic()

        def judge(error: Exception) -> bool:
            if not again(error):
                return False
            now = self._clock.monotonic()
            if now - started >= SILENT_S and self._is_due(now):
                left_s = max(1.0, deadline_s - (now - started))
                self._say(f"waiting, for up to {left_s:.0f} s more: {error}")
            return True

        return judge

    def _is_due(self, now: float) -> bool:
        with self._guard:
            if now - self._said_at < AGAIN_S:
                return False
            self._said_at = now
            return True
