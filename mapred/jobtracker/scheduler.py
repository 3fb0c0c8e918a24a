"""Which task goes to which tracker: a pure question, asked for every free slot.

Rules
- Slots for maps and for reduces are counted apart: reduces that wait for maps can't starve a
  map that has to run again.
- Jobs share: the one with the fewest running tasks of the kind goes first, then the older.
- Maps go where their input is. A job that could only use a slot remotely waits a little for a
  local one (delay scheduling, after Zaharia et al., EuroSys 2010), in wall time scaled to
  the length of its tasks; it doesn't wait when no live tracker has the input, nor for a task
  that ran before.
- A retry goes to another tracker than those where the task failed, if there is one.
- A tracker on which a job has failed three times gets no more of that job, unless all have.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from mapred.jobtracker.attempts import Task
from mapred.jobtracker.jobs import Job
from mapred.jobtracker.trackers import Tracker
from mapred.model import TaskKind

FAILURES_TO_AVOID_TRACKER: Final = 3
# The wait for a local slot: this share of a map's mean length, within bounds.
LOCALITY_WAIT_SHARE: Final = 0.25
LOCALITY_WAIT_MIN_S: Final = 0.1
LOCALITY_WAIT_MAX_S: Final = 3.0
LOCALITY_WAIT_FIRST_S: Final = 0.3


class Field:
    """The live trackers, as one pass of the scheduler sees them."""

    def __init__(self, trackers: Iterable[Tracker]) -> None:
        self.trackers = list(trackers)
        self.names = frozenset(name for t in self.trackers for name in t.names)
        self._usable: dict[str, list[Tracker]] = {}

    def usable(self, job: Job) -> list[Tracker]:
        """Trackers that may run tasks of the job."""
        if job.id not in self._usable:
            fitting = [tracker for tracker in self.trackers if tracker.fits(job.spec)]
            trusted = [
                t for t in fitting if job.failures_on.get(t.id, 0) < FAILURES_TO_AVOID_TRACKER
            ]
            self._usable[job.id] = trusted or fitting
        return self._usable[job.id]


def in_turn(jobs: Iterable[Job], kind: TaskKind) -> list[Job]:
    """Jobs that have something of the kind to run, neediest first."""
    wanting = [
        job
        for job in jobs
        if job.pending[kind] and (kind is not TaskKind.REDUCE or job.reduces_may_start())
    ]
    return sorted(wanting, key=lambda job: job.running_of(kind))


def choose(job: Job, kind: TaskKind, tracker: Tracker, field: Field, now: float) -> Task | None:
    """The task of this job that the tracker's free slot should run, if any."""
    usable = field.usable(job)
    if tracker not in usable:
        return None
    if kind is TaskKind.MAP:
        return _choose_map(job, tracker, usable, field, now)
    return next(_allowed(job, kind, job.pending[kind], tracker, usable), None)


def _choose_map(
    job: Job, tracker: Tracker, usable: list[Tracker], field: Field, now: float
) -> Task | None:
    pending = job.pending[TaskKind.MAP]
    again = next(_allowed(job, TaskKind.MAP, pending.again(), tracker, usable), None)
    if again is not None:
        return again
    local = next(_allowed(job, TaskKind.MAP, pending.at(tracker.names), tracker, usable), None)
    if local is not None:
        job.locality_skipped_at = None
        return local
    for task in _allowed(job, TaskKind.MAP, pending, tracker, usable):
        if field.names.isdisjoint(pending.hosts_of(task.id.index)):
            return task
        if job.locality_skipped_at is None:
            job.locality_skipped_at = now
        return task if now - job.locality_skipped_at >= locality_wait_s(job) else None
    return None


def _allowed(
    job: Job, kind: TaskKind, indexes: Iterable[int], tracker: Tracker, usable: list[Tracker]
) -> Iterator[Task]:
    """The tasks that this tracker may take: not where they failed, if another may."""
    for index in indexes:
        task = job.tasks[kind][index]
        if tracker.id not in task.failed_on or all(o.id in task.failed_on for o in usable):
            yield task


def locality_wait_s(job: Job) -> float:
    durations = job.durations_s[TaskKind.MAP]
    if not durations:
        return LOCALITY_WAIT_FIRST_S
    mean = sum(durations) / len(durations)
    return min(LOCALITY_WAIT_MAX_S, max(LOCALITY_WAIT_MIN_S, LOCALITY_WAIT_SHARE * mean))
