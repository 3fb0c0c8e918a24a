"""Second attempts of slow tasks, after LATE (Zaharia et al., OSDI 2008). Pure.

Rules
- Only when a job has nothing of the kind left to start, and never more than a tenth of the
  slots (at least one).
- A task qualifies when its one attempt has run for a while and its rate of progress is in the
  slowest quarter of the job's tasks of the kind.
- Of those, the one that is expected to end last goes first.
- Not on the tracker where it runs, not on a tracker that is slow itself, and not where the
  memory and the slots that it would be promised aren't free.
"""

from collections import defaultdict
from typing import Final

from mapred.jobtracker.attempts import Attempt, State, Task
from mapred.jobtracker.jobs import ATTEMPTS_EVER_MAX, Job
from mapred.jobtracker.memory import portion_of
from mapred.jobtracker.scheduler import Field
from mapred.jobtracker.trackers import Tracker
from mapred.model import TaskKind

SLOTS_SHARE_MAX: Final = 0.1
# The slowest quarter, of tasks and of trackers.
SLOW_SHARE: Final = 0.25
# Estimates of younger attempts are noise; shorter tasks aren't worth a second attempt.
AGE_MIN_S: Final = 10.0
# How many times slower than the median task, or the mean tracker, counts as slow: an even
# field has no stragglers.
SLOWER_THAN_REST: Final = 2.0


class Stragglers:
    """The slow tasks of one kind of a job, as they are now; `launched` keeps it true."""

    def __init__(self, job: Job, kind: TaskKind, field: Field, now: float) -> None:
        self._job, self._kind = job, kind
        self._usable = field.usable(job)
        self._late: list[Attempt] = []
        self._slow_trackers: set[str] = set()
        self._left = 0
        if job.pending[kind] or not job.running_of(kind):
            return
        if not any(
            now - attempt.launched_at >= AGE_MIN_S
            for attempt_id, attempt in job.live.items()
            if attempt_id.kind is kind
        ):
            # Nearly always; without a look at how fast each of them is.
            return
        self._left = max(1, int(SLOTS_SHARE_MAX * field.slots[kind])) - _running_speculatively(
            job, kind
        )
        if self._left > 0:
            self._look(now)

    def _look(self, now: float) -> None:
        rates = _rates(self._job, self._kind, now)
        if not rates:
            return
        bound = _slow_bound(self._job, self._kind, rates)
        late = [
            (-_left_s(attempt, rate), attempt.id.index, attempt)
            for attempt, rate in rates
            if rate <= bound and _single(self._job, attempt, now)
        ]
        self._late = [attempt for _, _, attempt in sorted(late, key=lambda one: one[:2])]
        if self._late:
            self._slow_trackers = _slow_trackers(rates)

    def __bool__(self) -> bool:
        return bool(self._late) and self._left > 0

    def choose(self, tracker: Tracker) -> Task | None:
        """The running task of which this tracker should start a second attempt, if any."""
        if not self or tracker.id not in self._usable or tracker.id in self._slow_trackers:
            return None
        for attempt in self._late:
            task = self._job.tasks[self._kind][attempt.id.index]
            portion = portion_of(self._job.spec, task, self._kind, tracker.info)
            if attempt.tracker_id != tracker.id and tracker.has_room(self._kind, portion):
                return task
        return None

    def launched(self, task: Task) -> None:
        self._left -= 1
        self._late = [attempt for attempt in self._late if attempt.id.task != task.id]


def _running_speculatively(job: Job, kind: TaskKind) -> int:
    tasks = {attempt_id.index for attempt_id in job.live if attempt_id.kind is kind}
    return job.running_of(kind) - len(tasks)


def _rates(job: Job, kind: TaskKind, now: float) -> list[tuple[Attempt, float]]:
    """Progress per second of every running attempt of the kind."""
    return [
        (attempt, attempt.fraction / max(now - attempt.launched_at, 1e-3))
        for attempt_id, attempt in job.live.items()
        if attempt_id.kind is kind and attempt.state is State.RUNNING and not attempt.queued
    ]


def _slow_bound(job: Job, kind: TaskKind, rates: list[tuple[Attempt, float]]) -> float:
    """Rates at or below this are slow; finished tasks count with their whole length."""
    finished = [1.0 / max(seconds, 1e-3) for seconds in job.durations[kind].sample]
    everything = sorted([rate for _, rate in rates] + finished)
    quarter = everything[int(SLOW_SHARE * (len(everything) - 1))]
    median = everything[len(everything) // 2]
    return min(quarter, median / SLOWER_THAN_REST)


def _slow_trackers(rates: list[tuple[Attempt, float]]) -> set[str]:
    by_tracker: defaultdict[str, list[float]] = defaultdict(list)
    for attempt, rate in rates:
        by_tracker[attempt.tracker_id].append(rate)
    means = {name: sum(values) / len(values) for name, values in by_tracker.items()}
    # The mean, not the median: of three trackers one has the straggler, and is the slowest.
    bound = sum(means.values()) / len(means) / SLOWER_THAN_REST
    return {name for name, mean in means.items() if mean < bound}


def _single(job: Job, attempt: Attempt, now: float) -> bool:
    task = job.tasks[attempt.id.kind][attempt.id.index]
    if len(task.attempts) >= ATTEMPTS_EVER_MAX:
        return False
    return len(task.live_attempts) == 1 and now - attempt.launched_at >= AGE_MIN_S


def _left_s(attempt: Attempt, rate: float) -> float:
    return (1.0 - attempt.fraction) / rate if rate > 0 else float("inf")
