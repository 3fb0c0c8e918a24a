"""Jobs that no tracker can run: each is told why it waits, and is given up after a while."""

from collections.abc import Iterable, Iterator

from mapred.jobtracker.jobs import Job, Phase
from mapred.jobtracker.scheduler import Field
from mapred.jobtracker.trackers import Trackers
from mapred.jobtracker.waiting import why_waiting


class Stranded:
    """Since when each has been so."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._since: dict[str, float] = {}

    def look(
        self, jobs: Iterable[Job], field: Field, trackers: Trackers, now: float
    ) -> Iterator[tuple[Job, str, bool]]:
        """Jobs of which there is something new to say: what, and whether they are given up."""
        seen = set()
        for job in jobs:
            seen.add(job.id)
            since = now
            if field.usable(job):
                self._since.pop(job.id, None)
            else:
                since = self._since.setdefault(job.id, now)
            left_s = self._timeout_s - (now - since)
            reason = why_waiting(job, field, trackers, left_s)
            if left_s <= 0 and job.phase is Phase.RUNNING:
                yield job, f"{reason}; waited {now - since:.0f} s", True
            elif reason != job.waiting_for:
                yield job, reason, False
        for job_id in self._since.keys() - seen:
            del self._since[job_id]
