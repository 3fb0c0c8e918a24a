"""What a task tells its tracker while it runs: progress, at most a few times a second."""

import threading
import time
from collections.abc import Callable
from typing import Any, Final

from mapred.model import Counters
from mapred.task.context import TaskContext
from mapred.task.messages import OutputLost, TaskProgress
from mapred.task.outputs import CapturedOutput

_INTERVAL_S: Final = 0.25

Send = Callable[[Any], None]


class Reporter:
    """One attempt's voice. `tick` may be called as often as one likes."""

    def __init__(self, send: Send, clock: Callable[[], float] = time.monotonic) -> None:
        self._send = send
        self._clock = clock
        self._due = clock() + _INTERVAL_S
        # The user may call `status` from a thread of his own.
        self._lock = threading.Lock()
        self._context: TaskContext | None = None
        self._output: CapturedOutput | None = None
        self._fraction = 0.0
        self._phase = ""
        self._status = ""
        self._counters: Counters = {}

    def follow(self, context: TaskContext, output: CapturedOutput) -> None:
        """Whose counters are told, and what the user's code prints into."""
        self._context, self._output = context, output

    def tick(self, fraction: float, phase: str) -> None:
        """A sign of life; `fraction` of the whole attempt, 0 to 1."""
        self._fraction, self._phase = min(max(fraction, 0.0), 1.0), phase
        self.alive()

    def alive(self) -> None:
        """A sign of life from where the last one was."""
        if self._clock() >= self._due:
            self._report()

    def pulse(self) -> None:
        """A sign of life from another thread, which mustn't look at the task's counters."""
        with self._lock:
            self._send(TaskProgress(self._fraction, self._phase, self._status, self._counters))

    def status(self, text: str) -> None:
        self._status = text
        self.alive()

    def output_lost(self, map_index: int, attempt_number: int, reason: str) -> None:
        with self._lock:
            self._send(OutputLost(map_index, attempt_number, reason))

    def _report(self) -> None:
        with self._lock:
            self._due = self._clock() + _INTERVAL_S
            if self._context:
                self._counters = dict(self._context.counters)
            if self._output:
                self._output.trim()
            self._send(TaskProgress(self._fraction, self._phase, self._status, self._counters))
