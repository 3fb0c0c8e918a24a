"""How a job ends: all tasks done, a failure that decides, or a kill.

Rules
- The verdict is journaled first. Then running attempts are killed; commits under way are
  waited for; and until the killed attempts are gone (or `drain_s` has passed) the output
  directory is left alone, so that no zombie writes into what was published or removed. Those on
  a tracker that has fallen silent aren't waited for: they look by themselves (mapred/task/late.py).
- Success: _SUCCESS is written last of all files, then _temporary is removed.
- Failure and kill: the whole output directory is removed, committed parts too. Hadoop leaves
  it without _SUCCESS; then a second submit is refused until somebody has cleaned up.
- At most one action per job is under way, so nothing in a directory races.
- Transient output, a directory of its job alone by its name, is made by what is written there
  and has no _SUCCESS: its job begins and ends without an action.
"""

import json

from mapred.errors import MapredError
from mapred.jobtracker.attempts import State
from mapred.jobtracker.book import Book
from mapred.jobtracker.entries import JobEnded, JobEnding
from mapred.jobtracker.fetchreports import SILENT_AFTER_S
from mapred.jobtracker.flow import Flow
from mapred.jobtracker.jobs import Job, Phase
from mapred.jobtracker.ready import (
    Draft,
    Outcome,
    PrepareOutput,
    PublishOutput,
    RemoveOutput,
    commit_of,
)
from mapred.jobtracker.settings import JobTrackerSettings
from mapred.jobtracker.trackers import Trackers
from mapred.model import (
    Failure,
    FailureKind,
    ForgetJob,
    JobState,
    TaskKind,
)


class Endings:
    """The rules above, over the same book and draft as `Flow`."""

    def __init__(
        self,
        book: Book,
        trackers: Trackers,
        flow: Flow,
        draft: Draft,
        settings: JobTrackerSettings,
    ) -> None:
        self._book = book
        self._trackers = trackers
        self._flow = flow
        self._draft = draft
        self._drain_s = settings.drain_s
        # Jobs whose output directory is being worked on.
        self._in_flight: set[str] = set()
        # Jobs that end, in order: time alone may take them further.
        self._ending: dict[str, None] = {}
        # Running jobs to look at though nothing was recorded of them: a new epoch's.
        self._unseen: dict[str, None] = {}

    def take_up(self, job: Job, now: float) -> None:
        """Asks again for what a new job, or a new epoch, must have done."""
        if job.phase is Phase.PREPARING:
            if job.transient:
                self._flow.prepared(job.id)
            else:
                self._in_flight.add(job.id)
                uri, user = job.spec.output_uri, job.spec.user
                self._draft.actions.append(PrepareOutput(job.id, uri, user))
        self._unseen[job.id] = None
        if job.phase is Phase.ENDING:
            job.ending_since = now
            self._ending[job.id] = None
        for attempt in list(job.live.values()):
            if attempt.state is State.COMMITTING:
                self._draft.actions.append(commit_of(job, attempt))
            elif job.tasks[attempt.id.kind][attempt.id.index].done:
                # Of a history that was torn, the end of the first may be left without this.
                self._flow.kill(job, attempt, "another attempt of the task was first")

    def settle(self, job_id: str) -> None:
        self._in_flight.discard(job_id)

    def look(self, now: float, wall_s: float) -> None:
        """Moves every job that can go on towards its end: only those of which something was
        recorded, and those that end already, since it's asked at every event."""
        for job_id in sorted(self._draft.recorded | self._unseen.keys()):
            job = self._book.jobs.get(job_id)
            if job is not None and job.phase is Phase.RUNNING:
                if job.decisive_failure is not None:
                    self._end(job, JobState.FAILED, job.verdict_on_failure(), now)
                elif job.complete:
                    self._end(job, JobState.SUCCEEDED, (), now)
        self._unseen.clear()
        for job_id in list(self._ending):
            job = self._book.jobs.get(job_id)
            if job is None or job.phase is not Phase.ENDING:
                del self._ending[job_id]
            else:
                self._go_on(job, now, wall_s)

    def kill(self, job: Job, reason: str, now: float) -> bool:
        if job.phase is Phase.ENDING:
            return job.verdict is not JobState.SUCCEEDED
        failure = Failure(FailureKind.KILLED, reason or "killed")
        self._end(job, JobState.KILLED, (failure,), now)
        return True

    def fail(self, job: Job, reason: str, now: float) -> None:
        failure = Failure(FailureKind.FAILED, reason)
        self._end(job, JobState.FAILED, (failure, *job.ranked_failures()), now)

    def _end(self, job: Job, verdict: JobState, failures: tuple[Failure, ...], now: float) -> None:
        self._flow.record(JobEnding(job.id, verdict, failures))
        job.ending_since = now
        self._ending[job.id] = None
        self._kill_attempts(job)

    def _kill_attempts(self, job: Job) -> None:
        assert job.verdict is not None
        for attempt in list(job.live.values()):
            self._flow.kill(job, attempt, f"the job has {job.verdict.value}")

    def _go_on(self, job: Job, now: float, wall_s: float) -> None:
        # Of a history that was torn, the verdict may be left without the kills.
        self._kill_attempts(job)
        if job.id in self._in_flight or job.live:
            return
        since = now if job.ending_since is None else job.ending_since
        if now - since < self._drain_s and self._draining(job, now):
            return
        uri, user = job.spec.output_uri, job.spec.user
        succeeded = job.verdict is JobState.SUCCEEDED
        if succeeded and job.transient:
            self._over(job, job.verdict_failures, wall_s)
            return
        self._in_flight.add(job.id)
        if succeeded:
            text = success_text(job, wall_s)
            self._draft.actions.append(PublishOutput(job.id, uri, text, user))
        else:
            self._draft.actions.append(RemoveOutput(job.id, uri, user))

    def _draining(self, job: Job, now: float) -> bool:
        """Whether attempts of the job may still be at work somewhere."""
        for tracker in self._trackers:
            if self._trackers.silence_s(tracker.id, now) < SILENT_AFTER_S and any(
                attempt.job_id == job.id for attempt in tracker.occupied
            ):
                return True
        return any(
            tracker_id not in self._trackers.live and self._trackers.expected(tracker_id, now)
            for tracker_id in job.trackers
        )

    def performed(self, outcome: Outcome, wall_s: float) -> None:
        """The output directory has been published or removed, or can't be."""
        job = self._book.jobs.get(outcome.action.job_id)
        if job is None or job.phase is not Phase.ENDING:
            return
        self.settle(job.id)
        assert job.verdict is not None
        failures = job.verdict_failures
        if outcome.error is not None:
            failures = (*failures, _storage_failure(job, outcome.error))
            if job.verdict is JobState.SUCCEEDED:
                self._flow.record(JobEnding(job.id, JobState.FAILED, failures))
                return
        self._over(job, failures, wall_s)

    def _over(self, job: Job, failures: tuple[Failure, ...], wall_s: float) -> None:
        assert job.verdict is not None
        self._flow.record(JobEnded(job.id, job.verdict, wall_s, failures))
        for tracker in self._trackers:
            if job.id in tracker.jobs:
                tracker.jobs.discard(job.id)
                tracker.told.pop(job.id, None)
                self._flow.order(tracker, ForgetJob(job.id))


def _storage_failure(job: Job, error: MapredError) -> Failure:
    return Failure(FailureKind.FAILED, f"output {job.spec.output_uri}: {error}")


def success_text(job: Job, wall_s: float) -> str:
    """What _SUCCESS holds: JSON, so that scripts can read counters and files."""
    counters: dict[str, dict[str, int]] = {}
    for group, name, value in job.archived_counters():
        counters.setdefault(group, {})[name] = value
    return json.dumps(
        {
            "job_id": job.id,
            "name": job.spec.name,
            "user": job.spec.user,
            "submitted_at_s": job.submitted_at_s,
            "finished_at_s": wall_s,
            "maps": len(job.tasks[TaskKind.MAP]),
            "reduces": len(job.tasks[TaskKind.REDUCE]),
            "files": [uri.rpartition("/")[2] for uri in job.output_files()],
            "counters": counters,
        },
        indent=1,
    )
