"""What the NameNode must hear of replicas: in order, at once, and all of it after a restart.

- Changes queue up while the NameNode can't be reached, up to a bound; beyond it they are
  forgotten and a full report is due instead.
- A full report is taken and sent while no change is being sent: the NameNode never hears
  an older word after a newer one.
"""

import logging
import threading
from collections.abc import Callable
from typing import Final, Protocol

from blockstore.errors import StaleEpochException, StoreError
from blockstore.model import Replica

log = logging.getLogger(__name__)

# One message of about 50 KiB.
BATCH_REPLICAS: Final = 1_000
# As many changes as cost no more to send one by one than a full report would.
QUEUE_REPLICAS_MAX: Final = 100_000
# Between tries while the NameNode doesn't answer; the heartbeat notices its return.
RETRY_S: Final = 0.5


class ReportLink(Protocol):
    """How reports reach the NameNode; raises StoreErrors."""

    def full_report(self, replicas: list[Replica]) -> None: ...

    def incremental_report(self, replicas: list[Replica]) -> None: ...


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
        self._link: ReportLink | None = None
        self._full_due = False
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="reports", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def note(self, replica: Replica) -> None:
        """A change; called under the store's locks, so it never waits for the network."""
        with self._changed:
            if len(self._queue) < QUEUE_REPLICAS_MAX:
                self._queue.append(replica)
            else:
                self._full_due = True
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
                self._full_due = False
            try:
                link.full_report(replicas())
            except BaseException:
                # Without it changes can't go either: whoever sends heartbeats tries again.
                self._full_due = True
                raise
            with self._changed:
                self._queue[:0] = damaged()
                self._link = link
                self._changed.notify_all()

    def full_is_due(self) -> bool:
        """Whether changes had to be forgotten."""
        return self._full_due

    def flush(self, timeout_s: float) -> bool:
        """Waits until every change so far was sent; False when it takes too long."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._queue, timeout_s)

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopped or (self._queue and self._link))
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
            try:
                link.incremental_report(batch)
            except StaleEpochException as error:
                log.info("the NameNode doesn't know this session: %s", error)
                with self._changed:
                    self._link = None
                self._on_stale()
                return True
            except StoreError as error:
                log.warning("a report of %d changes waits: %s", len(batch), error)
                return False
            with self._changed:
                del self._queue[: len(batch)]
                self._changed.notify_all()
            return True
