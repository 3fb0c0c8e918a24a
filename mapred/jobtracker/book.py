"""All that survives a restart: epoch, jobs that run, jobs that are over, trackers to drain.

It changes by `apply(entry)` alone, live and at replay; `snapshot` gives entries that make the
same book again.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from mapred.jobtracker.accustomed import Accustomed
from mapred.jobtracker.attempts import Event
from mapred.jobtracker.entries import (
    AttemptMoved,
    Entry,
    EpochBegan,
    JobArchived,
    JobEnded,
    JobForgotten,
    JobSubmitted,
    NotificationDue,
    NotificationTried,
    TrackerDuty,
    counter_list,
)
from mapred.jobtracker.jobs import EndedJob, Job
from mapred.jobtracker.memory import Portion, portion_of
from mapred.jobtracker.racks import Racks
from mapred.jobtracker.turns import Wanting
from mapred.model import AttemptId, JobState, TaskKind, TrackerInfo
from mapred.notification import notification_of

_GOOD: Final = (Event.OUTPUT_MADE, Event.PART_WRITTEN, Event.COMMITTED)


class Book:
    """Jobs by id, oldest first."""

    def __init__(self) -> None:
        self.epoch = 0
        self.jobs_made = 0
        self.jobs: dict[str, Job] = {}
        self.ended: dict[str, EndedJob] = {}
        # Of them, oldest first, those of transient output that have succeeded, such as rounds of
        # a loop: they have no story. A later epoch takes them for others.
        self.passing: dict[str, None] = {}
        # Follows from `jobs`.
        self.wanting = Wanting()
        self.racks = Racks()
        self.accustomed = Accustomed()
        # Submits that were answered, so that a repeat finds its job.
        self.requests: dict[str, str] = {}
        # Trackers that an administrator wants drained.
        self.drained: set[str] = set()
        # Not journaled: the wall clock at the news at hand, which the shell sets. For people: no
        # rule asks for it.
        self.wall_s = 0.0
        # Only where somebody takes them: all entries of ended jobs whose story isn't kept yet.
        # A snapshot has them, so no death loses one.
        self.keeps_stories = False
        self.stories: dict[str, list[Entry]] = {}
        # Of ended jobs: who is still to be told.
        self.notices: dict[str, NotificationDue] = {}
        # Not journaled: rises with every change of `drained`.
        self.duties = 0

    def apply(self, entry: Entry) -> None:
        match entry:
            case EpochBegan():
                self.epoch, self.jobs_made = entry.epoch, entry.jobs_made
            case JobSubmitted():
                self.jobs_made += 1
                job = self.jobs[entry.job_id] = Job(entry, age=self.jobs_made)
                self.accustomed.settle(job)
                self.requests[entry.request_id] = entry.job_id
                self.racks.learn(entry.spec.splits)
            case JobEnded():
                self._ended(entry)
            case JobArchived():
                counters = {(group, name): value for group, name, value in entry.counters}
                status = replace(entry.status, counters=counters)
                self.ended[entry.job_id] = EndedJob(status, entry.request_id, 0)
                self.requests[entry.request_id] = entry.job_id
            case JobForgotten():
                self._forget(entry.job_id)
            case NotificationDue():
                self.notices[entry.job_id] = entry
            case NotificationTried():
                self._notified(entry)
            case TrackerDuty(tracker_id, drained):
                (self.drained.add if drained else self.drained.discard)(tracker_id)
                self.duties += 1
            case _:
                job = self.jobs[_job_id(entry)]
                job.apply(entry)
                # An end that is good frees a slot, and changes nothing of what a large job wants.
                good = isinstance(entry, AttemptMoved) and entry.event in _GOOD
                if isinstance(entry, AttemptMoved) and entry.attempt.kind is TaskKind.MAP:
                    self.accustomed.note(job, entry.attempt.index)
                self.wanting.look(job, stirs=not good or job.home.input_bytes is not None)

    def _ended(self, entry: JobEnded) -> None:
        job = self.jobs.pop(entry.job_id)
        self.wanting.forget(job)
        job.waiting_for = ""
        passing = job.transient and entry.state is JobState.SUCCEEDED
        if self.keeps_stories and not passing:
            self.stories[job.id] = [*job.entries, entry]
        status = job.status(entry.state, finished_at_s=entry.at_s, failures=entry.failures)
        self.ended[job.id] = EndedJob(status, job.request_id, job.version + 1)
        if passing:
            self.passing[job.id] = None
        if wish := notification_of(job.spec.settings):
            url = wish.url_of(job.id, entry.state)
            self.notices[job.id] = NotificationDue(
                job.id, url, wish.attempts, wish.interval_s, wish.timeout_s
            )

    def _notified(self, entry: NotificationTried) -> None:
        due, ended = self.notices.pop(entry.job_id, None), self.ended.get(entry.job_id)
        if due is not None and entry.error and due.attempts > 1:
            self.notices[entry.job_id] = replace(due, attempts=due.attempts - 1)
        if entry.job_id in self.stories:
            self.stories[entry.job_id].append(entry)
        if ended is not None:
            words = f"failed: {entry.error}" if entry.error else "sent"
            if entry.job_id in self.notices:
                words += ", and is tried again"
            ended.status = replace(ended.status, notification=f"{entry.url} {words}")
            ended.version += 1

    def _forget(self, job_id: str) -> None:
        running, over = self.jobs.pop(job_id, None), self.ended.pop(job_id, None)
        self.passing.pop(job_id, None)
        # One that was not kept yet has nobody who would remove it.
        self.stories.pop(job_id, None)
        self.notices.pop(job_id, None)
        if running is not None:
            self.wanting.forget(running)
        for job in (running, over):
            if job is not None:
                self.requests.pop(job.request_id, None)

    def portion(self, attempt_id: AttemptId, info: TrackerInfo) -> Portion:
        """What the attempt is promised on that tracker."""
        job = self.jobs.get(attempt_id.job_id)
        if job is None:
            return Portion()
        return portion_of(job.spec, job.task(attempt_id.task), attempt_id.kind, info)

    def replay(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self.apply(entry)

    def snapshot(self) -> list[Entry]:
        """The shortest story that leads here."""
        made_below = len(self.jobs) + len(self.stories)
        entries: list[Entry] = [EpochBegan(self.epoch, self.jobs_made - made_below)]
        entries += [TrackerDuty(tracker_id, True) for tracker_id in sorted(self.drained)]
        for job_id, ended in self.ended.items():
            if job_id in self.stories:
                entries += self.stories[job_id]
                continue
            counters = counter_list(dict(ended.status.counters))
            status = replace(ended.status, counters={})
            entries.append(JobArchived(job_id, ended.request_id, status, counters))
            if job_id in self.notices:
                entries.append(self.notices[job_id])
        for job in self.jobs.values():
            entries += job.entries
        return entries


def _job_id(entry: Entry) -> str:
    job_id = getattr(entry, "job_id", None)
    return job_id if isinstance(job_id, str) else entry.attempt.job_id  # type: ignore[union-attr]
