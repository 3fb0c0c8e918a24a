"""The shell around the core: one event loop is its lock, and every effect happens in order.

    news ──> core ──> Ready: entries ──> journal thread (one sync for all that wait)
                             actions ──> thread pool, once the entries are durable
                             wakes   ──> held heartbeats are answered with orders at once; events
                                         are acknowledged once durable (receipts.py)
                             changed ──> waiting status calls are answered, once durable

A round of a loop is told of at once, at its begin, and at its end where its output is in the
answer: who drives the loop submits again what was forgotten, and it gives the same bytes.

The daemon serves it over gRPC, the embedded engine calls it in its own process.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

from blockstore.runtime.clock import SYSTEM_CLOCK, Clock
from mapred.engine import TRANSIENT_OUTPUT
from mapred.errors import MapredError, NoSuchJobError, NotYetError
from mapred.inlinefiles import is_inline
from mapred.jobtracker.committer import Committer
from mapred.jobtracker.core import JobTracker
from mapred.jobtracker.entries import Entry, JobForgotten
from mapred.jobtracker.history import History
from mapred.jobtracker.journaling import Journal, within
from mapred.jobtracker.notifying import Notifier
from mapred.jobtracker.ready import Action, Ready
from mapred.jobtracker.stories import StoryArchive
from mapred.model import (
    AttemptId,
    JobSpec,
    JobState,
    JobStatus,
    PoolStatus,
    Priority,
    TrackerStatus,
)
from mapred.notification import notification_of
from mapred.tracking import Heartbeat, HeartbeatReply, Registered, Registration

log = logging.getLogger(__name__)

# Renames and mkdirs wait for a NameNode, not for a processor.
ACTIONS_AT_ONCE: Final = 8
# Where no later JobTracker would tell that a job has ended, a stop waits so long for it: long
# enough for a second try at a host that keeps silent (5 s each), and no patience of a user.
NOTICES_WAIT_S: Final = 10.0
# A status call is held no longer, whatever the client asks: it asks again.
STATUS_WAIT_MAX_S: Final = 30.0
# Of a job that goes on, a client that waits for news hears at most so often.
STATUS_GAP_S: Final = 0.05


def _tells_all(status: JobStatus) -> bool:
    """Whether it is a round that has ended well with its output in here: who has that needs nothing
    of the job any more."""
    files = status.output_files
    return status.state is JobState.SUCCEEDED and bool(files) and all(map(is_inline, files))


class Desk:
    """All methods belong to one event loop."""

    def __init__(
        self,
        core: JobTracker,
        committer: Committer,
        history: History | None = None,
        clock: Clock = SYSTEM_CLOCK,
        archive: StoryArchive | None = None,
        held_up_s: float | None = None,
    ) -> None:
        """A submit or a status that is held up for `held_up_s` is answered with what holds it up:
        a client that is far away tells its user, and asks again."""
        self.core = core
        self._held_up_s = held_up_s
        # Where stories of ended jobs are kept; None: nowhere.
        self._archive = archive
        core.book.keeps_stories = archive is not None
        # Jobs whose stories are on their way there.
        self._archiving: set[str] = set()
        self._committer = committer
        self._clock = clock
        self._pool = ThreadPoolExecutor(ACTIONS_AT_ONCE, thread_name_prefix="action")
        self._journal = Journal(history, core.snapshot, self._now)
        self._notifier = Notifier(core.book, self._journal.settled, self._notified, self._spawn)
        self._keeps_history = history is not None
        self._held: dict[str, asyncio.Event] = {}
        self._watched: dict[str, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        # Set when the JobTracker can't go on; says why.
        self.broken: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    # --- life

    async def start(self) -> None:
        """Replays the history and begins a new epoch.

        Raises:
            HistoryCorruptError, OSError: the history can't be read or begun.
        """
        try:
            self.core.replay(await self._journal.load())
            ready = self.core.begin(self._now(), self._clock.wall())
            await self._journal.begin()
        except BaseException:
            self._journal.abandon()
            raise
        self._spawn(self._journal.keep())
        self._take(Ready((), ready.actions, ready.wakes, ready.changed))
        self._spawn(self._tick())
        self._keep_stories()
        if self._archive is not None and len(self.core.book.ended) >= self.core.settings.jobs_kept:
            # What a death left of jobs that were forgotten: they are older than all that are kept.
            oldest = min((*self.core.book.ended, *self.core.book.jobs))
            self._pool.submit(self._archive.sweep, oldest)

    async def stop(self) -> None:
        """Saves what is unsaved, and ends."""
        if not self._keeps_history:
            for due in self.core.book.notices.values():
                log.warning(
                    "%s: %s is told of its end, for up to %g s", due.job_id, due.url, NOTICES_WAIT_S
                )
            await within(self._notifier.idle, NOTICES_WAIT_S)
            for due in self.core.book.notices.values():
                log.warning("%s: %s was not told of its end", due.job_id, due.url)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for event in (*self._held.values(), *self._watched.values()):
            event.set()
        await self._journal.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(self._look_for_bug)

    def _look_for_bug(self, task: "asyncio.Task[None]") -> None:
        if task.cancelled() or task.exception() is None:
            return
        # What is raised on purpose says all there is to say.
        known = isinstance(task.exception(), MapredError)
        log.error("the JobTracker can't go on", exc_info=None if known else task.exception())
        self._break(f"{type(task.exception()).__name__}: {task.exception()}")

    def _break(self, reason: str) -> None:
        if not self.broken.done():
            self.broken.set_result(reason)

    def _now(self) -> float:
        """Of what the core is told next; on both clocks."""
        self.core.book.wall_s = self._clock.wall()
        return self._clock.monotonic()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self.core.settings.tick_s)
            self._take(self.core.tick(self._now()))

    # --- trackers

    async def register(self, registration: Registration) -> Registered:
        registered, ready = self.core.register(registration, self._now())
        info = registration.info
        log.info("tracker %s registers from %s:%d", info.tracker_id, info.host, info.port)
        self._take(ready)
        # What an older session of it had open is nobody's any more.
        self._answer(info.tracker_id)
        await self._journal.settled()
        return registered

    async def heartbeat(self, heartbeat: Heartbeat) -> HeartbeatReply:
        """Held until there are orders, a newer heartbeat comes, or the interval is over."""
        tracker_id, incarnation = heartbeat.tracker_id, heartbeat.incarnation
        session = (tracker_id, incarnation, heartbeat.epoch)
        older = self._held.pop(tracker_id, None)
        self._take(self.core.heartbeat(heartbeat, self._now()))
        if older is not None:
            # It brings what there is; this one waits for what comes next.
            older.set()
        reply = self.core.reply(*session)
        self._journal.receipts.took(
            tracker_id, incarnation, reply.events_seen, self._journal.required
        )
        if (older is not None or not reply.orders) and not reply.register_again:
            await self._hold(tracker_id)
            reply = self.core.reply(*session)
        if self._journal.lags:
            await self._journal.settled()
        return replace(reply, events_seen=self._journal.receipts.of(tracker_id, incarnation))

    async def _hold(self, tracker_id: str) -> None:
        event = self._held[tracker_id] = asyncio.Event()
        try:
            await within(event, self.core.settings.heartbeat_interval_s)
        finally:
            if self._held.get(tracker_id) is event:
                del self._held[tracker_id]

    def _answer(self, tracker_id: str) -> None:
        if event := self._held.pop(tracker_id, None):
            event.set()

    # --- clients

    async def submit(self, spec: JobSpec, request_id: str) -> str:
        """The job's id, when its output directory has been made; durable, unless it's a round.

        Raises:
            RefusedError: with the reason.
            NotYetError: a repeat of the request waits on.
        """
        notification_of(spec.settings)
        job_id, ready = self.core.submit(spec, request_id, self._now())
        self._take(ready)
        async with self._not_held_up():
            while self.core.preparing(job_id):
                await self._watch(job_id).wait()
            if TRANSIENT_OUTPUT not in spec.settings:
                await self._journal.settled()
        refusal = self.core.refusal(job_id)
        if refusal is not None:
            raise refusal
        log.info("%s '%s' of %s runs", job_id, spec.name, spec.user)
        return job_id

    async def kill(self, job_id: str, reason: str) -> bool:
        """Raises NoSuchJobError."""
        killed, ready = self.core.kill(job_id, reason, self._now())
        self._take(ready)
        await self._journal.settled()
        return killed

    async def end_attempt(self, attempt: AttemptId, reason: str, *, fail: bool) -> bool:
        """Raises NoSuchJobError, NoSuchAttemptError."""
        ended, ready = self.core.end_attempt(attempt, reason, self._now(), fail=fail)
        self._take(ready)
        await self._journal.settled()
        return ended

    async def set_priority(self, job_id: str, priority: Priority) -> bool:
        """Raises NoSuchJobError."""
        changed, ready = self.core.set_priority(job_id, priority, self._now())
        self._take(ready)
        await self._journal.settled()
        return changed

    async def drain(self, tracker: str, *, drained: bool) -> tuple[str, bool]:
        """The tracker's id, and whether that was new. Raises NoSuchTrackerError."""
        tracker_id, changed, ready = self.core.drain(tracker, self._now(), drained=drained)
        self._take(ready)
        await self._journal.settled()
        return tracker_id, changed

    async def pools(self) -> list[PoolStatus]:
        return self.core.pools()

    async def status(self, job_id: str, known_version: int, wait_s: float) -> tuple[JobStatus, int]:
        """Raises NoSuchJobError, NotYetError."""
        began = self._now()
        status, version = self.core.status(job_id)
        while not status.state.ended:
            patience_s = STATUS_WAIT_MAX_S if version <= known_version else STATUS_GAP_S
            left_s = began + min(wait_s, patience_s) - self._now()
            if left_s <= 0:
                break
            await within(self._watch(job_id), left_s)
            status, version = self.core.status(job_id)
        if not _tells_all(status):
            async with self._not_held_up():
                await self._journal.settled()
        return status, version

    async def story(self, job_id: str) -> list[Entry]:
        """Of a job that runs. Raises NoSuchJobError."""
        job = self.core.book.jobs.get(job_id)
        if job is None:
            raise NoSuchJobError(f"no job '{job_id}' runs here: `mapred job list` shows all")
        entries = list(job.entries)
        await self._journal.settled()
        return entries

    async def jobs(self) -> list[JobStatus]:
        return self.core.jobs()

    async def trackers(self) -> list[TrackerStatus]:
        return self.core.tracker_statuses(self._now())

    @asynccontextmanager
    async def _not_held_up(self) -> AsyncIterator[None]:
        """Raises NotYetError when what is inside takes too long."""
        try:
            async with asyncio.timeout(self._held_up_s):
                yield
        except TimeoutError:
            raise NotYetError(
                self._journal.holds_up() or "the output directory to be made"
            ) from None

    def _watch(self, job_id: str) -> asyncio.Event:
        return self._watched.setdefault(job_id, asyncio.Event())

    # --- effects

    def _take(self, ready: Ready) -> None:
        if ready.entries:
            self._journal.append(ready.entries)
            self._keep_stories(ready.entries)
        for action in ready.actions:
            self._spawn(self._perform(action))
        for tracker_id in ready.wakes:
            self._answer(tracker_id)
        for job_id in ready.changed:
            if event := self._watched.pop(job_id, None):
                event.set()
        if self.core.book.notices:
            self._notifier.look()

    def _notified(self, job_id: str, error: str) -> None:
        self._take(self.core.notified(job_id, error, self._now()))

    def _keep_stories(self, entries: tuple[Entry, ...] = ()) -> None:
        """Of jobs that have ended, and whose end was told; those that were forgotten go."""
        if self._archive is None:
            return
        told = {
            job_id: story
            for job_id, story in self.core.book.stories.items()
            if job_id not in self._archiving | self.core.book.notices.keys()
        }
        self._archiving |= told.keys()
        forgotten = [entry.job_id for entry in entries if isinstance(entry, JobForgotten)]
        if told or forgotten:
            self._spawn(self._archived(self._archive, told, forgotten))

    async def _archived(
        self, archive: StoryArchive, told: dict[str, list[Entry]], forgotten: list[str]
    ) -> None:
        await self._journal.settled()
        loop = asyncio.get_running_loop()
        for job_id, entries in told.items():
            await loop.run_in_executor(self._pool, archive.keep, job_id, entries)
            self._archiving.discard(job_id)
            self.core.book.stories.pop(job_id, None)
        for job_id in forgotten:
            await loop.run_in_executor(self._pool, archive.remove, job_id)

    async def _perform(self, action: Action) -> None:
        await self._journal.settled()
        loop = asyncio.get_running_loop()
        outcome = await loop.run_in_executor(self._pool, self._committer.perform, action)
        if outcome.error is not None:
            log.warning("%s: %s", action, outcome.error)
        self._take(self.core.performed(outcome, self._now()))
