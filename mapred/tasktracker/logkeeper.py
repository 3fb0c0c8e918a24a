"""Keeps the logs of ended attempts in the block store, so that they outlive job and tracker.

- Attempts that have said nothing cost nothing.
- What a job's attempts leave is written together, a failed one's at once. What a tracker
  that dies has not written yet is lost: some seconds' worth.
- Of each stream the end is kept, and of a job so much in all; failed attempts get room that the
  others don't.
- The store may be away: then it is tried again, within bounds, and no task waits for it.
"""

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

from blockstore.errors import StoreError
from blockstore.runtime.clock import SYSTEM_CLOCK, Clock
from mapred.keptlogs import TEXT_BYTES_MAX, AttemptLogs, encode_dropped, encode_logs
from mapred.model import AttemptId

log = logging.getLogger(__name__)

# How long what succeeded attempts have said may wait for company.
FLUSH_S: Final = 2.0
# Of one job on one tracker; failed attempts may go on to twice as much.
JOB_BYTES_MAX: Final = 16 * 1024 * 1024
# Of all jobs, that wait for the store.
WAITING_BYTES_MAX: Final = 64 * 1024 * 1024
# A tracker that is told to stop waits for the store no longer.
STOP_S: Final = 5.0


class LogStore(Protocol):
    """Where logs go."""

    def append(self, job_id: str, user: str, data: bytes) -> None:
        """To this tracker's file of the job. Raises StoreError or OSError."""
        ...


@dataclass(frozen=True, slots=True)
class _Ended:
    attempt: AttemptId
    user: str
    failed: bool


@dataclass(frozen=True, slots=True)
class _Over:
    job_id: str
    then: Callable[[], None]


_News: TypeAlias = _Ended | _Over | None


@dataclass(slots=True)
class _Kept:
    """Of one job."""

    user: str
    waiting: list[bytes] = field(default_factory=list)
    # What was taken so far, written or not.
    bytes: int = 0
    dropped: int = 0
    due_at: float = 0.0


class LogKeeper:
    """Start once, stop once; `ended` and `job_over` may be called from any thread."""

    def __init__(
        self,
        texts_of: Callable[[AttemptId, int], AttemptLogs],
        store: LogStore,
        clock: Clock = SYSTEM_CLOCK,
        said_nothing: Callable[[AttemptId], None] = lambda _: None,
    ) -> None:
        """`said_nothing` hears of attempts whose files nobody will ask for."""
        self._texts_of = texts_of
        self._said_nothing = said_nothing
        self._store = store
        self._clock = clock
        self._news: queue.SimpleQueue[_News] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="logs", daemon=True)
        # Owned by the thread.
        self._jobs: dict[str, _Kept] = {}
        self._waiting_bytes = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Writes what is left, if the store is quick."""
        self._news.put(None)
        if self._thread.is_alive():
            self._thread.join(STOP_S)

    def ended(self, attempt: AttemptId, user: str, *, failed: bool) -> None:
        """Its files must stay until the job is over."""
        self._news.put(_Ended(attempt, user, failed))

    def job_over(self, job_id: str, then: Callable[[], None]) -> None:
        """`then` is called when the job's files aren't needed any more."""
        self._news.put(_Over(job_id, then))

    # --- the thread

    def _run(self) -> None:
        while True:
            try:
                news = self._news.get(timeout=self._pause_s())
            except queue.Empty:
                pass
            else:
                match news:
                    case None:
                        for job_id in list(self._jobs):
                            self._write(job_id)
                        return
                    case _Ended():
                        self._take(news)
                    case _Over(job_id, then):
                        self._finish(job_id)
                        then()
            now = self._clock.monotonic()
            for job_id, kept in list(self._jobs.items()):
                if kept.waiting and kept.due_at <= now:
                    self._write(job_id)

    def _pause_s(self) -> float | None:
        due = [kept.due_at for kept in self._jobs.values() if kept.waiting]
        return max(0.0, min(due) - self._clock.monotonic()) if due else None

    def _take(self, news: _Ended) -> None:
        logs = self._texts_of(news.attempt, TEXT_BYTES_MAX)
        if not logs.texts:
            self._said_nothing(news.attempt)
            return
        kept = self._jobs.setdefault(news.attempt.job_id, _Kept(news.user))
        line = encode_logs(logs)
        room = JOB_BYTES_MAX * (2 if news.failed else 1)
        if kept.bytes + len(line) > room or self._waiting_bytes + len(line) > WAITING_BYTES_MAX:
            kept.dropped += 1
            return
        now = self._clock.monotonic()
        if not kept.waiting:
            kept.due_at = now + FLUSH_S
        if news.failed:
            kept.due_at = min(kept.due_at, now)
        kept.waiting.append(line)
        kept.bytes += len(line)
        self._waiting_bytes += len(line)

    def _finish(self, job_id: str) -> None:
        kept = self._jobs.get(job_id)
        if kept is None:
            return
        if kept.dropped:
            kept.waiting.append(encode_dropped(kept.dropped))
        if kept.waiting:
            self._write(job_id)
        del self._jobs[job_id]
        self._waiting_bytes -= sum(map(len, kept.waiting))

    def _write(self, job_id: str) -> None:
        kept = self._jobs[job_id]
        data = b"".join(kept.waiting)
        if not data:
            return
        try:
            self._store.append(job_id, kept.user, b"\n" + data)
        except (StoreError, OSError) as error:
            log.warning("logs of %s can't be kept yet: %s", job_id, error)
            # It has itself been patient.
            kept.due_at = self._clock.monotonic() + FLUSH_S
            return
        kept.waiting = []
        self._waiting_bytes -= len(data)
