"""A job run attempt by attempt in the test's own process: no tracker, no process, no wire."""

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from mapred.job import Job
from mapred.model import JobSpec, MapOutput, Split, TaskId
from mapred.params import Params, parameters
from mapred.shuffle.budget import Budget
from mapred.shuffle.fetch import Shuffle
from mapred.task.context import TaskContext
from mapred.task.failure import Place
from mapred.task.map_task import MapTask
from mapred.task.messages import RunTask
from mapred.task.reduce_task import ReduceTask
from mapred.task.reporter import Reporter

JOB_ID = "job_20260101000000_0001"


class Run:
    """One job over lines of text; `outputs` has every part file's text by name."""

    def __init__(
        self,
        job: type[Job],
        folder: Path,
        lines: list[str],
        *,
        reducers: int = 2,
        maps: int = 2,
        params: dict[str, Any] | None = None,
        memory_bytes: int = 0,
    ) -> None:
        self.job = job
        self.folder = folder
        self.counters: Counter[tuple[str, str]] = Counter()
        self.place = Place()
        self.outputs: dict[str, str] = {}
        self.files: list[Path] = []
        self.map_outputs: list[MapOutput] = []
        defaults = {name: one.default for name, one in parameters(job).items()}
        self.params = Params(defaults | (params or {}))
        # As the JobTracker prepares the output.
        (folder / "out" / "_temporary" / JOB_ID).mkdir(parents=True, exist_ok=True)
        self.spec = JobSpec(
            name=job.__name__,
            user="ana",
            code_sha256="",
            code_uri="",
            module=job.__module__,
            job_class=job.__name__,
            splits=self._splits(lines, maps),
            reducers=reducers if job.reducer else 0,
            output_uri=f"file://{folder}/out",
            memory_bytes=memory_bytes,
        )

    def _splits(self, lines: list[str], maps: int) -> tuple[Split, ...]:
        splits = []
        for at in range(maps):
            path = self.folder / f"input-{at}"
            share = lines[len(lines) * at // maps : len(lines) * (at + 1) // maps]
            path.write_text("".join(f"{line}\n" for line in share))
            splits.append(Split(f"file://{path}", 0, path.stat().st_size))
        return tuple(splits)

    def all(self) -> "Run":
        for index in range(len(self.spec.splits)):
            self.map(index)
        for index in range(self.spec.reducers):
            self.reduce(index)
        return self

    def map(self, index: int) -> None:
        task = self._task("m", index, split=self.spec.splits[index])
        done = self._finish(task, MapTask(task, self.job, *self._surroundings(task)))
        if done.output_path:
            where = done.output_path, done.output_bytes
            self.map_outputs.append(MapOutput(index, 0, "here", "localhost", 0, *where))

    def reduce(self, index: int) -> None:
        task = self._task("r", index, maps=len(self.spec.splits), outputs=tuple(self.map_outputs))
        shuffle = Shuffle(
            maps=task.maps,
            partition=index,
            tracker_id="here",
            folder=Path(task.work_dir),
            budget_bytes=Budget.of(self.spec.memory_bytes).fetch_bytes,
            remote=lambda: None,
            short_circuit=False,
            on_lost=lambda output, reason: None,
            on_progress=lambda here, maps: None,
            rng=random.Random(1),
        )
        shuffle.announce(task.outputs)
        self._finish(task, ReduceTask(task, self.job, *self._surroundings(task), shuffle))

    def _task(self, kind: str, index: int, **more: Any) -> RunTask:
        attempt = TaskId(JOB_ID, kind, index).attempt(0)
        work_dir = self.folder / str(attempt)
        work_dir.mkdir()
        spec = replace(self.spec, splits=())
        return RunTask(attempt, spec, str(work_dir), "here", **more)

    def _surroundings(self, task: RunTask) -> tuple[TaskContext, Reporter]:
        self.context = TaskContext(
            params=self.params, spec=self.spec, attempt=task.attempt, split=task.split
        )
        return self.context, Reporter(lambda message: None)

    def _finish(self, task: RunTask, work: MapTask | ReduceTask) -> Any:
        try:
            done = work.run()
        except BaseException:
            self.place = work.place()
            raise
        self.counters.update(self.context.counters)
        if done.temporary_uri:
            assert str(task.attempt) in done.temporary_uri
            path = Path(done.temporary_uri.removeprefix("file://"))
            self.files.append(path)
            self.outputs[done.final_name] = path.read_text(errors="replace")
        return done

    def lines(self) -> list[str]:
        """All output lines, in order of the part files."""
        return [line for name in sorted(self.outputs) for line in self.outputs[name].splitlines()]

    def counter(self, name: str, group: str = "task") -> int:
        return self.counters[group, name]
