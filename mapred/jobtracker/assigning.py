"""Fills free slots: whose turn (turns.py), which task (scheduler.py), second attempts
(speculation.py).

A tracker that reports an end gets one more task for each of its slots, to be started there
without a round trip, if the job whose turn it is has short tasks: of a long one the way there is
nothing, and it would wait behind others while a slot elsewhere comes free. Of very short ones
it gets as many as last for `QUEUED_WORK_S`, the time of a round trip or two. What has waited for
longer than `QUEUED_MAX_S` is taken back when another tracker could start it at once.
"""

from math import ceil
from typing import Final

from mapred.jobtracker.asking import Asking
from mapred.jobtracker.attempts import State
from mapred.jobtracker.book import Book
from mapred.jobtracker.flow import Flow
from mapred.jobtracker.home import HOME_WAIT_S, home_of
from mapred.jobtracker.jobs import FINITE, Job, Phase
from mapred.jobtracker.memory import portion_of
from mapred.jobtracker.pools import Pools
from mapred.jobtracker.quarantine import Quarantine
from mapred.jobtracker.ready import Draft
from mapred.jobtracker.reservations import RESERVE_AFTER_S, Reservations
from mapred.jobtracker.scheduler import Field, choose, only_at_its_input
from mapred.jobtracker.speculation import Stragglers
from mapred.jobtracker.trackers import Trackers
from mapred.model import AttemptId, TaskKind

# The others may need them.
SERVICES_FIRST: Final = (TaskKind.SERVICE, *FINITE)
# Of a task that takes a second, the way to its tracker is less than a hundredth.
SHORT_TASK_S: Final = 1.0
QUEUED_WORK_S: Final = 0.02
QUEUED_A_SLOT_MAX: Final = 16
# So many take some ten milliseconds; whatever happens next goes on with the rest.
LAUNCHES_A_STEP_MAX: Final = 256
# A queued task of these that hasn't started by then stands behind something slow.
QUEUED_MAX_S: Final = 0.2


class Assigning:
    """Over the same book and trackers as `Flow`, through which it launches."""

    def __init__(
        self,
        book: Book,
        trackers: Trackers,
        flow: Flow,
        pools: Pools,
        quarantine: Quarantine,
        *,
        small_job_bytes: int,
    ) -> None:
        self._book = book
        self._trackers = trackers
        self._flow = flow
        self._pools = pools
        self._quarantine = quarantine
        self._small_job_bytes = small_job_bytes
        self._reservations = Reservations()
        self._asking = Asking(book.wanting, trackers)
        # The last step has left something for the next one.
        self.unfinished = False
        self._launched = 0
        self._field: Field | None = None
        self._field_of: tuple[int, ...] | None = None

    def field(self) -> Field:
        """The one that is good now."""
        book = self._book
        versions = (
            *(self._trackers.version, book.duties),
            *(self._quarantine.version, book.racks.version),
        )
        if self._field is None or versions != self._field_of:
            self._field = Field(
                *(self._trackers, book.drained, self._quarantine, book.racks),
                small_job_bytes=self._small_job_bytes,
            )
            self._field_of = versions
            self._asking.ask_everybody()
        return self._field

    def assign(self, now: float) -> None:
        """One task a tracker and round, so that work spreads."""
        self._launched = 0
        for kind in SERVICES_FIRST:
            while (
                self._trackers.free[kind]
                and self._launched < LAUNCHES_A_STEP_MAX
                and self._book.wanting.any(kind)
                and self._round(kind, now)
            ):
                pass
        self.unfinished = self._launched >= LAUNCHES_A_STEP_MAX

    def _round(self, kind: TaskKind, now: float) -> bool:
        launched, field, wanting = False, self.field(), self._book.wanting
        for tracker, among in self._asking.take(kind, field, now):
            if self._launched >= LAUNCHES_A_STEP_MAX:
                self._asking.ask_all(kind)
                break
            if not wanting.any(kind):
                break
            for job in wanting.in_turn(kind, self._pools, among):
                if kind is TaskKind.MAP and only_at_its_input(job, tracker, field, now):
                    continue
                if not self._reservations.lets(tracker, job, kind):
                    continue
                task = choose(job, kind, tracker, field, now)
                if task is not None:
                    self._flow.launch(job, task, tracker, now)
                    launched = True
                    self._launched += 1
                    break
        return launched

    def prefetch(self, draft: Draft, now: float) -> None:
        """Behind the slots of trackers that have just reported, where it's worth it."""
        for tracker in draft.reported.values():
            for kind in TaskKind:
                while (
                    tracker.free(kind) == 0
                    and not self._reservations.keeps(tracker)
                    and self._book.wanting.any(kind)
                ):
                    # Nobody goes before the job whose turn it is.
                    job = next(self._book.wanting.in_turn(kind, self._pools))
                    if not tracker.may_queue(kind, _queued_a_slot(job, kind)):
                        break
                    task = choose(job, kind, tracker, self.field(), now, behind=True)
                    if task is None:
                        break
                    self._flow.launch(job, task, tracker, now)

    def look_again(self, now: float) -> None:
        """Time alone may have changed what a job takes."""
        self._asking.tick(now)

    def reserve(self, now: float) -> None:
        """For jobs that find their memory, or their slots, nowhere."""
        turns = {kind: self._book.wanting.in_turn(kind, self._pools) for kind in TaskKind}
        wanting = ((job, kind) for kind in turns for job in turns[kind])
        if self._reservations.look(wanting, self.field(), now):
            self._asking.ask_everybody()
        for job in list(self._book.wanting.in_turn(TaskKind.MAP, self._pools)):
            since = job.cramped_since.get(TaskKind.MAP)
            if since is not None and now - since >= RESERVE_AFTER_S:
                self._make_room(job, now)

    def _make_room(self, job: Job, now: float) -> None:
        """Slots of maps and reduces are counted apart, and memory isn't: a reduce that waits for a
        map may hold what the map needs. One goes at a time, the youngest where the map may run."""
        waiting = next(iter(job.pending[TaskKind.MAP]))
        barred = job.tasks[TaskKind.MAP][waiting].failed_on
        reduces = [
            attempt
            for attempt in job.live.values()
            if attempt.id.kind is TaskKind.REDUCE and attempt.state is State.RUNNING
        ]
        if reduces:
            chosen = max(
                reduces, key=lambda a: (a.tracker_id not in barred, a.launched_at, a.id.index)
            )
            self._flow.kill(job, chosen, "a map of the job needs its memory first")
            job.cramped_since[TaskKind.MAP] = now

    def take_back(self, now: float) -> None:
        """What waits behind something slow, while it could start elsewhere."""
        for tracker in list(self._trackers.queueing.values()):
            for kind in TaskKind:
                if self._trackers.free[kind]:
                    for attempt_id in list(tracker.queued[kind]):
                        self._take_back(attempt_id, now)

    def _take_back(self, attempt_id: AttemptId, now: float) -> None:
        job = self._book.jobs.get(attempt_id.job_id)
        attempt = job.live.get(attempt_id) if job else None
        if job is None or attempt is None or now - attempt.launched_at < QUEUED_MAX_S:
            return
        task, usable = job.tasks[attempt_id.kind][attempt_id.index], self.field().usable(job)
        home = home_of(job, usable, self._small_job_bytes)
        if home and home.id == attempt.tracker_id and now - attempt.launched_at < HOME_WAIT_S:
            return
        for other in self._trackers.free[attempt_id.kind].values():
            wanted = portion_of(job.spec, task, attempt_id.kind, other.info)
            if other.id in usable and other.has_room(attempt_id.kind, wanted):
                self._flow.kill(job, attempt, "it waited, and another tracker has a free slot")
                return

    def speculate(self, now: float) -> None:
        """Whatever slots are still free may serve second attempts, one a tracker and tick."""
        running = [job for job in self._book.jobs.values() if job.phase is Phase.RUNNING]
        for kind in FINITE:
            if not self._trackers.free[kind]:
                continue
            late = [
                (job, stragglers)
                for job in running
                if job.live_of[kind] and (stragglers := Stragglers(job, kind, self.field(), now))
            ]
            free = [
                tracker
                for tracker in (self._trackers.free[kind].values() if late else ())
                if not self._reservations.keeps(tracker)
            ]
            for tracker in free:
                for job, stragglers in late:
                    task = stragglers.choose(tracker)
                    if task is not None:
                        self._flow.launch(job, task, tracker, now)
                        stragglers.launched(task)
                        break


def _queued_a_slot(job: Job, kind: TaskKind) -> int:
    mean_s = job.durations[kind].mean_s
    if mean_s is None or mean_s >= SHORT_TASK_S:
        return 0
    return min(QUEUED_A_SLOT_MAX, max(1, ceil(QUEUED_WORK_S / max(mean_s, 1e-3))))
