"""Trackers that are kept free for a task which needs more memory, or more slots, than are ever
free by chance.

Rules
- A job whose turn it is, and that finds its memory or its slots nowhere for `RESERVE_AFTER_S`, gets
  one tracker: where most is free already. Nothing else starts there until its task does, but for
  maps of jobs of which a reduce runs there: that one may wait for them.
- One tracker a job and kind; it is given back when the job doesn't want it any more, or couldn't
  begin there any more: its task has failed there meanwhile, or a service has come.
"""

from collections.abc import Iterable
from typing import Final

from mapred.jobtracker.jobs import Job
from mapred.jobtracker.memory import promised_bytes
from mapred.jobtracker.scheduler import Field, barred
from mapred.jobtracker.trackers import Tracker
from mapred.model import TaskKind

# Some tasks of the others may end and leave enough, before a tracker is kept idle for it.
RESERVE_AFTER_S: Final = 2.0


class Reservations:
    """By tracker id: for whom."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, TaskKind]] = {}

    def lets(self, tracker: Tracker, job: Job, kind: TaskKind) -> bool:
        """Whether the job may start something there."""
        kept_for = self._kept.get(tracker.id)
        if kept_for is None or kept_for == (job.id, kind):
            return True
        # Its reduce there waits for this map, and the one that it's kept for for that reduce.
        return kind is TaskKind.MAP and job.reducing_on[tracker.id] > 0

    def keeps(self, tracker: Tracker) -> bool:
        return tracker.id in self._kept

    def look(self, wanting: Iterable[tuple[Job, TaskKind]], field: Field, now: float) -> bool:
        """`wanting`: jobs that could start something of the kind, in turn. Whether anything has
        changed."""
        before = dict(self._kept)
        still: set[tuple[str, TaskKind]] = set()
        turns: dict[TaskKind, Job] = {}
        for job, kind in wanting:
            first = turns.setdefault(kind, job) is job
            since = job.room_lacking_since(kind)
            if kind is TaskKind.REDUCE and job.maps_lack_memory:
                # Its maps come first.
                continue
            if since is None or now - since < RESERVE_AFTER_S:
                continue
            still.add((job.id, kind))
            kept = next((name for name, whom in self._kept.items() if whom == (job.id, kind)), "")
            if not (kept or first):
                continue
            able = _able(job, kind, field)
            if kept and kept not in {tracker.id for tracker in able}:
                # Of no use to it any more, nor to those who have to end before it finds its room.
                del self._kept[kept]
                kept = ""
            if first and not kept:
                self._reserve(job, kind, able)
        self._kept = {name: whom for name, whom in self._kept.items() if whom in still}
        return self._kept != before

    def _reserve(self, job: Job, kind: TaskKind, able: Iterable[Tracker]) -> None:
        able = [tracker for tracker in able if tracker.id not in self._kept]
        if able:
            crowded = kind in job.crowded_since

            def room(tracker: Tracker) -> tuple[float, float, str]:
                free = (tracker.spare_bytes, float(tracker.free(kind)))
                return (*(free[::-1] if crowded else free), tracker.id)

            best = max(able, key=room)
            self._kept[best.id] = job.id, kind


def _able(job: Job, kind: TaskKind, field: Field) -> list[Tracker]:
    """Where a task of the job that waits could begin, once all has ended there that ends by itself:
    services don't, so they keep their memory and slots."""
    usable = field.usable(job)
    waiting = job.tasks[kind][next(iter(job.pending[kind]))]
    return [
        tracker
        for tracker in usable.values()
        if _passing_slots(tracker, kind) >= job.spec.task_cpus
        and not barred(waiting, tracker.id, usable)
        and promised_bytes(job.spec, waiting, tracker.info) <= tracker.passing_bytes
    ]


def _passing_slots(tracker: Tracker, kind: TaskKind) -> int:
    return tracker.free(kind) if kind is TaskKind.SERVICE else tracker.slots(kind)
