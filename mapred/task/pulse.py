"""Signs of life of a task whose main thread is in the user's code.

The record loops tell of their progress at chunks and batches, which is cheap, but may be
minutes apart when a record takes a second. So a thread looks, now and then, whether the task
has moved since: to another record, or by reading or writing a file (merges, spills). It can't
look while user code holds the interpreter, and a function that sleeps doesn't move: both are
what the tracker calls stalled.
"""

import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeAlias

# Some looks within any sensible limit for stalled tasks.
INTERVAL_S: Final = 2.0

# Whatever differs when the task has moved.
Position: TypeAlias = Hashable


class Pulse:
    """One a process, attempt after attempt: starting a thread takes longer than a short one."""

    def __init__(
        self, *, interval_s: float = INTERVAL_S, moved_bytes: Callable[[], int] | None = None
    ) -> None:
        self._interval_s = interval_s
        self._moved_bytes = moved_bytes or FileBytes()
        self._thread: threading.Thread | None = None
        # Set while there is an attempt, and then until the next look.
        self._busy = threading.Event()
        self._lock = threading.Lock()
        # Guarded by the lock: where the attempt is, and whom to tell.
        self._attempt: tuple[Callable[[], Position], Callable[[], None]] | None = None

    @contextmanager
    def of(self, position: Callable[[], Position], alive: Callable[[], None]) -> Iterator[None]:
        """Tells `alive` while `position` changes, for the time of one attempt."""
        with self._lock:
            self._attempt = position, alive
        if not self._busy.is_set():
            self._busy.set()
        # One that has failed, in a position that was changing just then, isn't missed for long.
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)
            self._thread.start()
        try:
            yield
        finally:
            # Nothing is said of an attempt that is over.
            with self._lock:
                self._attempt = None

    def _run(self) -> None:
        before: tuple[object, object] = (None, None)
        while True:
            self._busy.wait()
            before = self._look(before)
            time.sleep(self._interval_s)

    def _look(self, before: tuple[object, object]) -> tuple[object, object]:
        """The attempt, and where it is."""
        with self._lock:
            if self._attempt is None:
                self._busy.clear()
                return None, None
            position, alive = attempt = self._attempt
            where = position(), self._moved_bytes()
            if attempt is not before[0] or where == before[1]:
                return attempt, where
            alive()
            # Only now: what was said went through a file descriptor, too.
            return attempt, (position(), self._moved_bytes())


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
