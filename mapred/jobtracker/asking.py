"""Which trackers with a free slot are asked, and for which jobs. Pure.

A slot that stays free was refused by every job, and thousands of slots may be refused by hundreds
of jobs that wait for nearer ones. Nearly nothing of that changes with an event, so:

Rules
- A tracker whose room has changed is asked for every job, and a job of which something was
  recorded is asked at every tracker: the others have answered.
- Of a job that waits for slots at its input only those are asked.
- A job whose wait is over is asked everywhere at the next tick.
- As long as all together are few, all are asked at every event; and at each tick some more,
  whatever else may have changed.
- The tracker with most room comes first.
"""

from collections.abc import Collection, Iterable
from math import inf
from typing import Final

from mapred.jobtracker.jobs import Job
from mapred.jobtracker.scheduler import Field, only_at_its_input
from mapred.jobtracker.trackers import Tracker, Trackers
from mapred.jobtracker.turns import Wanting
from mapred.model import TaskKind

# Pairs of a tracker and a job. A question takes some microseconds.
FEW: Final = 64
# At a tick: some milliseconds.
AGAIN_A_TICK: Final = 4096


class Asking:
    """What has changed since the last look; not journaled."""

    def __init__(self, wanting: Wanting, trackers: Trackers) -> None:
        self._wanting = wanting
        self._trackers = trackers
        self._next_again = dict.fromkeys(TaskKind, 0)

    def ask_all(self, kind: TaskKind) -> None:
        self._trackers.stirred[kind].update(self._trackers.free[kind])

    def ask_everybody(self) -> None:
        for kind in TaskKind:
            self.ask_all(kind)
            for job in self._wanting.jobs(kind):
                job.patience.local_until = 0.0

    def tick(self, now: float) -> None:
        for kind in TaskKind:
            if not (free := self._trackers.free[kind]):
                continue
            jobs = self._wanting.jobs(kind)
            stirred = self._wanting.stirred[kind]
            for job in jobs:
                if job.patience.ask_again_at <= now:
                    stirred[job.id] = job
            many = AGAIN_A_TICK // len(free) + 1
            first = self._next_again[kind] if self._next_again[kind] < len(jobs) else 0
            self._next_again[kind] = first + many
            stirred.update((job.id, job) for job in jobs[first : first + many])
        for kind in TaskKind:
            for job in self._wanting.stirred[kind].values():
                if job.patience.ask_again_at <= now:
                    job.patience.ask_again_at = inf

    def take(
        self, kind: TaskKind, field: Field, now: float
    ) -> list[tuple[Tracker, Collection[str] | None]]:
        """Trackers with a free slot, and the ids of the jobs they are asked for; None: all."""
        free, trackers = self._trackers.free[kind], self._trackers.stirred[kind]
        jobs = self._wanting.stirred[kind]
        self._trackers.stirred[kind], self._wanting.stirred[kind] = {}, {}
        if len(free) * self._wanting.count(kind) <= FEW:
            trackers = free
        found = trackers
        if jobs and len(trackers) < len(free):
            found = dict(trackers)
            for job in jobs.values():
                found.update(
                    (tracker.id, tracker) for tracker in self._places(job, kind, field, now)
                )
        order = sorted(found.values(), key=lambda t: (-t.free(kind), t.id))
        return [(tracker, None if tracker.id in trackers else jobs) for tracker in order]

    def _places(self, job: Job, kind: TaskKind, field: Field, now: float) -> Iterable[Tracker]:
        """Of the free ones, those that the job may take."""
        free = self._trackers.free[kind]
        if kind is not TaskKind.MAP or now >= job.patience.local_until:
            return free.values()
        pending = job.pending[kind]
        if field.racks or len(free) < len(pending):
            return [t for t in free.values() if not only_at_its_input(job, t, field, now)]
        return [
            tracker
            for host in pending.hosts()
            for tracker in field.at_name.get(host, ())
            if tracker.id in free
        ]
