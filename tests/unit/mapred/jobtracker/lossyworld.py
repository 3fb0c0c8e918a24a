"""A whole engine in one thread: the real cores, a network that loses, repeats and delays, disks
and processes of cardboard, and crashes. Everything follows from one seed."""

import heapq
import itertools
import random
from collections.abc import Callable
from typing import Any

from mapred.errors import JobFailedError, OutputExistsError, TrackerStaleError
from mapred.jobtracker.core import JobTracker
from mapred.jobtracker.entries import needs_sync
from mapred.jobtracker.history import MemoryHistory
from mapred.jobtracker.ready import (
    CommitPart,
    Outcome,
    PrepareOutput,
    PublishOutput,
    Ready,
    RemoveOutput,
)
from mapred.jobtracker.settings import JobTrackerSettings
from mapred.model import (
    AttemptId,
    FailureKind,
    JobSpec,
    JobState,
    MapOutput,
    Split,
    TaskKind,
    TrackerInfo,
)
from mapred.task.messages import OutputLost, RunTask, TaskDone, TaskFailed, TaskProgress
from mapred.tasktracker.actions import EndTask, RemoveJob, RemoveWork, SendOutputs, StartTask
from mapred.tasktracker.core import TaskTracker

SETTINGS = JobTrackerSettings(dead_after_s=5.0, drain_s=2.0, no_tracker_timeout_s=300.0)


class Storage:
    """Directories and files by name, and a record of who published what."""

    def __init__(self) -> None:
        self.directories: set[str] = set()
        self.files: dict[str, str] = {}
        self.published: list[tuple[str, str]] = []

    def perform(self, action: Any) -> Outcome:
        match action:
            case PrepareOutput(job_id, uri):
                mark = f"{uri}/_temporary/{job_id}"
                if uri in self.directories and mark not in self.directories:
                    return Outcome(action, OutputExistsError(uri))
                self.directories |= {uri, mark}
            case CommitPart(_, source, target):
                if source in self.files:
                    assert target not in self.files, f"{target} is published a second time"
                    self.files[target] = self.files.pop(source)
                    self.published.append((source, target))
                elif target not in self.files:
                    return Outcome(action, JobFailedError(f"{source} isn't there"))
            case PublishOutput(_, uri, success):
                self.files[f"{uri}/_SUCCESS"] = success
                self._remove(f"{uri}/_temporary")
            case RemoveOutput(_, uri):
                self._remove(uri)
        return Outcome(action)

    def _remove(self, uri: str) -> None:
        self.directories = {d for d in self.directories if not (d + "/").startswith(uri + "/")}
        self.files = {f: t for f, t in self.files.items() if not f.startswith(uri + "/")}


class Machine:
    """One TaskTracker: its core, its disk, its task processes."""

    def __init__(self, world: "World", name: str) -> None:
        self.world = world
        self.name = name
        self.lives = 0
        self.alive = False
        self.start()

    def start(self) -> None:
        self.alive = True
        self.lives += 1
        info = TrackerInfo(self.name, self.lives * 1_000_000, f"host-{self.name}", 1, 2, 2)
        self.core = TaskTracker(info, (f"/{self.name}",))
        self.disk: dict[str, AttemptId] = {}
        self.tasks: dict[AttemptId, RunTask] = {}
        self.outputs: dict[AttemptId, dict[int, MapOutput]] = {}
        self.here: dict[AttemptId, set[int]] = {}
        self.silent_since = 0.0
        self._later(0.1, self.beat)

    def crash(self) -> None:
        self.alive = False

    def _later(self, seconds: float, what: Callable[[], None]) -> None:
        life = self.lives
        self.world.later(seconds, lambda: what() if self.alive and self.lives == life else None)

    # --- talking

    def beat(self) -> None:
        """Sends what there is to say; called at intervals and when there's news."""
        self.act(self.core.tick(self.world.now))
        if not self.core.in_session:
            registration = self.core.registration()
            self.world.to_master(
                lambda jt: jt.register(registration, self.world.now),
                lambda answer, inc=registration.info.incarnation: self._registered(inc, answer),
            )
        else:
            beat = self.core.heartbeat()

            def ask(jt: JobTracker) -> tuple[Any, Ready]:
                ready = jt.heartbeat(beat, self.world.now)
                return jt.reply(beat.tracker_id, beat.incarnation, beat.epoch), ready

            self.world.to_master(ask, lambda answer, inc=beat.incarnation: self._reply(inc, answer))
        self._later(self.world.rng.uniform(0.2, 1.0), self.beat)

    def _registered(self, incarnation: int, answer: Any) -> None:
        if self.alive and not isinstance(answer, Exception):
            self.core.registered(incarnation, answer)

    def _reply(self, incarnation: int, answer: Any) -> None:
        if self.alive and not isinstance(answer, Exception):
            self.act(self.core.replied(incarnation, answer, self.world.now))

    # --- tasks

    def act(self, actions: list[Any]) -> None:
        rng = self.world.rng
        for action in actions:
            match action:
                case StartTask(task):
                    self.tasks[task.attempt] = task
                    self.outputs[task.attempt] = {o.map_index: o for o in task.outputs}
                    self.here[task.attempt] = set()
                    straggles = self.world.faults and rng.random() < 0.1
                    seconds = rng.uniform(15.0, 30.0) if straggles else rng.uniform(0.05, 2.0)
                    self._later(seconds, lambda t=task: self.work(t))
                case SendOutputs(attempt, outputs):
                    if attempt in self.outputs:
                        self.outputs[attempt].update({o.map_index: o for o in outputs})
                case EndTask(attempt, _):
                    self._later(rng.uniform(0.0, 1.9), lambda a=attempt: self.gone(a))
                case RemoveWork(attempt):
                    self.disk = {p: a for p, a in self.disk.items() if a != attempt}
                case RemoveJob(job_id):
                    self.disk = {p: a for p, a in self.disk.items() if a.job_id != job_id}
        self.core.check_invariants()

    def gone(self, attempt: AttemptId) -> None:
        if self.tasks.pop(attempt, None):
            self.act(self.core.process_gone(attempt, "killed by SIGTERM", "", self.world.now))

    def work(self, task: RunTask) -> None:
        attempt = task.attempt
        if attempt not in self.tasks:
            return
        self.core.progressed(attempt, TaskProgress(self.world.rng.random(), "x"), self.world.now)
        if self.world.faults and self.world.rng.random() < 0.06:
            del self.tasks[attempt]
            kind = FailureKind.FAILED
            self.act(self.core.failed(attempt, TaskFailed(kind, "bad luck"), self.world.now))
        elif attempt.kind is TaskKind.MAP:
            path = f"{task.work_dir}/map.data"
            self.disk[path] = attempt
            self.finish(task, TaskDone({("n", "maps"): 1}, path, 7))
        elif self.fetch(task):
            part = f"part-r-{attempt.index:05d}"
            uri = f"{task.spec.output_uri}/_temporary/{attempt}/{part}"
            self.world.storage.files[uri] = "sum"
            done = TaskDone({("n", "reduces"): 1}, temporary_uri=uri, final_name=part)
            self.finish(task, done)
        else:
            self._later(0.3, lambda: self.work(task))

    def finish(self, task: RunTask, done: TaskDone) -> None:
        del self.tasks[task.attempt]
        self.act(self.core.finished(task.attempt, done, self.world.now))

    def fetch(self, task: RunTask) -> bool:
        """Whether everything is here; complains of what can't be had."""
        attempt = task.attempt
        for index, output in list(self.outputs[attempt].items()):
            if index in self.here[attempt]:
                continue
            source = self.world.machines[output.tracker_id]
            if source.alive and output.path in source.disk and not self.world.broken(self, source):
                self.here[attempt].add(index)
            else:
                del self.outputs[attempt][index]
                lost = OutputLost(index, output.attempt_number, "not there")
                self.core.output_lost(attempt, lost, self.world.now)
        return len(self.here[attempt]) == task.maps


class World:
    """Time, network, the JobTracker and its journal."""

    def __init__(self, seed: int, machines: int = 3) -> None:
        self.rng = random.Random(seed)
        self.now = 100.0
        self.faults = True
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._ticket = itertools.count()
        self.storage = Storage()
        self.history = MemoryHistory()
        self.master: JobTracker | None = None
        self.master_lives = 0
        self.start_master()
        self.machines: dict[str, Machine] = {}
        for number in range(machines):
            self.machines[f"t{number}"] = Machine(self, f"t{number}")
        self.jobs: dict[str, str] = {}

    # --- time

    def later(self, seconds: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + seconds, next(self._ticket), what))

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        end = self.now + seconds
        while self._events and self._events[0][0] <= end and not until():
            self.now, _, what = heapq.heappop(self._events)
            what()
            if self.master is not None:
                self.master.check_invariants()

    # --- the master

    def start_master(self) -> None:
        self.master = JobTracker(SETTINGS)
        self.master_lives += 1
        self.master.replay(self.history.load())
        ready = self.master.begin(self.now, 1e9 + self.now)
        self.history.begin(self.master.snapshot())
        self.take(Ready((), ready.actions))
        self._tick(self.master_lives)

    def crash_master(self) -> None:
        self.master = None
        self.history.crash()

    def _tick(self, life: int) -> None:
        if self.master is not None and self.master_lives == life:
            self.take(self.master.tick(self.now))
            self.later(0.25, lambda: self._tick(life))

    def take(self, ready: Ready) -> None:
        self.history.append(ready.entries)
        # The shell syncs before it tells anybody, what has to be: here nothing comes in between.
        if any(needs_sync(entry) for entry in ready.entries):
            self.history.sync()
        for action in ready.actions:
            life = self.master_lives
            self.later(self.rng.uniform(0.01, 0.3), lambda a=action, n=life: self._perform(a, n))

    def _perform(self, action: Any, life: int) -> None:
        if self.master is None or self.master_lives != life:
            return
        outcome = self.storage.perform(action)
        if self.faults and self.rng.random() < 0.05:
            # It was done, and the JobTracker dies before it hears of it.
            self.crash_master()
            self.later(1.0, self.start_master)
            return
        self.take(self.master.performed(outcome, self.now))

    def broken(self, one: Machine, other: Machine) -> bool:
        return self.faults and one is not other and self.rng.random() < 0.1

    def to_master(
        self, ask: Callable[[JobTracker], tuple[Any, Ready]], answer: Callable[[Any], None]
    ) -> None:
        """One call over the network: perhaps lost, perhaps twice, the answer perhaps lost."""
        copies = 1
        if self.faults:
            copies = self.rng.choices([0, 1, 2], [10, 80, 10])[0]
        for _ in range(copies):
            self.later(self._delay(), lambda: self._arrive(ask, answer))

    def _delay(self) -> float:
        slow = self.faults and self.rng.random() < 0.05
        return self.rng.uniform(0.001, 0.02) if not slow else self.rng.uniform(0.5, 8.0)

    def _arrive(
        self, ask: Callable[[JobTracker], tuple[Any, Ready]], answer: Callable[[Any], None]
    ) -> None:
        if self.master is None:
            return
        try:
            result, ready = ask(self.master)
        except TrackerStaleError as error:
            result, ready = error, Ready()
        self.take(ready)
        if not self.faults or self.rng.random() > 0.1:
            self.later(self._delay(), lambda: answer(result))

    # --- jobs

    def submit(self, maps: int, reduces: int, name: str) -> None:
        if self.master is None:
            self.later(0.5, lambda: self.submit(maps, reduces, name))
            return
        hosts = list(self.machines)
        splits = tuple(
            Split("file:///in", i, 1, (f"host-{self.rng.choice(hosts)}",)) for i in range(maps)
        )
        spec = JobSpec(
            name, "me", "", "", "m", "J", splits, reduces, f"file:///out/{name}", attempts_max=12
        )
        job_id, ready = self.master.submit(spec, f"request-{name}", self.now)
        self.jobs[name] = job_id
        self.take(ready)

    def done(self) -> bool:
        master = self.master
        return master is not None and all(
            master.status(job_id)[0].state.ended for job_id in self.jobs.values()
        )

    def states(self) -> dict[str, JobState]:
        assert self.master is not None
        return {n: self.master.status(j)[0].state for n, j in self.jobs.items()}
