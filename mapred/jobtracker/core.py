"""The JobTracker as a pure machine: what trackers and clients say goes in, `Ready` comes out.

It holds no clock, socket, disk or thread: `now` (monotonic seconds) is an argument, `book.wall_s`
is the time that people are told, and storage is touched by whoever performs the actions. After a
restart `replay` the journal, then `begin`.

- Everything a method returns is already part of the state. No client may be told of it, no
  event acknowledged and no action performed before the entries are durable; orders may go out.
- `check_invariants` may be called after every method.
"""

import time
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from mapred.errors import (
    MapredError,
    NoSuchJobError,
    OutputExistsError,
    RefusedError,
    TrackerStaleError,
)
from mapred.jobtracker.askedends import end_attempt
from mapred.jobtracker.assigning import Assigning
from mapred.jobtracker.book import Book
from mapred.jobtracker.endings import Endings
from mapred.jobtracker.entries import (
    Entry,
    EpochBegan,
    JobForgotten,
    JobSubmitted,
    NotificationTried,
    PriorityChanged,
    TrackerDuty,
)
from mapred.jobtracker.fitness import why_none_fits
from mapred.jobtracker.flow import Flow
from mapred.jobtracker.invariants import check
from mapred.jobtracker.jobs import Job, Phase
from mapred.jobtracker.pools import Pools
from mapred.jobtracker.quarantine import Quarantine
from mapred.jobtracker.ready import (
    CommitPart,
    Draft,
    Outcome,
    PrepareOutput,
    PublishOutput,
    Ready,
    RemoveOutput,
)
from mapred.jobtracker.settings import JobTrackerSettings
from mapred.jobtracker.standing import tracker_called, tracker_statuses
from mapred.jobtracker.stranded import Stranded
from mapred.jobtracker.trackers import Tracker, Trackers
from mapred.jobtracker.turns import pool_statuses
from mapred.model import (
    AttemptId,
    ForgetJob,
    JobSpec,
    JobStatus,
    KillAttempt,
    PoolStatus,
    Priority,
    TrackerStatus,
)
from mapred.shuffle.budget import with_memory
from mapred.tracking import Heartbeat, HeartbeatReply, Registered, Registration

# Refused submits whose repeats get the same answer.
REFUSALS_KEPT: Final = 1000
# Ended rounds of loops that are listed: a long loop must not push out everybody else's jobs.
PASSING_KEPT: Final = 100
# Versions of a job after a restart are above all before it.
VERSIONS_PER_EPOCH: Final = 1 << 32


class JobTracker:
    """Deterministic; one caller at a time."""

    def __init__(
        self, settings: JobTrackerSettings | None = None, pools: Pools | None = None
    ) -> None:
        self.settings = settings or JobTrackerSettings()
        self._pools = pools or Pools()
        self.book = Book()
        self.trackers = Trackers(dead_after_s=self.settings.dead_after_s)
        self._draft = Draft()
        self._quarantine = Quarantine()
        self._flow = Flow(self.book, self.trackers, self._draft, self._quarantine)
        self._assigning = Assigning(
            *(self.book, self.trackers, self._flow, self._pools, self._quarantine),
            small_job_bytes=self.settings.small_job_bytes,
        )
        self._endings = Endings(self.book, self.trackers, self._flow, self._draft, self.settings)
        # Why a submit was refused after it had been taken up, by job id.
        self._refusals: OrderedDict[str, MapredError] = OrderedDict()
        self._stranded = Stranded(self.settings.no_tracker_timeout_s)

    def __repr__(self) -> str:
        return (
            f"JobTracker(epoch {self.epoch}, {len(self.book.jobs)} jobs, "
            f"{len(self.trackers.live)} trackers)"
        )

    @property
    def epoch(self) -> int:
        return self.book.epoch

    # --- start

    def replay(self, entries: Iterable[Entry]) -> None:
        self.book.replay(entries)

    def begin(self, now: float, wall_s: float) -> Ready:
        """A new epoch; takes up what the last one left. The journal begins with `snapshot`."""
        self.book.wall_s = wall_s
        self._flow.record(EpochBegan(self.epoch + 1, self.book.jobs_made))
        for job in self.book.jobs.values():
            for attempt in job.live.values():
                attempt.launched_at = now
            # Also those of attempts that were killed: the order may not have arrived.
            for tracker_id in sorted(job.trackers):
                self.trackers.expect(tracker_id, now)
            self._endings.take_up(job, now)
        return self._ready(now)

    def snapshot(self) -> list[Entry]:
        return self.book.snapshot()

    # --- trackers

    def register(self, registration: Registration, now: float) -> tuple[Registered, Ready]:
        """Begins a session.

        Raises:
            TrackerStaleError: a session of this or a later incarnation has begun already.
        """
        info = registration.info
        before = self.trackers.live.get(info.tracker_id)
        if before is not None and before.info.incarnation >= info.incarnation:
            raise TrackerStaleError(
                f"tracker {info.tracker_id} has registered as incarnation "
                f"{before.info.incarnation}: {info.incarnation} is too old"
            )
        tracker = Tracker(info, registration.attempts, self.book.portion)
        self.trackers.begin(tracker, now)
        self._draft.slots_freed = True
        held = frozenset(held.attempt for held in registration.held)
        keeps = frozenset(registration.attempts) | held
        self._flow.lost_from(tracker.id, keeps, tracker.without_words)
        for output in registration.held:
            tracker.jobs.add(output.attempt.job_id)
            self._flow.output_found(output)
        for attempt_id in registration.attempts:
            found = self._flow.running(attempt_id, tracker.id)
            if found is None:
                self._flow.order(tracker, KillAttempt(attempt_id, "not wanted any more"))
            else:
                found[2].queued = attempt_id in tracker.queued[attempt_id.kind]
        self._flow.announce_all(tracker)
        for job_id in sorted(tracker.jobs - self.book.jobs.keys()):
            self._flow.order(tracker, ForgetJob(job_id))
        return Registered(self.epoch, self.settings.heartbeat_interval_s), self._ready(now)

    def heartbeat(self, heartbeat: Heartbeat, now: float) -> Ready:
        """What a tracker reports. `reply` says what it is answered."""
        tracker = self._session(heartbeat.tracker_id, heartbeat.incarnation, heartbeat.epoch)
        if tracker is None:
            return Ready()
        self.trackers.heard(tracker.id, now)
        tracker.outbox.acknowledge(heartbeat.orders_seen)
        for event in tracker.inbox.take(heartbeat.events):
            self._flow.event(tracker, event, now)
        for progress in heartbeat.progress:
            found = self._flow.running(progress.attempt, tracker.id)
            if found is not None:
                job, _, attempt = found
                news = (min(max(progress.fraction, 0.0), 1.0), progress.phase)
                if news != (attempt.fraction, attempt.phase):
                    attempt.fraction, attempt.phase = news
                    self._changed(job)
        return self._ready(now)

    def reply(self, tracker_id: str, incarnation: int, epoch: int) -> HeartbeatReply:
        """What a heartbeat of this session is answered now."""
        tracker = self._session(tracker_id, incarnation, epoch)
        if tracker is None:
            return HeartbeatReply(self.epoch, register_again=True)
        seen, orders = tracker.inbox.seen, tuple(tracker.outbox.pending())
        return HeartbeatReply(self.epoch, False, seen, orders, events_taken=seen)

    def _session(self, tracker_id: str, incarnation: int, epoch: int) -> Tracker | None:
        if epoch != self.epoch:
            return None
        return self.trackers.session(tracker_id, incarnation)

    # --- clients

    def submit(self, spec: JobSpec, request_id: str, now: float) -> tuple[str, Ready]:
        """Takes a job up; a repeat of the request gets the same job.

        Its output directory isn't made yet: see `preparing` and `refusal`.

        Raises:
            OutputExistsError: another running job writes there.
            RefusedError: no such pool, or no registered tracker has the client's Python or
                engine version.
        """
        if known := self.book.requests.get(request_id):
            return known, Ready()
        self._pools.refuse_unknown(spec.pool)
        self._refuse_shared_output(spec)
        self._refuse_unfit(spec)
        spec = with_memory(spec, [tracker.info for tracker in self.trackers])
        stamp = time.strftime("%Y%m%d%H%M%S", time.gmtime(self.book.wall_s))
        job_id = f"job_{stamp}_{self.book.jobs_made + 1:04d}"
        self._flow.record(JobSubmitted(job_id, request_id, spec, self.epoch, self.book.wall_s))
        self._endings.take_up(self.book.jobs[job_id], now)
        return job_id, self._ready(now)

    def _refuse_shared_output(self, spec: JobSpec) -> None:
        for job in self.book.jobs.values():
            if job.spec.output_uri.rstrip("/") == spec.output_uri.rstrip("/"):
                raise OutputExistsError(
                    f"{spec.output_uri} is being written by {job.id}: choose another -o"
                )

    def _refuse_unfit(self, spec: JobSpec) -> None:
        if why := why_none_fits(spec, [tracker.info for tracker in self.trackers]):
            raise RefusedError(why)

    def preparing(self, job_id: str) -> bool:
        """Whether the output directory is still being made."""
        job = self.book.jobs.get(job_id)
        return job is not None and job.phase is Phase.PREPARING

    def refusal(self, job_id: str) -> MapredError | None:
        """Why the job was refused while it was being prepared."""
        return self._refusals.get(job_id)

    def kill(self, job_id: str, reason: str, now: float) -> tuple[bool, Ready]:
        """False when the job had ended, or all its tasks had.

        Raises:
            NoSuchJobError: no job of this id.
        """
        if job_id in self.book.ended:
            return False, Ready()
        job = self._job(job_id)
        killed = self._endings.kill(job, reason, now)
        return killed, self._ready(now)

    def end_attempt(
        self, attempt: AttemptId, reason: str, now: float, *, fail: bool
    ) -> tuple[bool, Ready]:
        """False when it had ended before.

        Raises:
            NoSuchJobError, NoSuchAttemptError: no such thing here.
        """
        if attempt.job_id in self.book.ended:
            return False, Ready()
        ended = end_attempt(self._flow, self._job(attempt.job_id), attempt, reason, fail=fail)
        return ended, self._ready(now)

    def set_priority(self, job_id: str, priority: Priority, now: float) -> tuple[bool, Ready]:
        """False when the job had ended, or all its tasks had.

        Raises:
            NoSuchJobError: no job of this id.
        """
        if job_id in self.book.ended or self._job(job_id).phase is Phase.ENDING:
            return False, Ready()
        if self._job(job_id).priority is not priority:
            self._flow.record(PriorityChanged(job_id, priority))
        return True, self._ready(now)

    def drain(self, tracker: str, now: float, *, drained: bool = True) -> tuple[str, bool, Ready]:
        """The tracker's id, and whether that changes anything; `tracker` is its id or host:port.

        Raises:
            NoSuchTrackerError: none is called so, or it left long ago.
        """
        tracker_id = tracker_called(tracker, self.book, self.trackers)
        changed = (tracker_id in self.book.drained) is not drained
        if changed:
            self._flow.record(TrackerDuty(tracker_id, drained))
            if drained:
                self._flow.move_services(tracker_id)
        return tracker_id, changed, self._ready(now)

    def pools(self) -> list[PoolStatus]:
        return pool_statuses(self.book.jobs.values(), self._pools)

    def status(self, job_id: str) -> tuple[JobStatus, int]:
        """The job and its version, which rises with every visible change.

        Raises:
            NoSuchJobError: no job of this id.
        """
        base = self.epoch * VERSIONS_PER_EPOCH
        if ended := self.book.ended.get(job_id):
            return ended.status, base + ended.version
        job = self._job(job_id)
        failures = job.verdict_failures or job.ranked_failures()
        return job.status(job.visible_state(), failures=failures), base + job.version

    def jobs(self) -> list[JobStatus]:
        """Newest first."""
        known = [self.status(job_id)[0] for job_id in (*self.book.ended, *self.book.jobs)]
        return sorted(known, key=lambda status: (status.submitted_at_s, status.job_id))[::-1]

    def tracker_statuses(self, now: float) -> list[TrackerStatus]:
        return tracker_statuses(self.book, self.trackers, self._quarantine, now)

    def _job(self, job_id: str) -> Job:
        if job_id not in self.book.jobs:
            raise NoSuchJobError(f"no job '{job_id}' here: `mapred job list` shows all")
        return self.book.jobs[job_id]

    # --- time and effects

    def tick(self, now: float) -> Ready:
        """Whatever has become due; also after recovery, when trackers may be gone for good."""
        for tracker_id in self.trackers.newly_dead(now):
            silent = f"tracker {tracker_id} was silent for {self.settings.dead_after_s:g} s"
            self._flow.lost_from(tracker_id, frozenset(), silent)
        self._quarantine.tick(now)
        self._flow.reannounce(now)
        self._look_for_stranded(now)
        return self._ready(now, at_tick=True)

    def performed(self, outcome: Outcome, now: float) -> Ready:
        """An action is done, or can't be done."""
        match outcome.action:
            case PrepareOutput(job_id):
                self._prepared(job_id, outcome.error)
            case CommitPart(attempt_id):
                self._flow.committed(attempt_id, outcome.error)
            case PublishOutput(job_id) | RemoveOutput(job_id):
                self._endings.performed(outcome, self.book.wall_s)
        return self._ready(now)

    def notified(self, job_id: str, error: str, now: float) -> Ready:
        """Somebody was told of the job's end, or why not."""
        if due := self.book.notices.get(job_id):
            self._flow.record(NotificationTried(job_id, due.url, self.book.wall_s, error))
        return self._ready(now)

    def _prepared(self, job_id: str, error: MapredError | None) -> None:
        self._endings.settle(job_id)
        if error is None:
            self._flow.prepared(job_id)
            return
        self._refusals[job_id] = error
        while len(self._refusals) > REFUSALS_KEPT:
            self._refusals.popitem(last=False)
        self._flow.record(JobForgotten(job_id))

    def _look_for_stranded(self, now: float) -> None:
        jobs, field = list(self.book.jobs.values()), self._assigning.field()
        for job, reason, given_up in self._stranded.look(jobs, field, self.trackers, now):
            if given_up:
                self._endings.fail(job, reason, now)
            else:
                job.waiting_for = reason
                self._changed(job)

    # --- every method ends here

    def _ready(self, now: float, *, at_tick: bool = False) -> Ready:
        self._endings.look(now, self.book.wall_s)
        self._flow.announce_outputs()
        if at_tick:
            self._assigning.look_again(now)
            self._assigning.reserve(now)
            self._assigning.take_back(now)
        unfinished = self._assigning.unfinished
        if self._draft.entries or self._draft.slots_freed or unfinished or at_tick:
            self._assigning.assign(now)
            self._assigning.prefetch(self._draft, now)
            if at_tick and self.settings.speculation:
                self._assigning.speculate(now)
        self._forget_old()
        return self._draft.take()

    def _changed(self, job: Job) -> None:
        job.version += 1
        self._draft.changed.add(job.id)

    def _forget_old(self) -> None:
        while len(self.book.passing) > PASSING_KEPT:
            self._flow.record(JobForgotten(next(iter(self.book.passing))))
        while len(self.book.ended) > self.settings.jobs_kept:
            self._flow.record(JobForgotten(next(iter(self.book.ended))))

    def check_invariants(self) -> None:
        """Raises AssertionError, with the story, when the state contradicts itself."""
        check(self.book, self.trackers)
