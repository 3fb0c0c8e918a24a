"""A job: its tasks, and what follows from their attempts.

    PREPARING   the output directory is being made
    RUNNING     tasks run
    ENDING      the verdict is in; attempts are drained, then the output published or removed
    ENDED       only the status is left (`EndedJob`)

Everything here changes by `apply(entry)`, live and at replay, except what is marked as not
journaled. Counters are those of winning attempts: a map output that gets lost takes its
counters along, and its successor brings them again.
"""

from collections import Counter
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from mapred.engine import TRANSIENT_OUTPUT
from mapred.inlinefiles import is_inline
from mapred.jobtracker.attempts import Attempt, Event, State, Task
from mapred.jobtracker.causes import ranked
from mapred.jobtracker.durations import Durations
from mapred.jobtracker.entries import (
    AttemptLaunched,
    AttemptMoved,
    Entry,
    JobEnding,
    JobSubmitted,
    OutputPrepared,
    PriorityChanged,
    counter_list,
)
from mapred.jobtracker.fetchreports import FetchReports
from mapred.jobtracker.fitness import wants_of
from mapred.jobtracker.home import Home
from mapred.jobtracker.joboutputs import JobOutputs
from mapred.jobtracker.patience import Patience
from mapred.jobtracker.pending import PendingTasks
from mapred.jobtracker.taskstories import story_of
from mapred.levels import levels_in
from mapred.model import (
    AttemptId,
    Failure,
    FailureKind,
    JobState,
    JobStatus,
    TaskId,
    TaskKind,
)

# Numbers of attempts of one task begin at this for each further life of the JobTracker: a
# launch that the last life sent out but had not yet made durable never shares its number.
NUMBERS_PER_EPOCH: Final = 1000
# Attempts of a task, over all lives: so no life runs out of numbers. Whose attempts are lost or
# killed so often never ends.
ATTEMPTS_EVER_MAX: Final = 900
# How often a map's output may be made and then not be had by any reduce, its node being alive.
OUTPUTS_UNFETCHABLE_MAX: Final = 8
# Failures of a job on a tracker that keep it away from there (Hadoop's default).
FAILURES_TO_AVOID_TRACKER: Final = 3
# What a job is done with when they are done.
FINITE: Final = (TaskKind.MAP, TaskKind.REDUCE)


class Phase(Enum):
    PREPARING = "preparing"
    RUNNING = "running"
    ENDING = "ending"


@dataclass(slots=True)
class EndedJob:
    """What is kept of a job that is over."""

    status: JobStatus
    request_id: str
    version: int


class Job:
    """A job that is not over."""

    def __init__(self, entry: JobSubmitted, *, age: int = 0) -> None:
        self.id = entry.job_id
        # Rises from job to job.
        self.age = age
        self.spec = entry.spec
        # What goes out with launches.
        self.launch_spec = replace(entry.spec, splits=())
        # Of a tracker: jobs that want the same can use the same ones.
        self.wants = wants_of(entry.spec)
        self.request_id = entry.request_id
        self.submitted_at_s = entry.at_s
        self.priority = entry.spec.priority
        # Of its priority, in its pool.
        self.weight = self.priority.weight
        self._first_epoch = entry.epoch
        self.phase = Phase.PREPARING
        self.verdict: JobState | None = None
        self.verdict_failures: tuple[Failure, ...] = ()
        self.tasks = {
            TaskKind.MAP: [Task(TaskId(self.id, "m", i)) for i in range(len(entry.spec.splits))],
            TaskKind.REDUCE: [Task(TaskId(self.id, "r", i)) for i in range(entry.spec.reducers)],
            TaskKind.SERVICE: [Task(TaskId(self.id, "s", i)) for i in range(entry.spec.services)],
        }
        self.pending = {
            TaskKind.MAP: PendingTasks(len(entry.spec.splits), entry.spec.splits),
            TaskKind.REDUCE: PendingTasks(entry.spec.reducers),
            TaskKind.SERVICE: PendingTasks(entry.spec.services),
        }
        self.done = dict.fromkeys(TaskKind, 0)
        self.levels = levels_in(entry.spec.settings, len(entry.spec.splits))
        # Of the maps, by level.
        self.done_in = [0] * len(self.levels)
        self._open_levels()
        self.live: dict[AttemptId, Attempt] = {}
        # The slots that they take, by kind.
        self.live_of = dict.fromkeys(TaskKind, 0)
        # Where reduces are, and how many.
        self.reducing_on: Counter[str] = Counter()
        # Wherever an attempt was ever launched.
        self.trackers: set[str] = set()
        # Outputs of won maps, for the reduces; and who holds them.
        self.outputs = JobOutputs()
        self.outputs_on: dict[str, set[int]] = {}
        self.counters: Counter[tuple[str, str]] = Counter()
        self.failures: list[Failure] = []
        self._exhausted: Failure | None = None
        # Whose failure ends the job.
        self._undone: TaskId | None = None
        self.failures_on: Counter[str] = Counter()
        # Trackers that it is kept away from, if there are others.
        self.avoids: set[str] = set()
        # Those that lack what it needs, with the reason: they get none of it, whatever else.
        self.unfit: dict[str, Failure] = {}
        self.ended_attempts: Counter[State] = Counter()
        # All entries so far: a later epoch begins with them.
        self.entries: list[Entry] = [entry]
        self.kinds = tuple(kind for kind in TaskKind if self.tasks[kind])
        # Not journaled.
        self.version = 0
        self.fetch_reports = FetchReports()
        self.ending_since: float | None = None
        self.patience = Patience()
        self.home = Home(entry.spec)
        # Since when no tracker that was asked has had the memory for a task, or the slots.
        self.cramped_since: dict[TaskKind, float] = {}
        self.crowded_since: dict[TaskKind, float] = {}
        self.durations = {kind: Durations() for kind in TaskKind}
        self.waiting_for = ""

    def __repr__(self) -> str:
        maps, reduces = (f"{self.done[k]}/{len(self.tasks[k])}" for k in FINITE)
        return f"Job({self.id} {self.phase.value}, maps {maps}, reduces {reduces})"

    # --- questions

    def task(self, task_id: TaskId) -> Task | None:
        tasks = self.tasks[task_id.kind]
        return tasks[task_id.index] if task_id.index < len(tasks) else None

    def attempt(self, attempt_id: AttemptId) -> Attempt | None:
        task = self.task(attempt_id.task)
        return task.attempts.get(attempt_id.number) if task else None

    @property
    def transient(self) -> bool:
        """Whether who submitted it reads its output at once and removes it."""
        return TRANSIENT_OUTPUT in self.spec.settings

    @property
    def complete(self) -> bool:
        """Services go on for nobody then; a job of services alone has no end of its own."""
        if not self.tasks[TaskKind.MAP] and not self.tasks[TaskKind.REDUCE]:
            return not self.tasks[TaskKind.SERVICE]
        return all(self.done[kind] == len(self.tasks[kind]) for kind in FINITE)

    def reduces_may_start(self) -> bool:
        *before, last = self.levels.sizes
        if before and self.done_in[:-1] != before:
            return False
        return self.done_in[-1] >= min(self.spec.slowstart, 1.0) * last

    def _open_levels(self) -> None:
        """A level begins when all of the one before is there."""
        if len(self.levels) > 1:
            whole = [
                done == size for done, size in zip(self.done_in, self.levels.sizes, strict=True)
            ]
            level = (*whole, False).index(False)
            last = min(level, len(self.levels) - 1)
            self.pending[TaskKind.MAP].open_below = self.levels.maps(last).stop

    @property
    def maps_lack_memory(self) -> bool:
        return bool(self.pending[TaskKind.MAP]) and TaskKind.MAP in self.cramped_since

    def room_lacking_since(self, kind: TaskKind) -> float | None:
        """Room of either sort."""
        found = (self.cramped_since.get(kind), self.crowded_since.get(kind))
        return min((since for since in found if since is not None), default=None)

    def slots_of(self, kind: TaskKind) -> int:
        """That its attempts take."""
        return self.live_of[kind]

    def running_of(self, kind: TaskKind) -> int:
        """Attempts."""
        return self.live_of[kind] // self.spec.task_cpus

    def next_number(self, task: Task, epoch: int) -> int:
        first = (epoch - self._first_epoch) * NUMBERS_PER_EPOCH
        return max(first, max(task.attempts, default=-1) + 1)

    @property
    def decisive_failure(self) -> Failure | None:
        """What ends the job: a fatal failure, or the last one of a task without tries left."""
        for failure in self.failures:
            if failure.kind is FailureKind.FATAL:
                return failure
        return self._exhausted

    # --- changes

    def apply(self, entry: Entry) -> None:
        match entry:
            case OutputPrepared():
                self.phase = Phase.RUNNING
            case PriorityChanged():
                self.priority, self.weight = entry.priority, entry.priority.weight
            case AttemptLaunched():
                self._launched(entry)
            case AttemptMoved():
                self._moved(entry)
            case JobEnding():
                self.phase = Phase.ENDING
                self.verdict = entry.verdict
                self.verdict_failures = entry.failures
            case _:
                raise AssertionError(f"{entry} is not about a running job")
        self.entries.append(entry)
        self.version += 1

    def _launched(self, entry: AttemptLaunched) -> None:
        attempt = Attempt(entry.attempt, entry.tracker_id, entry.host)
        self.tasks[entry.attempt.kind][entry.attempt.index].launch(attempt)
        self.pending[entry.attempt.kind].remove(entry.attempt.index)
        self.live[entry.attempt] = attempt
        self.live_of[entry.attempt.kind] += self.spec.task_cpus
        if entry.attempt.kind is TaskKind.REDUCE:
            self.reducing_on[entry.tracker_id] += 1
        self.trackers.add(entry.tracker_id)

    def _moved(self, entry: AttemptMoved) -> None:
        kind, index = entry.attempt.kind, entry.attempt.index
        task = self.tasks[kind][index]
        attempt = task.attempts[entry.attempt.number]
        won_before = task.winner
        task.apply(entry.attempt.number, entry.event, entry.failure)
        match entry.event:
            case Event.OUTPUT_MADE:
                attempt.counters = {(g, n): v for g, n, v in entry.counters}
                attempt.output = entry.output
            case Event.PART_WRITTEN:
                attempt.counters = {(g, n): v for g, n, v in entry.counters}
                attempt.temporary_uri, attempt.final_name = entry.temporary_uri, entry.final_name
                attempt.output, attempt.further = entry.output, entry.further
            case Event.FAILED if entry.failure is not None:
                self.failures.append(entry.failure)
                if not entry.failure.peak_bytes:
                    # Who takes too much memory does so anywhere: that's no failure of a tracker.
                    self.failures_on[attempt.tracker_id] += 1
                if entry.failure.kind is FailureKind.FATAL:
                    self._undone = self._undone or task.id
                if self.failures_on[attempt.tracker_id] >= FAILURES_TO_AVOID_TRACKER:
                    self.avoids.add(attempt.tracker_id)
                if task.failures >= self.spec.attempts_max:
                    self._exhausted, self._undone = entry.failure, self._undone or task.id
            case Event.KILLED if entry.failure and entry.failure.kind is FailureKind.UNFIT:
                self.unfit[attempt.tracker_id] = entry.failure
                self.avoids.add(attempt.tracker_id)
            case Event.OUTPUT_LOST if entry.failure is not None:
                if task.outputs_unfetchable >= OUTPUTS_UNFETCHABLE_MAX:
                    self.failures.append(entry.failure)
                    self._exhausted, self._undone = entry.failure, self._undone or task.id
            case _:
                pass
        if not attempt.live and self.live.pop(attempt.id, None) is not None:
            self.live_of[kind] -= self.spec.task_cpus
            if kind is TaskKind.REDUCE:
                self.reducing_on -= Counter((attempt.tracker_id,))
            self.ended_attempts[attempt.state] += 1
        if task.winner is not won_before:
            self._lost_win(kind, won_before) if won_before else self._won(kind, task.winner)
        pending = self.pending[kind]
        if not task.done and not task.live_attempts:
            if len(task.attempts) >= ATTEMPTS_EVER_MAX:
                last = entry.failure.reason if entry.failure else entry.event.value
                reason = f"{task.id} was begun {len(task.attempts)} times; at last: {last}"
                self._exhausted = Failure(FailureKind.FAILED, reason, host=attempt.host)
                self._undone = self._undone or task.id
                self.failures.append(self._exhausted)
            if index not in pending:
                pending.put_back(index)
        else:
            pending.remove(index)

    def _won(self, kind: TaskKind, winner: Attempt | None) -> None:
        assert winner is not None
        self._count_done(winner.id, 1)
        self.counters.update(winner.counters)
        if winner.output is not None:
            self.outputs.add(winner.output)
            self.outputs_on.setdefault(winner.tracker_id, set()).add(winner.id.index)

    def _count_done(self, attempt: AttemptId, one: int) -> None:
        self.done[attempt.kind] += one
        if attempt.kind is TaskKind.MAP:
            self.done_in[self.levels.of(attempt.index)] += one
            self._open_levels()

    def _lost_win(self, kind: TaskKind, loser: Attempt) -> None:
        self._count_done(loser.id, -1)
        self.counters.subtract(loser.counters)
        self.outputs.lose(loser.id.index)
        self.outputs_on[loser.tracker_id].discard(loser.id.index)

    # --- what clients see

    def progress(self, kind: TaskKind) -> float:
        count = len(self.tasks[kind])
        if count == 0:
            return 1.0 if self.phase is not Phase.PREPARING else 0.0
        fractions: dict[int, float] = {}
        for attempt_id, attempt in self.live.items():
            if attempt_id.kind is kind:
                best = max(fractions.get(attempt_id.index, 0.0), attempt.fraction)
                fractions[attempt_id.index] = best
        running = sum(
            fraction for index, fraction in fractions.items() if not self.tasks[kind][index].done
        )
        return min(1.0, (self.done[kind] + running) / count)

    def output_files(self) -> tuple[str, ...]:
        """URIs of the parts that have their final names, maps before reduces; of small ones of
        transient output the name is the file."""
        root = self.spec.output_uri.rstrip("/")
        names = [
            task.winner.final_name
            for kind in TaskKind
            for task in self.tasks[kind]
            if task.winner is not None and task.winner.final_name
        ]
        return tuple(name if is_inline(name) else f"{root}/{name}" for name in names)

    def status(
        self, state: JobState, *, finished_at_s: float = 0.0, failures: tuple[Failure, ...] = ()
    ) -> JobStatus:
        return JobStatus(
            job_id=self.id,
            name=self.spec.name,
            user=self.spec.user,
            state=state,
            map_progress=self.progress(TaskKind.MAP),
            reduce_progress=self.progress(TaskKind.REDUCE),
            maps=len(self.tasks[TaskKind.MAP]),
            maps_done=self.done[TaskKind.MAP],
            reduces=len(self.tasks[TaskKind.REDUCE]),
            reduces_done=self.done[TaskKind.REDUCE],
            submitted_at_s=self.submitted_at_s,
            finished_at_s=finished_at_s,
            output_uri=self.spec.output_uri,
            failures=failures,
            counters={key: value for key, value in self.counters.items() if value},
            output_files=self.output_files() if state is JobState.SUCCEEDED else (),
            attempts_failed=self.ended_attempts[State.FAILED],
            attempts_killed=self.ended_attempts[State.KILLED],
            attempts_running=len(self.live),
            waiting_for=self.waiting_for,
            pool=self.spec.pool,
            priority=self.priority,
        )

    def visible_state(self) -> JobState:
        """A failed or killed job shows as running until its output has been removed."""
        publishing = self.phase is Phase.ENDING and self.verdict is JobState.SUCCEEDED
        return JobState.COMMITTING if publishing else JobState.RUNNING

    def ranked_failures(self) -> tuple[Failure, ...]:
        """Most probable cause first."""
        return ranked(self.failures, self.decisive_failure)

    def verdict_on_failure(self) -> tuple[Failure, ...]:
        """With the story of the task that ended the job."""
        first, *others = self.ranked_failures()
        story = story_of(self.entries, self._undone) if self._undone else ()
        return (replace(first, story=story), *others)

    def archived_counters(self) -> tuple[tuple[str, str, int], ...]:
        return counter_list({key: value for key, value in self.counters.items() if value})
