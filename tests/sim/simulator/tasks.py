"""One simulated task process: takes its time, fails as planned, fetches, writes its part."""

from typing import TYPE_CHECKING, Any

from blockstore.errors import StoreError, UnreachableException
from mapred.errors import JobKilledError, MapredError
from mapred.levels import feeding, levels_in
from mapred.model import FailureKind, MapOutput, RecordAt, TaskKind
from mapred.storage.uris import path_of
from mapred.task.messages import OutputLost, RunTask, TaskDone, TaskFailed
from simulator import plans
from simulator.client import GaveUp
from simulator.world import Future, Life

if TYPE_CHECKING:
    from simulator.tasktracker_host import TaskTrackerHost

STEPS = 3
FETCH_TRIES = 2


class _Failed(Exception):
    def __init__(self, kind: FailureKind, reason: str, disk_error: str = "") -> None:
        super().__init__(reason)
        self.kind = kind
        self.disk_error = disk_error


class _Died(Exception):
    """The process is gone without a word, perhaps in a record that is known."""

    def __init__(self, record: RecordAt | None = None) -> None:
        super().__init__()
        self.record = record


class SimulatedTask:
    """Runs on a tracker until it ends, or is ended."""

    def __init__(self, host: "TaskTrackerHost", task: RunTask, life: Life) -> None:
        self._host = host
        self._world = host.world
        self._task = task
        self._attempt = task.attempt
        self._plan = host.plans.of(task.spec)
        self._feeding = feeding(task.spec.settings, task.attempt, task.maps)
        self.cpus = task.spec.task_cpus
        self._life = life
        self._rng = host.rng
        # Reduces: the outputs known now, by map; and a bell for further ones.
        self._known: dict[int, MapOutput] = {o.map_index: o for o in task.outputs}
        self._bell: Future[None] = Future()
        # Complained of, and not announced again since.
        self._refused: set[int] = set()

    def more_outputs(self, outputs: tuple[MapOutput, ...]) -> None:
        for output in outputs:
            self._known[output.map_index] = output
            self._refused.discard(output.map_index)
        self._bell.set(None)

    async def run(self) -> None:
        host, attempt = self._host, self._attempt
        try:
            done, output = await self._work()
        except _Died as death:
            self._count_failure()
            host.gone(attempt, "exit code 139", death.record)
        except _Failed as failure:
            self._count_failure()
            self._world.count(f"attempt failed: {failure.kind.value}", attempt)
            host.failed(
                attempt,
                TaskFailed(
                    failure.kind, str(failure), "Traceback …", disk_error=failure.disk_error
                ),
            )
        except (StoreError, GaveUp) as error:
            self._count_failure()
            self._world.count("attempt failed: storage", attempt, error)
            host.failed(attempt, TaskFailed(FailureKind.FAILED, str(error)))
        else:
            self._world.figures[f"attempt done: {attempt.kind.value}"] += 1
            host.finished(attempt, done, output)
        # Its process lives on, idle; here it is gone, with its leases.
        self._world.soon(self._life.end)

    def _count_failure(self) -> None:
        failures = self._plan.failures
        failures[self._attempt.task] = failures.get(self._attempt.task, 0) + 1

    async def _work(self) -> tuple[TaskDone, tuple[bytes, ...]]:
        attempt, spec = self._attempt, self._task.spec
        if attempt.kind is TaskKind.SERVICE:
            await self._serve()
        await self._fetch_all()
        await self._compute()
        counters = plans.counters(attempt)
        fed = b"".join(self._fetched[m] for m in self._feeding)
        if attempt.kind is TaskKind.MAP and spec.reducers:
            output = plans.map_output(spec, attempt.index, fed)
            path = f"{self._task.work_dir}/file.out"
            return TaskDone(counters, output_path=path, output_bytes=10), output
        if attempt.kind is TaskKind.MAP:
            content = plans.map_part(spec.name, attempt.index)
        else:
            content = plans.reduce_part(fed)
        final_name = f"part-{attempt.kind.value}-{attempt.index:05d}"
        uri = f"{spec.output_uri}/_temporary/{attempt}/{final_name}"
        await self._write(path_of(uri), content)
        return TaskDone(counters, temporary_uri=uri, final_name=final_name), ()

    async def _compute(self) -> None:
        plan, rng = self._plan, self._rng
        if self._host.name in plan.unfit:
            self._world.count("tracker lacks what a job needs", self._attempt)
            raise _Failed(FailureKind.UNFIT, "it needs a package that isn't here")
        fate = rng.random()
        for step in range(STEPS):
            seconds = plan.seconds * self._host.slowness * rng.uniform(0.3, 2.0) / STEPS
            await self._world.sleep(seconds)
            self._host.progressed(self._attempt, (step + 1) / (STEPS + 1), self._phase)
            used_bytes = plans.uses_bytes(plan, self._attempt.task)
            if step == 0 and self._host.is_too_large(self._attempt, used_bytes):
                self._world.count("task too large", self._attempt)
                self._count_failure()
        self._meet_deadly_records()
        if rng.random() < self._host.sickness:
            raise _Failed(FailureKind.FAILED, "this machine is broken")
        if rng.random() < plan.fills:
            self._world.count("disk full", self._attempt)
            raise _Failed(FailureKind.FAILED, "disk", disk_error="No space left on device")
        if plan.poisoned == (self._attempt.kind.value, self._attempt.index):
            raise _Failed(plan.poison, "poisoned")
        if fate < plan.fails:
            raise _Failed(FailureKind.FAILED, "user code raised")
        fate -= plan.fails
        if fate < plan.dies:
            self._world.count("task process died", self._attempt)
            raise _Died
        if fate - plan.dies < plan.hangs:
            self._world.count("task hangs", self._attempt)
            self._count_failure()
            await Future()

    def _meet_deadly_records(self) -> None:
        if (self._attempt.kind, self._attempt.index) != (TaskKind.MAP, 0):
            return
        left_out = self._task.careful
        deadly = [record for record in self._plan.deadly if record not in (left_out or ())]
        if deadly:
            self._world.count("record kills its process", self._attempt, *deadly)
            raise _Died(None if left_out is None else deadly[0])

    async def _serve(self) -> None:
        """Until its job is over, or it dies."""
        self._world.count("service begins", self._attempt)
        if self._rng.random() < self._plan.fails:
            await self._world.sleep(self._rng.uniform(0.1, 5.0))
            raise _Died
        await Future()

    @property
    def _phase(self) -> str:
        return "map" if self._attempt.kind is TaskKind.MAP else "reduce"

    # --- the shuffle

    async def _fetch_all(self) -> None:
        self._fetched: dict[int, bytes] = {}
        while len(self._fetched) < len(self._feeding):
            ready = [
                output
                for index, output in sorted(self._known.items())
                if index in self._feeding
                and index not in self._fetched
                and index not in self._refused
            ]
            if not ready:
                self._bell = Future()
                await self._bell
                continue
            output = self._rng.choice(ready)
            try:
                self._fetched[output.map_index] = await self._fetch(output)
            except (UnreachableException, MapredError) as error:
                self._refused.add(output.map_index)
                self._world.count("fetch failed", self._attempt, output.map_index)
                self._host.output_lost(
                    self._attempt, OutputLost(output.map_index, output.attempt_number, str(error))
                )

    async def _fetch(self, output: MapOutput) -> bytes:
        attempt, spec = self._attempt, self._task.spec
        part = levels_in(spec.settings, self._task.maps).partition(attempt.kind, attempt.index)
        arguments: tuple[Any, ...] = (output, attempt.job_id, part)
        for left in reversed(range(FETCH_TRIES)):
            try:
                fetched: bytes = await self._host.network.call(
                    self._host, output.tracker_id, "fetch", *arguments, within_s=2.0
                )
            except UnreachableException:
                if not left:
                    raise
                await self._world.sleep(0.3)
            else:
                return fetched
        raise AssertionError

    # --- the part file

    async def _write(self, path: str, content: bytes) -> None:
        host = self._host
        try:
            await host.outlet.write(host, self._life, self._attempt, path, content)
        except UnreachableException as error:
            raise _Failed(FailureKind.FAILED, f"output: {error}") from error
        except JobKilledError as error:
            self._world.count("attempt came too late to write", self._attempt)
            raise _Failed(FailureKind.FAILED, str(error)) from error
