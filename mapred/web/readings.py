"""Answers of the masters, asked for when a page wants them, never waited for long.

Rules
- One question (a key) is under way at most once; whoever asks meanwhile shares it.
- Nobody waits longer than `patience_s` from when the question was asked: a master that hangs
  makes the first page late, not the next ones.
- An answer younger than `fresh_s` isn't asked for again.
- When a master doesn't answer, the last answer is shown with its age and the reason.
- Questions run on daemon threads, so that one which hangs can't hold up the end of the process.
"""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from blockstore.runtime.clock import SYSTEM_CLOCK, Clock

Value = TypeVar("Value")
Answer_co = TypeVar("Answer_co", covariant=True)

PATIENCE_S: Final = 2.0
FRESH_S: Final = 0.5
# A question for each open job page and a few more; each is a thread.
UNDER_WAY_MAX: Final = 16
# Last answers kept: pages of jobs that nobody looks at any more are forgotten.
KEPT_MAX: Final = 256


@dataclass(frozen=True, slots=True)
class Reading(Generic[Answer_co]):
    """The last answer, if there was any, and why it isn't fresh, if it isn't."""

    value: Answer_co | None
    age_s: float = 0.0
    problem: Exception | None = None


@dataclass(slots=True)
class _Known:
    """What is known of one question; owned by the event loop."""

    value: Any = None
    answered_at: float | None = None
    problem: Exception | None = None
    asked_at: float = 0.0
    asking: asyncio.Future[None] | None = None


class Readings:
    """Use it from one event loop."""

    def __init__(
        self,
        *,
        clock: Clock = SYSTEM_CLOCK,
        patience_s: float = PATIENCE_S,
        fresh_s: float = FRESH_S,
    ) -> None:
        self._clock = clock
        self._patience_s = patience_s
        self._fresh_s = fresh_s
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def read(self, key: str, ask: Callable[[], Value]) -> Reading[Value]:
        """The answer to `ask`; never raises what it raised."""
        known = self._known.setdefault(key, _Known())
        self._known.move_to_end(key)
        self._forget_oldest()
        now = self._clock.monotonic()
        if known.asking is None and not self._is_fresh(known, now):
            if self._under_way() >= UNDER_WAY_MAX:
                known.problem = TimeoutError("too many questions wait for an answer; try later")
                return self._reading(known)
            self._ask(known, ask, now)
        if known.asking is not None:
            left_s = max(known.asked_at + self._patience_s - now, 0.0)
            await asyncio.wait([known.asking], timeout=left_s)
        return self._reading(known)

    def _is_fresh(self, known: _Known, now: float) -> bool:
        return (
            known.problem is None
            and known.answered_at is not None
            and now - known.answered_at < self._fresh_s
        )

    def _ask(self, known: _Known, ask: Callable[[], object], now: float) -> None:
        loop = asyncio.get_running_loop()
        done = known.asking = loop.create_future()
        known.asked_at = now

        def settle(value: object, problem: Exception | None) -> None:
            known.asking = None
            known.problem = problem
            if problem is None:
                known.value, known.answered_at = value, self._clock.monotonic()
            done.set_result(None)

        def work() -> None:
            value, problem = None, None
            try:
                value = ask()
            except Exception as error:
                problem = error
            # The loop may be gone by now: then nobody wants to know.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, value, problem)

        threading.Thread(target=work, name="reading", daemon=True).start()

    def _reading(self, known: _Known) -> Reading[Any]:
        now = self._clock.monotonic()
        problem = known.problem
        if known.asking is not None and not problem:
            problem = TimeoutError(f"no answer for {now - known.asked_at:.0f} s")
        age_s = 0.0 if known.answered_at is None else now - known.answered_at
        return Reading(known.value, age_s, problem)

    def _under_way(self) -> int:
        return sum(known.asking is not None for known in self._known.values())

    def _forget_oldest(self) -> None:
        while len(self._known) > KEPT_MAX:
            oldest = next(iter(self._known))
            if self._known[oldest].asking is not None:
                return
            del self._known[oldest]
