"""The one retry policy: exponential backoff with full jitter, within a deadline.

Jitter after "Exponential Backoff and Jitter" (AWS Architecture Blog, 2015).
Whoever retries a call that changes something sends an idempotency key with it.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from blockstore.runtime.clock import SYSTEM_CLOCK, Clock

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long and how often to try again; all times in seconds."""

    # From the first try to the last refusal.
    deadline_s: float
    base_s: float = 0.05
    cap_s: float = 2.0
    attempts_max: int = 1_000

    def delays(self, rng: random.Random) -> Iterator[float]:
        """The pauses between tries; ends when the attempts are used up."""
        bound = self.base_s
        for _ in range(self.attempts_max - 1):
            yield rng.uniform(bound / 2, bound)
            bound = min(self.cap_s, bound * 2)


# Long enough for a master to be restarted by its supervisor, or to stand still for a minute and to
# hear its workers then; a client waits that out.
MASTER_RESTART: Final = RetryPolicy(deadline_s=80.0)
# For commands that a person waits for: 5 s until "not reachable".
INTERACTIVE: Final = RetryPolicy(deadline_s=4.0, cap_s=0.5)
NO_RETRY: Final = RetryPolicy(deadline_s=0.0, attempts_max=1)


def retry(
    attempt: Callable[[float], Result],
    *,
    policy: RetryPolicy,
    again: Callable[[Exception], bool],
    clock: Clock = SYSTEM_CLOCK,
    rng: random.Random | None = None,
) -> Result:
    """Calls `attempt(seconds_left)` until it returns, or raises what `again` refuses.

    Raises:
        Exception: the last one, when the deadline or the attempts are used up.
    """
    started = clock.monotonic()
    delays: Iterator[float] | None = None
    while True:
        left = policy.deadline_s - (clock.monotonic() - started)
        try:
            return attempt(max(left, 0.0))
        except Exception as error:
            # Not before it is needed: seeding a generator costs more than most calls' own work.
            delays = delays or policy.delays(rng or random.Random())
            pause = next(delays, None)
            left = policy.deadline_s - (clock.monotonic() - started)
            if pause is None or pause >= left or not again(error):
                raise
        clock.sleep(pause)
