"""What the NameNode must hear of replicas: in order, at once, and all of it after a restart.

- Changes queue up while the NameNode can't be reached, up to a bound; beyond it they are
  forgotten and a full report is due instead.
- A full report is taken and sent while no change is being sent: the NameNode never hears
  an older word after a newer one.
- Reports are numbered. A change that the NameNode may hear from somebody else meanwhile waits for
  others, a moment, and is given the number of the first report that can tell of it or of later
  ones: of a node that has reported so far nobody else's word counts.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

from blockstore.errors import StaleEpochException, StoreError
from blockstore.model import Replica

log = logging.getLogger(__name__)

# One message of about 50 KiB.
BATCH_REPLICAS: Final = 1_000
# As many changes as cost no more to send one by one than a full report would.
QUEUE_REPLICAS_MAX: Final = 100_000
# What a change waits for others that somebody else tells of, too: hundreds go in one report then.
LATER_S: Final = 0.5
# Between tries while the NameNode doesn't answer; the heartbeat notices its return.
RETRY_S: Final = 0.5
NEVER: Final = float("inf")


class ReportLink(Protocol):
    """How reports reach the NameNode; raises StoreErrors."""

    def full_report(self, replicas: list[Replica], number: int) -> None: ...

    def incremental_report(self, replicas: list[Replica], number: int) -> None: ...


class Reporter:
    """Sends changes on a thread of its own, between `start` and `stop`."""

    def __init__(self, on_stale: Callable[[], None]) -> None:
        """`on_stale` hears that the NameNode doesn't know this session any more."""
        self._on_stale = on_stale
        # Held while something is sent; taken before `_changed`.
        self._sending = threading.Lock()
        self._changed = threading.Condition()
        # Guarded by `_changed`.
        self._queue: list[Replica] = []
        # The last report's number.
        self._number = 0
        # When the queue is to be sent, monotonic seconds; never while nothing is in it.
        self._due_at = NEVER
        self._link: ReportLink | None = None
        self._full_due = False
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="reports", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def note(self, replica: Replica) -> None:
        """A change; called under the store's locks, so it never waits for the network."""
        self._note(replica, 0.0)

    def note_later(self, replica: Replica) -> int:
        """A change that somebody else tells of, too: it may wait. The number of the first report
        that can tell of it, or of what came after it."""
        return self._note(replica, LATER_S)

    def _note(self, replica: Replica, patience_s: float) -> int:
        with self._changed:
            if len(self._queue) < QUEUE_REPLICAS_MAX:
                self._queue.append(replica)
            else:
                self._full_due = True
            self._be_due(patience_s)
            return self._number + 1

    def _be_due(self, patience_s: float) -> None:
        due_at = time.monotonic() + patience_s
        if due_at < self._due_at:
            self._due_at = due_at
            self._changed.notify_all()

    def full(
        self,
        link: ReportLink,
        replicas: Callable[[], list[Replica]],
        damaged: Callable[[], list[Replica]],
    ) -> None:
        """Sends a full report; from then on changes go the same way.

        Raises:
            StoreError: it didn't arrive; changes wait until it did.
        """
        with self._sending:
            with self._changed:
                self._link = None
                self._queue.clear()
                self._due_at = NEVER
                self._full_due = False
                number = self._next_number()
            try:
                link.full_report(replicas(), number)
            except BaseException:
                # Without it changes can't go either: whoever sends heartbeats tries again.
                self._full_due = True
                raise
            with self._changed:
                self._queue[:0] = damaged()
                self._link = link
                if self._queue:
                    self._be_due(0.0)
                self._changed.notify_all()

    def full_is_due(self) -> bool:
        """Whether changes had to be forgotten."""
        return self._full_due

    def flush(self, timeout_s: float) -> bool:
        """Waits until every change so far was sent; False when it takes too long."""
        with self._changed:
            if self._queue:
                self._be_due(0.0)
            return self._changed.wait_for(lambda: not self._queue, timeout_s)

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopped or (self._queue and self._link))
                while not self._stopped and (left_s := self._due_at - time.monotonic()) > 0:
                    self._changed.wait(min(left_s, LATER_S))
                if self._stopped:
                    return
            if not self._send_batch():
                with self._changed:
                    self._changed.wait_for(lambda: self._stopped, RETRY_S)

    def _send_batch(self) -> bool:
        with self._sending:
            with self._changed:
                link, batch = self._link, self._queue[:BATCH_REPLICAS]
                if link is None or not batch:
                    return True
                number = self._next_number()
                if len(batch) == len(self._queue):
                    self._due_at = NEVER
            try:
                link.incremental_report(batch, number)
            except StaleEpochException as error:
                log.info("the NameNode doesn't know this session: %s", error)
                with self._changed:
                    self._link = None
                self._on_stale()
                return True
            except StoreError as error:
                log.warning("a report of %d changes waits: %s", len(batch), error)
                with self._changed:
                    self._be_due(0.0)
                return False
            with self._changed:
                del self._queue[: len(batch)]
                if not self._queue:
                    self._due_at = NEVER
                self._changed.notify_all()
            return True

    def _next_number(self) -> int:
        self._number += 1
        return self._number
