"""Second attempts of slow tasks, after LATE (Zaharia et al., OSDI 2008). Pure.

Rules
- Only when a job has nothing of the kind left to start, and never more than a tenth of the
  slots (at least one).
- A task qualifies when its one attempt has run for a while and its rate of progress is in the
  slowest quarter of the job's tasks of the kind.
- Of those, the one that is expected to end last goes first.
- Not on the tracker where it runs, and not on a tracker that is slow itself.
"""

from collections import defaultdict
from typing import Final

from mapred.jobtracker.attempts import Attempt, State, Task
from mapred.jobtracker.jobs import Job
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


def choose_speculative(
    job: Job, kind: TaskKind, tracker: Tracker, field: Field, now: float
) -> Task | None:
    """The running task of which this tracker should start a second attempt, if any."""
    if job.pending[kind] or tracker not in field.usable(job):
        return None
    if _running_speculatively(job, kind) >= max(
        1, int(SLOTS_SHARE_MAX * sum(t.slots(kind) for t in field.trackers))
    ):
        return None
    rates = _rates(job, kind, now)
    if not rates or _is_slow(tracker, rates):
        return None
    bound = _slow_bound(job, kind, rates)
    late = [
        (_left_s(attempt, rate), attempt)
        for attempt, rate in rates
        if rate <= bound and attempt.tracker_id != tracker.id and _single(job, attempt, now)
    ]
    if not late:
        return None
    _, attempt = max(late, key=lambda pair: (pair[0], -pair[1].id.index))
    return job.tasks[kind][attempt.id.index]


def _running_speculatively(job: Job, kind: TaskKind) -> int:
    tasks = {attempt_id.index for attempt_id in job.live if attempt_id.kind is kind}
    return job.running_of(kind) - len(tasks)


def _rates(job: Job, kind: TaskKind, now: float) -> list[tuple[Attempt, float]]:
    """Progress per second of every running attempt of the kind."""
    return [
        (attempt, attempt.fraction / max(now - attempt.launched_at, 1e-3))
        for attempt_id, attempt in job.live.items()
        if attempt_id.kind is kind and attempt.state is State.RUNNING
    ]


def _slow_bound(job: Job, kind: TaskKind, rates: list[tuple[Attempt, float]]) -> float:
    """Rates at or below this are slow; finished tasks count with their whole length."""
    finished = [1.0 / max(seconds, 1e-3) for seconds in job.durations_s[kind]]
    everything = sorted([rate for _, rate in rates] + finished)
    quarter = everything[int(SLOW_SHARE * (len(everything) - 1))]
    median = everything[len(everything) // 2]
    return min(quarter, median / SLOWER_THAN_REST)


def _is_slow(tracker: Tracker, rates: list[tuple[Attempt, float]]) -> bool:
    by_tracker: defaultdict[str, list[float]] = defaultdict(list)
    for attempt, rate in rates:
        by_tracker[attempt.tracker_id].append(rate)
    if tracker.id not in by_tracker:
        return False
    means = {name: sum(values) / len(values) for name, values in by_tracker.items()}
    # The mean, not the median: of three trackers one has the straggler, and is the slowest.
    mean = sum(means.values()) / len(means)
    return means[tracker.id] < mean / SLOWER_THAN_REST


def _single(job: Job, attempt: Attempt, now: float) -> bool:
    task = job.tasks[attempt.id.kind][attempt.id.index]
    return len(task.live_attempts) == 1 and now - attempt.launched_at >= AGE_MIN_S


def _left_s(attempt: Attempt, rate: float) -> float:
    return (1.0 - attempt.fraction) / rate if rate > 0 else float("inf")
