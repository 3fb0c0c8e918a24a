"""Threads that do one thing to many items, and stop together.

Rules
- Few items are ahead of the threads, so a tree of a million files is walked as it is copied.
- `stopped` is set by Ctrl-C and by the first error that concerns all: whoever is in the middle
  of an item looks at it, brings the item to an end that can be gone on from, raises Stopped.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterable
from typing import Final, Generic, TypeVar

AHEAD_DEFAULT: Final = 64
# How long those in the middle of an item may take when all stop; then the program ends anyway.
PATIENCE_S: Final = 20.0

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
        except BaseException:
            self.stopped.set()
            self._end()
            raise
        self._end()
        if self._error is not None:
            raise self._error

    def _end(self) -> None:
        """One None for each thread; they empty the queue when all stop, so there is room."""
        try:
            for _ in self._threads:
                self._items.put(None)
            for thread in self._threads:
                thread.join()
        except BaseException:
            self.stopped.set()
            until = time.monotonic() + PATIENCE_S
            for thread in self._threads:
                thread.join(max(0.0, until - time.monotonic()))
            raise

    def _go_on(self) -> None:
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
