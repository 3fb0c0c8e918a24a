"""The journal on the event loop: entries in order, one sync for all that wait, a new segment when
the old one is long or can't be written.

Entries are numbered by position. Who must not go on before something is durable awaits
`settled`; as long as nobody does, entries are gathered for a moment.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from mapred.errors import JobFailedError, MapredError
from mapred.jobtracker.entries import Entry, needs_sync
from mapred.jobtracker.history import History
from mapred.jobtracker.receipts import Receipts
from mapred.jobtracker.segments import ReplacedError

log = logging.getLogger(__name__)

# The journal can't be written: pauses between tries, and when the JobTracker gives up.
RETRY_S: Final = 1.0
OUTAGE_MAX_S: Final = 600.0
# Entries that aren't durable yet: with more, orders wait as well. A second's worth.
UNSAVED_MAX: Final = 5000
# Entries for which nobody waits are synced together.
GATHER_S: Final = 0.01


class Journal:
    """Belongs to one event loop. `history` None: nothing is kept, and all counts as durable."""

    def __init__(
        self, history: History | None, snapshot: Callable[[], list[Entry]], now: Callable[[], float]
    ) -> None:
        self._history = history
        self._snapshot = snapshot
        self._now = now
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._unsaved: list[Entry] = []
        self._appended = self._durable = 0
        # The last entry that must be durable before anybody hears.
        self.required = 0
        # Why the last try to write failed; "" since the last that went well.
        self.trouble = ""
        self.receipts = Receipts()
        self._saved = asyncio.Event()
        self._to_save = asyncio.Event()
        # Somebody waits until something is durable.
        self._hurry = asyncio.Event()

    async def load(self) -> list[Entry]:
        """Raises HistoryCorruptError, OSError."""
        if self._history is None:
            return []
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._history.load)

    async def begin(self) -> None:
        if self._history is not None:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._thread, self._history.begin, self._snapshot())

    async def close(self) -> None:
        """Saves what is unsaved; `keep` must have ended."""
        if self._history is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self.abandon()

    def abandon(self) -> None:
        self._thread.shutdown(wait=False)

    def _close(self) -> None:
        assert self._history is not None
        try:
            self._history.append(self._unsaved)
            self._history.close()
        except (OSError, MapredError) as error:
            log.warning("the last entries of the history may be missing: %s", error)

    def append(self, entries: tuple[Entry, ...]) -> None:
        if self._history is None:
            return
        self._unsaved += entries
        for entry in entries:
            self._appended += 1
            if needs_sync(entry):
                self.required = self._appended
        self._to_save.set()

    @property
    def lags(self) -> bool:
        """Whether so much isn't durable that nobody should be told more."""
        return self._appended - self._durable > UNSAVED_MAX

    def holds_up(self) -> str:
        """What whoever awaits `settled` waits for; "" when that is nothing."""
        if self._durable >= self.required:
            return ""
        why = f": {self.trouble}" if self.trouble else ""
        return f"the block store to take the JobTracker's history{why}"

    async def settled(self) -> None:
        """Returns when everything that was said so far and has to be is durable."""
        position = self.required
        while self._durable < position:
            self._saved.clear()
            self._hurry.set()
            await self._saved.wait()

    async def keep(self) -> None:
        """Saves whatever is appended, until it's cancelled.

        Raises:
            JobFailedError: nothing could be written for too long.
            ReplacedError: another JobTracker has this history.
        """
        if self._history is None:
            return
        loop = asyncio.get_running_loop()
        while True:
            await self._to_save.wait()
            await within(self._hurry, GATHER_S)
            self._to_save.clear()
            self._hurry.clear()
            batch, self._unsaved = self._unsaved, []
            position = self._appended
            try:
                await loop.run_in_executor(self._thread, self._save, batch)
            except (OSError, MapredError) as error:
                log.warning("the history can't be written, beginning a new segment: %s", error)
                self.trouble = str(error)
                position = await self._begin_again()
            self._are_durable(position)
            if self._history.overgrown:
                log.info("the history is long: a new segment begins with a snapshot")
                self._are_durable(await self._begin_again())

    def _are_durable(self, position: int) -> None:
        self._durable, self.trouble = position, ""
        self.receipts.durable(position)
        self._saved.set()

    def _save(self, batch: list[Entry]) -> None:
        assert self._history is not None
        self._history.append(batch)
        self._history.sync()

    async def _begin_again(self) -> int:
        """A new segment with the state as it is then; the position that it covers."""
        assert self._history is not None
        loop = asyncio.get_running_loop()
        give_up_at = self._now() + OUTAGE_MAX_S
        while True:
            position, snapshot = self._appended, self._snapshot()
            self._unsaved = []
            try:
                await loop.run_in_executor(self._thread, self._history.begin, snapshot)
            except (OSError, MapredError) as error:
                log.warning("the history still can't be written: %s", error)
                self.trouble = str(error)
                if isinstance(error, ReplacedError):
                    # Fenced: whatever this one would still say, the other has not heard.
                    raise
                if self._now() >= give_up_at:
                    raise JobFailedError(f"the history can't be written: {error}") from error
                await asyncio.sleep(RETRY_S)
            else:
                return position


async def within(event: asyncio.Event, seconds: float) -> None:
    """Waits for the event, or until the time is over."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
