"""What must be true of jobs after every step, whatever was lost, late or killed.

Rules
- An attempt is launched once. At most one attempt of a task ever commits, over all lives of the
  JobTracker. Nothing follows a job's end.
- A job that was accepted is known until it ends. It succeeds only when every part is committed;
  then every part stands in its directory with the content that its task makes, and counters
  are those of exactly one attempt of each task.
- It fails only when a task has used up its attempts by failures that count, or storage refuses;
  what a lost or killed attempt did never counts.
- What is done isn't run again, also after a restart: a map only when its output was lost while
  some task still needed it.
- After a restart the JobTracker's book is what its history's entries make.
"""

from collections import Counter

from mapred.jobtracker.attempts import Event, Task
from mapred.jobtracker.book import Book
from mapred.jobtracker.entries import (
    AttemptLaunched,
    AttemptMoved,
    Entry,
    EpochBegan,
    JobEnded,
    JobEnding,
    JobForgotten,
)
from mapred.jobtracker.jobs import Phase
from mapred.model import AttemptId, FailureKind, JobSpec, JobState, JobStatus, TaskId, TaskKind
from mapred.storage.uris import path_of
from simulator import plans
from simulator.jobtracker_host import JobTrackerHost
from simulator.launchchecker import LaunchChecker
from simulator.outlets import Outlet
from simulator.plans import Plan
from simulator.tasktracker_host import TaskTrackerHost
from simulator.world import Broken, World


class JobChecker:
    """Called after every step; remembers all that was journaled."""

    def __init__(
        self,
        world: World,
        jobtracker: JobTrackerHost,
        trackers: list[TaskTrackerHost],
        outlet: Outlet,
    ) -> None:
        self._world = world
        self._jobtracker = jobtracker
        self._hosts: list[JobTrackerHost | TaskTrackerHost] = [jobtracker, *trackers]
        self._outlet = outlet
        self._shadow = Book()
        self._launches = LaunchChecker(world, jobtracker.written)
        jobtracker.on_launch = self._launches.launched
        jobtracker.on_recovered = self.recovered
        self._followed = 0
        self._launched: set[AttemptId] = set()
        self._committed: dict[TaskId, AttemptId] = {}
        self._failed: Counter[TaskId] = Counter()
        # Failures of no task process: commits, outputs out of reach, waiting for the store.
        self._excused: Counter[TaskId] = Counter()
        self._fatal: set[str] = set()
        self._over: dict[str, JobState] = {}
        self._accepted: dict[str, Plan] = {}

    def check(self) -> None:
        for host in self._hosts:
            if host.calls != host.checked and host.core is not None:
                host.checked = host.calls
                host.core.check_invariants()
        if self._followed < self._jobtracker.durable:
            self._follow(self._jobtracker.durable)

    # --- the history

    def recovered(self, book: Book) -> int:
        """A new life has replayed: returns how many of all entries it has."""
        self._launches.forget()
        wanted = book.snapshot()
        written = self._jobtracker.written
        while self._shadow.snapshot() != wanted:
            if self._followed >= len(written):
                raise Broken(
                    f"the history came back as\n{wanted}\ninstead of\n{self._shadow.snapshot()}"
                )
            self._follow(self._followed + 1)
        if self._followed < len(written):
            self._world.count("history entries lost unsynced")
        return self._followed

    def _follow(self, position: int) -> None:
        written = self._jobtracker.written
        while self._followed < position:
            entry = written[self._followed]
            self._followed += 1
            self._look(entry)
            self._shadow.apply(entry)

    def _look(self, entry: Entry) -> None:
        match entry:
            case EpochBegan():
                self._must(entry.epoch > self._shadow.epoch, f"{entry} after {self._shadow.epoch}")
            case AttemptLaunched():
                self._must(entry.attempt not in self._launched, f"{entry} for the second time")
                self._launched.add(entry.attempt)
                self._count_rivals(entry)
                self._not_over(entry.attempt.job_id, entry)
                self._must(not self._task(entry.attempt).done, f"{entry}, and its task is done")
            case AttemptMoved():
                self._not_over(entry.attempt.job_id, entry)
                self._moved(entry)
            case JobEnding():
                self._not_over(entry.job_id, entry)
                if entry.verdict is JobState.SUCCEEDED:
                    self._all_committed(entry.job_id)
            case JobEnded():
                self._not_over(entry.job_id, entry)
                self._over[entry.job_id] = entry.state
                if entry.state is JobState.SUCCEEDED:
                    self._all_committed(entry.job_id)
            case JobForgotten():
                self._must(
                    entry.job_id not in self._accepted or entry.job_id in self._over,
                    f"{entry}: it was accepted and has not ended",
                )
            case _:
                pass

    def _moved(self, entry: AttemptMoved) -> None:
        task = entry.attempt.task
        if entry.event in (Event.PART_WRITTEN, Event.COMMITTED):
            first = self._committed.get(task)
            self._must(
                first is None, f"{entry.attempt} {entry.event.value}, but {first} has committed"
            )
        if entry.event is Event.COMMITTED:
            self._committed[task] = entry.attempt
        if entry.event is Event.FAILED:
            self._failed[task] += 1
            self._blame(entry)
        if entry.event is Event.OUTPUT_LOST:
            self._world.count("map output lost", entry.attempt)
            self._must(self._needs(entry.attempt), f"{entry}, and nothing needs it")
            if entry.failure is not None and entry.failure.kind is FailureKind.FAILED:
                self._world.figures["map output condemned by reduces"] += 1
        if entry.event is Event.OUTPUT_FOUND:
            self._world.count("map output found again", entry.attempt)
        if entry.event is Event.NODE_LOST:
            self._world.count("attempt lost with its tracker", entry.attempt)

    def _task(self, attempt: AttemptId) -> Task:
        return self._shadow.jobs[attempt.job_id].tasks[attempt.kind][attempt.index]

    def _needs(self, attempt: AttemptId) -> bool:
        """Whether a task that fetches from this map may still do so."""
        job = self._shadow.jobs[attempt.job_id]
        return job.phase is Phase.RUNNING and any(
            attempt.index in job.levels.feeding(kind, task.id.index)
            and not (task.done or task.committing)
            for kind in (TaskKind.MAP, TaskKind.REDUCE)
            for task in job.tasks[kind]
        )

    def _blame(self, entry: AttemptMoved) -> None:
        if entry.failure is None:
            return
        if entry.failure.kind is FailureKind.FATAL:
            self._fatal.add(entry.attempt.job_id)
        reason = entry.failure.reason
        if reason.startswith(("commit:", "this reduce alone")) or ": no progress" in reason:
            self._excused[entry.attempt.task] += 1

    def _count_rivals(self, entry: AttemptLaunched) -> None:
        task = self._shadow.jobs[entry.attempt.job_id].task(entry.attempt.task)
        if task is not None and task.live_attempts:
            self._world.count("second attempt of a slow task", entry.attempt)

    def _not_over(self, job_id: str, entry: Entry) -> None:
        self._must(job_id not in self._over, f"{entry} after the end of {job_id}")

    def _all_committed(self, job_id: str) -> None:
        job = self._shadow.jobs[job_id]
        kind = TaskKind.REDUCE if job.spec.reducers else TaskKind.MAP
        for task in job.tasks[kind]:
            self._must(task.id in self._committed, f"{job_id} succeeds without {task}")

    # --- what users see

    def accepted(self, job_id: str, plan: Plan) -> None:
        self._accepted[job_id] = plan

    def refused(self, spec: JobSpec, why: object = "") -> None:
        """Every simulated job has an output of its own: there is nothing to refuse it for."""
        raise Broken(f"{spec.name} was refused: {why}")

    def ended(self, job_id: str, status: JobStatus, plan: Plan) -> None:
        state = status.state
        self._check_blame(job_id, plan)
        self._must(
            self._over.get(job_id) is state,
            f"{job_id} is shown as {state.value}; the history has {self._over.get(job_id)}",
        )
        if state is JobState.SUCCEEDED:
            self._check_success(job_id, status, plan.spec)
        if state is JobState.FAILED:
            self._check_failure(job_id, status, plan)

    def _check_blame(self, job_id: str, plan: Plan) -> None:
        """What was lost or killed never counts as a failure."""
        for task, failed in self._failed.items():
            if task.job_id == job_id:
                deserved = plan.failures.get(task, 0) + self._excused[task]
                self._must(
                    failed <= deserved,
                    f"{task} is said to have failed {failed} times, {deserved} attempts did",
                )

    def _check_success(self, job_id: str, status: JobStatus, spec: JobSpec) -> None:
        expected: Counter[tuple[str, str]] = Counter()
        for kind, count in ((TaskKind.MAP, len(spec.splits)), (TaskKind.REDUCE, spec.reducers)):
            for index in range(count):
                expected.update(plans.counters(TaskId(job_id, kind.value, index).attempt(0)))
        self._must(
            dict(status.counters) == dict(expected),
            f"{job_id} counted {dict(status.counters)} instead of {dict(expected)}",
        )
        root = path_of(spec.output_uri)
        parts = parts_of(spec)
        names = tuple(f"{spec.output_uri}/{name}" for name in parts)
        self._must(status.output_files == names, f"{job_id}: {status.output_files} for {names}")
        for name, content in parts.items():
            self._stands(f"{root}/{name}", content)
        self._stands(f"{root}/_SUCCESS", None)

    def _stands(self, path: str, content: bytes | None) -> None:
        """It's there, whole, and stays there from now on."""
        trouble = self._outlet.trouble(path, content)
        self._must(not trouble, trouble)

    def _check_failure(self, job_id: str, status: JobStatus, plan: Plan) -> None:
        exhausted = [
            task
            for task, failed in self._failed.items()
            if task.job_id == job_id and failed >= plan.spec.attempts_max
        ]
        reasons = [failure.reason for failure in status.failures]
        excused = any(
            reason.startswith("output ") or "no TaskTracker" in reason for reason in reasons
        )
        self._must(
            bool(exhausted) or job_id in self._fatal or excused,
            f"{job_id} failed, and no task has failed {plan.spec.attempts_max} times: {reasons}",
        )

    def _must(self, true: bool, message: str) -> None:
        if not true:
            raise Broken(f"at {self._world.now:.3f} s: {message}")


def parts_of(spec: JobSpec) -> dict[str, bytes]:
    """Names and contents of what a successful job leaves."""
    if not spec.reducers:
        return {f"part-m-{i:05d}": plans.map_part(spec.name, i) for i in range(len(spec.splits))}
    return {
        f"part-r-{i:05d}": plans.reduce_part(plans.fed_to(spec, TaskKind.REDUCE, i))
        for i in range(spec.reducers)
    }
