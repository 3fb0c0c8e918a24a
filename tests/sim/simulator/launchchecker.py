"""Where attempts may begin, and with how much memory: looked at when each is launched.

Rules
- Never on a tracker that is drained, or has no local directory left, or lacks what the job needs.
- On one where the job has failed three times, or one in quarantine, only when there is no better.
- A task that was ended for its memory is promised twice as much, once and not more.
"""

from mapred.jobtracker.attempts import Event
from mapred.jobtracker.core import JobTracker
from mapred.jobtracker.entries import AttemptLaunched, AttemptMoved, Entry
from mapred.jobtracker.jobs import Job
from mapred.jobtracker.trackers import Tracker
from mapred.model import AttemptId, Launch, TaskId
from simulator.world import Broken, World

# Failures of a job on a tracker.
FAILURES_MAX = 3


class LaunchChecker:
    """Counts failures itself, from what is recorded: `written`, which a crash shortens."""

    def __init__(self, world: World, written: list[Entry]) -> None:
        self._world = world
        self._written = written
        self.forget()

    def forget(self) -> None:
        """All of it is to be looked at anew."""
        self._followed = 0
        self._where: dict[AttemptId, str] = {}
        self._failures: dict[tuple[str, str], set[AttemptId]] = {}
        self._grew: set[TaskId] = set()

    def _follow(self) -> None:
        for entry in self._written[self._followed :]:
            self._look(entry)
        self._followed = len(self._written)

    def _look(self, entry: Entry) -> None:
        if isinstance(entry, AttemptLaunched):
            self._where[entry.attempt] = entry.tracker_id
        if not isinstance(entry, AttemptMoved) or entry.failure is None:
            return
        failure, attempt = entry.failure, entry.attempt
        if entry.event is Event.FAILED and attempt in self._where:
            if failure.peak_bytes:
                # It takes too much anywhere: that's no failure of a tracker.
                self._grew.add(attempt.task)
            else:
                where = attempt.job_id, self._where[attempt]
                self._failures.setdefault(where, set()).add(attempt)

    def launched(self, core: JobTracker, entry: AttemptLaunched) -> None:
        self._follow()
        job = core.book.jobs[entry.attempt.job_id]
        tracker = core.trackers.live.get(entry.tracker_id)
        if tracker is None:
            raise Broken(f"{entry}: there is no such tracker")
        if trouble := self._unusable(core, job, tracker):
            raise Broken(f"{entry}: its tracker {trouble}")
        if trouble := self._bad(core, job, tracker):
            better = [
                other.id
                for other in core.trackers
                if not self._unusable(core, job, other)
                and not self._bad(core, job, other)
                and other.fits(job.spec)
            ]
            if better:
                raise Broken(f"{entry}: its tracker {trouble}, and there are {better}")
        self._check_memory(tracker, entry, job)

    def _unusable(self, core: JobTracker, job: Job, tracker: Tracker) -> str:
        if tracker.id in core.book.drained:
            return "is drained"
        if tracker.info.refuses:
            return "has no directory"
        return "lacks what the job needs" if tracker.id in job.unfit else ""

    def _bad(self, core: JobTracker, job: Job, tracker: Tracker) -> str:
        statuses = core.tracker_statuses(self._world.now)
        if any(s.info.tracker_id == tracker.id and s.state == "quarantined" for s in statuses):
            return "is in quarantine"
        failed = len(self._failures.get((job.id, tracker.id), ()))
        return f"has failed the job {failed} times" if failed >= FAILURES_MAX else ""

    def _check_memory(self, tracker: Tracker, entry: AttemptLaunched, job: Job) -> None:
        wanted, there = job.spec.task_memory_bytes, tracker.info.memory_bytes
        if not wanted:
            return
        expected = min(wanted * (2 if entry.attempt.task in self._grew else 1), there)
        (order,) = (
            order
            for _, order in tracker.outbox.pending()
            if isinstance(order, Launch) and order.attempt == entry.attempt
        )
        if order.memory_limit_bytes != expected:
            raise Broken(f"{entry} may use {order.memory_limit_bytes}, it should be {expected}")
