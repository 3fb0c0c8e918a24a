"""The simulated world: one heap of events, one clock, one seed.

Rules
- Everything that happens is an event of the heap, or follows from one in the same step.
- Simulated processes are coroutines. They wait only for `Future`s of this world; those of a
  host end with its life, at whatever line they stand.
- Each part draws from its own stream of random numbers, made from the seed and its name, so
  that a change in one part doesn't shift the luck of all others.
- An exception that nobody awaits ends the run: in a simulator every surprise is a bug.
"""

import contextlib
import hashlib
import heapq
import itertools
import random
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")

# The wall clock at the start of a run; people read it, no rule rests on it.
WALL_AT_START_S = 1_700_000_000.0


class Broken(AssertionError):
    """An invariant doesn't hold, or code under test raised what it should not."""


class Died(BaseException):
    """The host has stopped in the middle of an operation: nothing after it happens."""


class Future(Generic[Result]):
    """A value that will be there; `await` it from a simulated process."""

    __slots__ = ("_error", "_value", "_waiting", "done")

    def __init__(self) -> None:
        self.done = False
        self._value: Any = None
        self._error: BaseException | None = None
        self._waiting: list[Callable[[], None]] = []

    def set(self, value: Result) -> None:
        self._settle(value, None)

    def fail(self, error: BaseException) -> None:
        self._settle(None, error)

    def _settle(self, value: Any, error: BaseException | None) -> None:
        if self.done:
            return
        self.done, self._value, self._error = True, value, error
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            call()

    def when_done(self, call: Callable[[], None]) -> None:
        if self.done:
            call()
        else:
            self._waiting.append(call)

    def result(self) -> Result:
        if self._error is not None:
            raise self._error
        return self._value

    def __await__(self) -> Generator["Future[Result]", None, Result]:
        if not self.done:
            yield self
        return self.result()


class _Deadline:
    """Fails a future that is late. Most are not: then it's no event at all."""

    __slots__ = ("_error", "future")

    def __init__(self, future: Future[Any], error: Exception) -> None:
        self.future = future
        self._error = error

    def __call__(self) -> None:
        self.future.fail(self._error)


class Lock:
    """One holder at a time, first come first served."""

    def __init__(self) -> None:
        self._held = False
        self._queue: deque[Future[None]] = deque()

    async def acquire(self) -> None:
        if self._held:
            turn: Future[None] = Future()
            self._queue.append(turn)
            await turn
        self._held = True

    def release(self) -> None:
        self._held = False
        if self._queue:
            self._held = True
            self._queue.popleft().set(None)


class Life:
    """One life of a host: from its start to its crash."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        # Until then nothing of it runs: its process was stopped, and goes on later.
        self.paused_until = 0.0
        # In order of start, so that their ends have one order too.
        self._processes: dict[int, Process] = {}

    def end(self) -> None:
        self.alive = False
        for process in list(self._processes.values()):
            process.end()
        self._processes.clear()

    def __repr__(self) -> str:
        return f"<life of {self.name}{'' if self.alive else ', over'}>"


class Process:
    """A coroutine that runs as long as its host lives."""

    __slots__ = ("_coroutine", "_number", "_world", "life", "result")

    def __init__(self, world: "World", coroutine: Coroutine[Any, Any, Any], life: Life) -> None:
        self._world = world
        self._coroutine = coroutine
        self._number = next(world.numbers)
        self.life = life
        self.result: Future[Any] = Future()
        life._processes[self._number] = self
        world.soon(self._step)

    def _step(self) -> None:
        if self.result.done:
            return
        pause_s = self.life.paused_until - self._world.now
        if pause_s > 0:
            self._world.later(pause_s, self._step, self.life)
            return
        try:
            future = self._coroutine.send(None)
        except StopIteration as stop:
            self._over()
            self.result.set(stop.value)
        except Died:
            self.end()
        except Exception as error:
            self._over()
            if not self.result._waiting:
                raise
            self.result.fail(error)
        else:
            future.when_done(lambda: self._world.soon(self._step))

    def _over(self) -> None:
        self.life._processes.pop(self._number, None)

    def end(self) -> None:
        """Stops it where it stands. Nobody is told: the network notices, or doesn't."""
        if not self.result.done:
            self._over()
            self.result._waiting.clear()
            self.result.set(None)
            # What its `finally`s would do to the disk, a dead process doesn't.
            with contextlib.suppress(Died):
                self._coroutine.close()


class World:
    """Time, luck, events."""

    def __init__(self, seed: int, *, trace: bool = False) -> None:
        self.seed = seed
        self.now = 0.0
        self.steps = 0
        self.numbers = itertools.count(1)
        # How often each interesting thing happened.
        self.figures: Counter[str] = Counter()
        self.after_step: list[Callable[[], None]] = []
        self._events: list[tuple[float, int, Callable[[], None], Life | None]] = []
        self._ready: deque[Callable[[], None]] = deque()
        self._digest = hashlib.blake2b(digest_size=16)
        self._trace = trace

    # --- luck

    def rng(self, name: str) -> random.Random:
        """A stream of random numbers of its own for each name."""
        return random.Random(f"{self.seed}/{name}")

    # --- time

    @property
    def wall_s(self) -> float:
        return WALL_AT_START_S + self.now

    def later(self, delay_s: float, action: Callable[[], None], life: Life | None = None) -> None:
        """Calls `action` after a time, if that life still lasts then."""
        heapq.heappush(self._events, (self.now + delay_s, next(self.numbers), action, life))

    def soon(self, action: Callable[[], None]) -> None:
        """Calls `action` within this step, after what runs now."""
        self._ready.append(action)

    def sleep(self, delay_s: float) -> Future[None]:
        future: Future[None] = Future()
        self.later(delay_s, lambda: future.set(None))
        return future

    def spawn(self, coroutine: Coroutine[Any, Any, Any], life: Life) -> Process:
        return Process(self, coroutine, life)

    async def within(self, future: Future[Result], seconds: float, error: Exception) -> Result:
        """The future's value; raises `error` when it takes longer."""
        if not future.done:
            at = self.now + seconds
            heapq.heappush(self._events, (at, next(self.numbers), _Deadline(future, error), None))
        return await future

    # --- the run

    def run(self, until_s: float, stop: Callable[[], bool] = lambda: False) -> None:
        """Runs events up to a time, or until `stop` says so after one of them."""
        self._drain()
        events, checks = self._events, self.after_step
        while events and events[0][0] <= until_s:
            if stop():
                return
            at, _, action, life = heapq.heappop(events)
            if life is not None and not life.alive:
                continue
            if type(action) is _Deadline and action.future.done:
                continue
            self.now = at
            self.steps += 1
            self._ready.append(action)
            self._drain()
            for check in checks:
                check()
        self.now = max(self.now, until_s)

    def close(self) -> None:
        """Nothing happens any more: processes that have not begun are told so."""
        waiting = [*self._ready, *(action for _, _, action, _ in self._events)]
        for action in waiting:
            process = getattr(action, "__self__", None)
            if isinstance(process, Process):
                process.end()

    def _drain(self) -> None:
        ready = self._ready
        while ready:
            # One context for all that runs now: entering one costs as much as what it guards.
            with contextlib.suppress(Died):
                while ready:
                    ready.popleft()()

    # --- what happened

    def note(self, what: str, *details: object) -> None:
        """Writes into the log whose digest two runs of one seed must share."""
        line = f"{self.now:.6f} {what} {' '.join(map(str, details))}"
        self._digest.update(line.encode())
        if self._trace:
            print(line)

    def count(self, what: str, *details: object) -> None:
        """An event worth to be counted."""
        self.figures[what] += 1
        self.note(what, *details)

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()
