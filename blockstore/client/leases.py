"""Keeps this client's lease alive while it has files open for writing.

With each renewal the NameNode tells which nodes are to go. Files may stay open for long, so writers
let those go at once.
"""

import logging
import threading
from collections.abc import Mapping
from typing import Protocol
from weakref import WeakSet

from blockstore.client.namenode import NameNodeClient
from blockstore.errors import StoreError

log = logging.getLogger(__name__)


class Writer(Protocol):
    def move_on(self, leaving: Mapping[str, int]) -> None: ...


class LeaseKeeper:
    """One background thread, alive while files are open and a little longer. Thread-safe.

    Opening and closing only count: who writes many small files neither starts nor wakes
    a thread for each.
    """

    def __init__(self, namenode: NameNodeClient, renew_s: float) -> None:
        self._namenode = namenode
        self._renew_s = renew_s
        self._changed = threading.Condition()
        # Guarded by `_changed`.
        self._open_files = 0
        self._thread: threading.Thread | None = None
        self._writers: WeakSet[Writer] = WeakSet()
        self._ended = False
        # Owned by the thread.
        self._moving: threading.Thread | None = None

    def opened(self) -> None:
        with self._changed:
            self._open_files += 1
            if self._thread is None and not self._ended:
                self._thread = threading.Thread(target=self._run, name="lease", daemon=True)
                self._thread.start()

    def watch(self, writer: Writer) -> None:
        """Of a file that was opened: it's told of nodes that are to go."""
        with self._changed:
            self._writers.add(writer)

    def closed(self) -> None:
        with self._changed:
            self._open_files -= 1

    def end(self) -> None:
        """No lease is renewed any more."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ended, self._renew_s)
                if self._ended or not self._open_files:
                    self._thread = None
                    return
            try:
                if leaving := self._namenode.renew_lease():
                    self._let_go(leaving)
            except StoreError as error:
                # The next try is soon; if the lease is lost for good, the writer hears it.
                log.info("the lease could not be renewed: %s", error)

    def _let_go(self, leaving: Mapping[str, int]) -> None:
        """By a thread of its own: a writer may wait for its disks, the lease mustn't."""
        if self._moving is not None and self._moving.is_alive():
            return
        with self._changed:
            writers = tuple(self._writers)
        self._moving = threading.Thread(
            target=_move_on, args=(writers, leaving), name="move on", daemon=True
        )
        self._moving.start()


def _move_on(writers: tuple[Writer, ...], leaving: Mapping[str, int]) -> None:
    for writer in writers:
        try:
            writer.move_on(leaving)
        except StoreError as error:
            # It's asked again with the next renewal.
            log.warning("%r doesn't leave the nodes that are to go: %s", writer, error)
