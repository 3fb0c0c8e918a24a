"""Group commit: between the event loop and the journal's fsync.

Rules
- Entries are appended in the order of the calls, those of one call as one group; one fsync
  serves all that came before it, and while one runs the next batch gathers.
- A sync runs on the loop itself while the disk is quick: two changes of thread cost more than
  such a sync. A disk that has become slow gets a thread, until it is quick again.
- Actions wait for a transaction and run on the loop, in the order in which they were given.
- A full volume is no failure: `make_room` is asked, and the sync is tried again, at once when that
  has helped, else whenever `retry` is called.
- A journal that failed once never acknowledges anything again: `on_failure` is called, once,
  and must end the process.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

from blockstore.namenode.entries import Entry
from blockstore.namenode.journal import Journal, JournalFull
from blockstore.runtime import failpoint

log = logging.getLogger(__name__)

Result = TypeVar("Result")

# Seconds of a sync, on average, for which the loop may wait itself: what a busy loop takes anyway.
QUICK_S: Final = 0.002
# How much the last sync counts in the average.
_WEIGHT: Final = 0.2
# What a stopping daemon gives the last sync.
_CLOSE_S: Final = 2.0


class GroupCommit:
    """Owned by the event loop; the journal's disk work happens on a thread of its own."""

    def __init__(
        self,
        journal: Journal,
        on_failure: Callable[[OSError], None],
        make_room: Callable[[], bool] = lambda: False,
    ) -> None:
        self._journal = journal
        self._on_failure = on_failure
        self._make_room = make_room
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._durable = journal.last
        self._waiting: deque[tuple[int, Callable[[], None]]] = deque()
        self._syncing = False
        self._failed = False
        # Seconds of a sync, the average of the last few.
        self._sync_s = 0.0
        # Work on the thread that a sync must not overtake.
        self._on_thread = 0
        self._once_for_all = False

    @property
    def position(self) -> int:
        """The last transaction appended."""
        return self._journal.last

    def append(self, entries: Sequence[Entry]) -> None:
        """The entries of one request: durable together or not at all."""
        if entries:
            self._journal.append(*entries)

    def then(self, action: Callable[[], None]) -> None:
        """Runs the action when everything appended up to now is durable: maybe at once."""
        position = self._journal.last
        if position <= self._durable and not self._waiting:
            failpoint.hit("commit.then.before_ack")
            action()
            failpoint.hit("commit.then.after_ack")
            return
        self._waiting.append((position, action))
        self._sync()

    async def durable(self) -> None:
        """Returns when everything appended up to now is durable."""
        if self._once_for_all or (self._journal.last <= self._durable and not self._waiting):
            return
        done = asyncio.get_running_loop().create_future()
        self.then(lambda: None if done.cancelled() else done.set_result(None))
        await done

    @contextlib.contextmanager
    def once_for_all(self) -> Iterator[None]:
        """`durable` returns at once inside: whoever enters waits for it himself, afterwards.

        Nobody else may get a turn of the loop inside.
        """
        self._once_for_all = True
        try:
            yield
        finally:
            self._once_for_all = False

    async def on_thread(self, work: Callable[[], Result]) -> Result:
        """Runs disk work of the journal (a roll, a purge) in turn with its syncs."""
        self._on_thread += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except OSError as error:
            self._fail(error)
            raise
        finally:
            self._on_thread -= 1

    def retry(self) -> None:
        """Tries again what a full volume had no room for."""
        if self._waiting:
            self._sync()

    def _sync(self) -> None:
        if self._syncing or self._failed:
            return
        self._syncing = True
        # Not at once: whatever else the loop has at hand joins this sync.
        asyncio.get_running_loop().call_soon(self._begin_sync)

    def _begin_sync(self) -> None:
        if self._sync_s < QUICK_S and not self._on_thread:
            done: Future[tuple[int, float]] = Future()
            try:
                done.set_result(self._timed_sync())
            except Exception as error:
                done.set_exception(error)
            self._synced(done)
            return
        wake = asyncio.get_running_loop().call_soon_threadsafe
        self._thread.submit(self._timed_sync).add_done_callback(
            lambda done: wake(self._synced, done)
        )

    def _timed_sync(self) -> tuple[int, float]:
        started = time.monotonic()
        return self._journal.sync(), time.monotonic() - started

    def _synced(self, done: "Future[tuple[int, float]]") -> None:
        self._syncing = False
        error = done.exception()
        if isinstance(error, JournalFull):
            log.error("the journal's volume is full: %s", error)
            if self._make_room():
                self._sync()
            return
        if error is not None:
            self._fail(error if isinstance(error, OSError) else OSError(repr(error)))
            return
        durable, taken_s = done.result()
        self._sync_s += _WEIGHT * (taken_s - self._sync_s)
        self._durable = max(self._durable, durable)
        while self._waiting and self._waiting[0][0] <= self._durable:
            _, action = self._waiting.popleft()
            failpoint.hit("commit.synced.before_ack")
            action()
            failpoint.hit("commit.synced.after_ack")
        if self._waiting:
            self._sync()

    def _fail(self, error: OSError) -> None:
        if not self._failed:
            self._failed = True
            self._waiting.clear()
            self._on_failure(error)

    async def close(self) -> None:
        """Syncs what is left and ends the thread."""
        if not self._failed:
            with contextlib.suppress(TimeoutError):
                # On a full volume it may never come.
                await asyncio.wait_for(self.durable(), _CLOSE_S)
        self._thread.shutdown(wait=True)
        self._journal.close()
