"""Fills free slots: whose turn (turns.py), which task (scheduler.py), second attempts
(speculation.py)."""

from mapred.jobtracker.book import Book
from mapred.jobtracker.flow import Flow
from mapred.jobtracker.jobs import Phase
from mapred.jobtracker.pools import Pools
from mapred.jobtracker.quarantine import Quarantine
from mapred.jobtracker.scheduler import Field, choose
from mapred.jobtracker.speculation import Stragglers
from mapred.jobtracker.trackers import Tracker, Trackers
from mapred.model import TaskKind


class Assigning:
    """Over the same book and trackers as `Flow`, through which it launches."""

    def __init__(
        self, book: Book, trackers: Trackers, flow: Flow, pools: Pools, quarantine: Quarantine
    ) -> None:
        self._book = book
        self._trackers = trackers
        self._flow = flow
        self._pools = pools
        self._quarantine = quarantine
        self._field: Field | None = None
        self._field_of: tuple[int, int, int] | None = None

    def field(self) -> Field:
        """The one that is good now."""
        versions = (self._trackers.version, self._book.duties, self._quarantine.version)
        if self._field is None or versions != self._field_of:
            self._field = Field(self._trackers, self._book.drained, self._quarantine)
            self._field_of = versions
        return self._field

    def assign(self, now: float) -> None:
        """One task a tracker and round, so that work spreads."""
        for kind in TaskKind:
            while (
                self._trackers.free[kind]
                and self._book.wanting.any(kind)
                and self._round(kind, now)
            ):
                pass

    def _round(self, kind: TaskKind, now: float) -> bool:
        launched = False
        field = self.field()
        for tracker in self._by_room(kind):
            for job in self._book.wanting.in_turn(kind, self._pools):
                task = choose(job, kind, tracker, field, now)
                if task is not None:
                    self._flow.launch(job, task, tracker, now)
                    launched = True
                    break
        return launched

    def _by_room(self, kind: TaskKind) -> list[Tracker]:
        return sorted(self._trackers.free[kind].values(), key=lambda t: (-t.free(kind), t.id))

    def speculate(self, now: float) -> None:
        """Whatever slots are still free may serve second attempts, one a tracker and tick."""
        running = [job for job in self._book.jobs.values() if job.phase is Phase.RUNNING]
        for kind in TaskKind:
            free = list(self._trackers.free[kind].values())
            if not free:
                continue
            late = [(job, Stragglers(job, kind, self.field(), now)) for job in running]
            late = [(job, stragglers) for job, stragglers in late if stragglers]
            for tracker in free if late else ():
                for job, stragglers in late:
                    task = stragglers.choose(tracker)
                    if task is not None:
                        self._flow.launch(job, task, tracker, now)
                        stragglers.launched(task)
                        break
