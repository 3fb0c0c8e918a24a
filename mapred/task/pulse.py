"""Signs of life of a task whose main thread is in the user's code.

The record loops tell of their progress at chunks and batches, which is cheap, but may be
minutes apart when a record takes a second. So a thread looks, now and then, whether the task
has moved since: to another record, or by reading or writing a file (merges, spills). It can't
look while user code holds the interpreter, and a function that sleeps doesn't move: both are
what the tracker calls stalled.
"""

import threading
from collections.abc import Callable, Hashable
from pathlib import Path
from types import TracebackType
from typing import Final, TypeAlias

# Some looks within any sensible limit for stalled tasks.
INTERVAL_S: Final = 2.0

# Whatever differs when the task has moved.
Position: TypeAlias = Hashable


class Pulse:
    """Tells `alive` while `position` changes; a context, for the time of one attempt."""

    def __init__(
        self,
        position: Callable[[], Position],
        alive: Callable[[], None],
        *,
        interval_s: float = INTERVAL_S,
        moved_bytes: Callable[[], int] | None = None,
    ) -> None:
        self._position = position
        self._alive = alive
        self._interval_s = interval_s
        self._moved_bytes = moved_bytes or FileBytes()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    def __enter__(self) -> "Pulse":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Nobody waits for the thread: it holds nothing, and ends at its next look.
        self._over.set()

    def _run(self) -> None:
        before = self._where()
        while not self._over.wait(self._interval_s):
            if self._where() != before:
                self._alive()
                # Only now: what was said went through a file descriptor, too.
                before = self._where()

    def _where(self) -> tuple[Position, int]:
        return self._position(), self._moved_bytes()


class FileBytes:
    """Read and written by this process so far, through files and pipes, but for its own looks;
    0 where nobody counts."""

    def __init__(self) -> None:
        self._looks = 0

    def __call__(self) -> int:
        try:
            text = Path("/proc/self/io").read_bytes()
        except OSError:
            return 0
        counts = dict(line.split(b": ") for line in text.splitlines())
        found = int(counts.get(b"rchar", 0)) + int(counts.get(b"wchar", 0)) - self._looks
        self._looks += len(text)
        return found
