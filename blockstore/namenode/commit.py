"""Group commit: between the event loop and the journal's fsync.

Rules
- Entries are appended in the order of the calls, those of one call as one group; one fsync
  serves all that came before it, and while one runs the next batch gathers.
- Actions wait for a transaction and run on the loop, in the order in which they were given.
- A journal that failed once never acknowledges anything again: `on_failure` is called, once,
  and must end the process.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from blockstore.namenode.entries import Entry
from blockstore.namenode.journal import Journal

Result = TypeVar("Result")


class GroupCommit:
    """Owned by the event loop; the journal's disk work happens on a thread of its own."""

    def __init__(self, journal: Journal, on_failure: Callable[[OSError], None]) -> None:
        self._journal = journal
        self._on_failure = on_failure
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._durable = journal.last
        self._waiting: deque[tuple[int, Callable[[], None]]] = deque()
        self._syncing = False
        self._failed = False

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
            action()
            return
        self._waiting.append((position, action))
        self._sync()

    async def durable(self) -> None:
        """Returns when everything appended up to now is durable."""
        done = asyncio.get_running_loop().create_future()
        self.then(lambda: None if done.cancelled() else done.set_result(None))
        await done

    async def on_thread(self, work: Callable[[], Result]) -> Result:
        """Runs disk work of the journal (a roll, a purge) in turn with its syncs."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except OSError as error:
            self._fail(error)
            raise

    def _sync(self) -> None:
        if self._syncing or self._failed:
            return
        self._syncing = True
        loop = asyncio.get_running_loop()
        loop.run_in_executor(self._thread, self._journal.sync).add_done_callback(self._synced)

    def _synced(self, done: "asyncio.Future[int]") -> None:
        self._syncing = False
        error = done.exception()
        if error is not None:
            self._fail(error if isinstance(error, OSError) else OSError(repr(error)))
            return
        self._durable = max(self._durable, done.result())
        while self._waiting and self._waiting[0][0] <= self._durable:
            self._waiting.popleft()[1]()
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
            await self.durable()
        self._thread.shutdown(wait=True)
        self._journal.close()
