"""Trackers that fail job after job get nothing for a while, and are then tried again. Pure.

Rules
- A job counts against a tracker when it has failed there as often as keeps it away
  (scheduler.py), and more often than on all other trackers together: a job that fails
  everywhere says nothing of a tracker.
- So many such jobs within an hour quarantine it. It goes on with what it runs, and its map
  outputs are still good.
- When the time is up it is on probation: one more such job sends it back, for twice as long.
- Never more than half of the live trackers: then the fault is somewhere else.

Not journaled: the next JobTracker forms its own opinion.
"""

from collections.abc import Iterable
from typing import Final

from mapred.jobtracker.jobs import Job

JOBS_TO_QUARANTINE: Final = 3
MARKS_KEPT_S: Final = 3600.0
# Long enough for a full disk to be noticed, short enough for a cluster of a few machines.
FIRST_TERM_S: Final = 600.0
LONGEST_TERM_S: Final = 4 * 3600.0


class Quarantine:
    """Who is in it, and since which jobs."""

    def __init__(self) -> None:
        # Rises with every change of `held`.
        self.version = 0
        self._until: dict[str, float] = {}
        # Tracker → job → when it counted.
        self._marks: dict[str, dict[str, float]] = {}
        self._terms: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"Quarantine({sorted(self._until)})"

    def __contains__(self, tracker_id: object) -> bool:
        return tracker_id in self._until

    def failed(self, job: Job, tracker_id: str, live: Iterable[str], now: float) -> None:
        """An attempt of the job has failed there."""
        here = job.failures_on[tracker_id]
        if tracker_id not in job.avoids or 2 * here <= sum(job.failures_on.values()):
            return
        self._marks.setdefault(tracker_id, {}).setdefault(job.id, now)
        present = set(live)
        if (
            len(self._marks[tracker_id]) < JOBS_TO_QUARANTINE
            or tracker_id in self._until
            or 2 * (len(present & self._until.keys()) + 1) > len(present)
        ):
            return
        term = min(FIRST_TERM_S * 2 ** self._terms.get(tracker_id, 0), LONGEST_TERM_S)
        self._until[tracker_id] = now + term
        self._terms[tracker_id] = self._terms.get(tracker_id, 0) + 1
        self.version += 1

    def tick(self, now: float) -> None:
        for tracker_id, until in list(self._until.items()):
            if now >= until:
                del self._until[tracker_id]
                self.version += 1
                # On probation: the next one is one too many.
                last = list(self._marks[tracker_id])[1 - JOBS_TO_QUARANTINE :]
                self._marks[tracker_id] = dict.fromkeys(last, now)
        for tracker_id, marks in list(self._marks.items()):
            kept = {job: at for job, at in marks.items() if now - at < MARKS_KEPT_S}
            if kept or tracker_id in self._until:
                self._marks[tracker_id] = kept
            else:
                del self._marks[tracker_id]
                self._terms.pop(tracker_id, None)

    def reason(self, tracker_id: str, now: float) -> str:
        """For its administrator."""
        jobs = ", ".join(self._marks.get(tracker_id, ()))
        left_s = max(0.0, self._until[tracker_id] - now)
        return (
            f"jobs fail here and elsewhere they don't: {jobs}; tried again in {left_s / 60:.0f} min"
        )
