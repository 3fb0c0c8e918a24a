"""Looks at a tracker's local directories: do they take bytes, and how much room is left?

A thread looks every so often, and at once when asked. A look that doesn't end is an answer
too. What comes back after it had failed is opened anew and swept before it is told.
"""

import errno
import logging
import os
import threading
from collections.abc import Callable, Iterable
from typing import Protocol

from mapred.tasktracker.localdirs import Health, Look

log = logging.getLogger(__name__)


class Places(Protocol):
    """The directories, and the disks below them. Every method may raise OSError."""

    def open(self, root: str) -> None:
        """Makes it this tracker's own and removes what earlier lives left."""
        ...

    def try_out(self, root: str) -> None:
        """Writes, syncs, reads back and removes a small file."""
        ...

    def free_bytes(self, root: str) -> int: ...


class DirectoryCheck:
    """`first_look` once, then `start`, then `stop`. Looks are taken by one thread at a time."""

    def __init__(
        self,
        roots: Iterable[str],
        places: Places,
        *,
        reserved_bytes: int,
        interval_s: float,
        timeout_s: float,
    ) -> None:
        self._roots = tuple(roots)
        self._places = places
        self._reserved_bytes = reserved_bytes
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self._report: Callable[[tuple[Look, ...]], None] = lambda _: None
        self._wake = threading.Event()
        self._stopping = False
        # How each was found last; at first nothing is open.
        self._last: dict[str, Look] = {
            root: Look(root, Health.FAILED, why="not opened yet") for root in self._roots
        }
        # Looks that haven't ended.
        self._hanging: dict[str, threading.Thread] = {}

    def start(self, report: Callable[[tuple[Look, ...]], None]) -> None:
        self._report = report
        if self._interval_s > 0:
            threading.Thread(target=self._run, name="local directories", daemon=True).start()

    def look_soon(self) -> None:
        self._wake.set()

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()

    def look(self) -> tuple[Look, ...]:
        """At all of them; says in the log what is new."""
        for root in self._roots:
            before, self._last[root] = self._last[root], self._look_in_time(root)
            _tell(before, self._last[root])
        return tuple(self._last.values())

    def _run(self) -> None:
        while True:
            self._wake.wait(self._interval_s)
            self._wake.clear()
            if self._stopping:
                return
            self._report(self.look())

    def _look_in_time(self, root: str) -> Look:
        late = Look(
            root, Health.FAILED, why=f"the disk has not answered for {self._timeout_s:.0f} s"
        )
        hanging = self._hanging.get(root)
        if hanging is not None and hanging.is_alive():
            return late
        found: list[Look] = []
        # A thread of its own: it may hang for ever, and the other directories have their turn.
        thread = threading.Thread(
            target=lambda: found.append(self._look_at(root)), name="look", daemon=True
        )
        thread.start()
        thread.join(self._timeout_s)
        if found:
            self._hanging.pop(root, None)
            return found[0]
        self._hanging[root] = thread
        return late

    def _look_at(self, root: str) -> Look:
        try:
            if self._last[root].health is Health.FAILED:
                self._places.open(root)
            free = self._places.free_bytes(root)
            if free <= self._reserved_bytes:
                return Look(root, Health.FULL, free, _full_words(self._reserved_bytes))
        except OSError as error:
            return Look(root, Health.FAILED, why=error.strerror or str(error))
        try:
            self._places.try_out(root)
        except OSError as error:
            # Room may be there and not for us: a quota, or no inode left.
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            health = Health.FULL if full else Health.FAILED
            return Look(root, health, free, error.strerror or str(error))
        return Look(root, Health.USED, free)


def _full_words(reserved_bytes: int) -> str:
    if not reserved_bytes:
        return os.strerror(errno.ENOSPC)
    return f"less than the reserve of {reserved_bytes:,} bytes is left (reserved_bytes)"


def _tell(before: Look, now: Look) -> None:
    if now.why and now.why != before.why:
        log.error("local directory %s takes no attempts: %s", now.root, now.why)
    elif before.why and not now.why and before.why != "not opened yet":
        log.info("local directory %s is used again", now.root)
