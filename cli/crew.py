"""Threads that do one thing to many items, and stop together.

Rules
- Few items are ahead of the threads, so a tree of a million files is walked as it is copied.
- `stopped` is set by Ctrl-C and by the first error that concerns all: whoever is in the middle
  of an item looks at it, brings the item to an end that can be gone on from, raises Stopped.
"""

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterable
from typing import Final, Generic, TypeVar

AHEAD_DEFAULT: Final = 64
# How long those in the middle of an item may take when all stop; then the program ends anyway.
PATIENCE_S: Final = 20.0
_PAUSE_S: Final = 0.02

Item = TypeVar("Item")


class Stopped(Exception):
    """What was being done has been given up, because all stop."""


class Crew(Generic[Item]):
    """`threads` daemon threads; `run` is called once."""

    def __init__(
        self,
        threads: int,
        work: Callable[[Item], None],
        stopped: threading.Event,
        ahead: int = AHEAD_DEFAULT,
    ) -> None:
        self.stopped = stopped
        self._work = work
        self._items: queue.Queue[Item | None] = queue.Queue(ahead)
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        # Guarded by `_changed`: how many threads are at work. (A join that Ctrl-C interrupts takes
        # the thread for ended.)
        self._working = threads
        self._threads = [
            threading.Thread(target=self._go_on, name=f"copy-{number}", daemon=True)
            for number in range(threads)
        ]

    def run(self, items: Iterable[Item]) -> None:
        """Until all is done. Raises the first error of `work`, and what `items` raises."""
        for thread in self._threads:
            thread.start()
        try:
            for item in items:
                self._items.put(item)
                if self.stopped.is_set():
                    break
            for _ in self._threads:
                self._items.put(None)
            with self._changed:
                self._changed.wait_for(lambda: not self._working)
        except BaseException:
            self._stop()
            raise
        if self._error is not None:
            raise self._error

    def _stop(self) -> None:
        """Whoever is in the middle of an item has some time to bring it to an end."""
        self.stopped.set()
        until = time.monotonic() + PATIENCE_S
        with self._changed:
            while self._working and time.monotonic() < until:
                with contextlib.suppress(queue.Full):
                    # For who waits for an item.
                    self._items.put_nowait(None)
                self._changed.wait(_PAUSE_S)

    def _go_on(self) -> None:
        try:
            self._work_off()
        finally:
            with self._changed:
                self._working -= 1
                self._changed.notify_all()

    def _work_off(self) -> None:
        # Until None: who fills the queue must not wait for room for ever.
        while (item := self._items.get()) is not None:
            if self.stopped.is_set():
                continue
            try:
                self._work(item)
            except Stopped:
                continue
            except BaseException as error:
                self._error = self._error or error
                self.stopped.set()
