"""An engine without processes: a submitted job's attempts run one after the other, here."""

import random
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from mapred.inlinefiles import is_inline
from mapred.model import Failure, JobSpec, JobState, JobStatus, MapOutput, TaskId
from mapred.params import values_of
from mapred.shuffle.budget import Budget
from mapred.shuffle.fetch import Shuffle
from mapred.storage import storage_for
from mapred.storage.uris import join
from mapred.task.code import load_job
from mapred.task.context import TaskContext
from mapred.task.failure import failure_of
from mapred.task.map_task import MapTask
from mapred.task.messages import RunTask
from mapred.task.reduce_task import ReduceTask
from mapred.task.reporter import Reporter


class InlineEngine:
    """Jobs that need no second attempt."""

    def __init__(self) -> None:
        self._statuses: dict[str, JobStatus] = {}
        self._jobs: dict[tuple[str, str], Any] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="mapred-inline-")

    def submit(self, spec: JobSpec) -> str:
        job_id = f"job_20260101000000_{len(self._statuses):04d}"
        storage_for(spec.output_uri).mkdirs(join(spec.output_uri, "_temporary", job_id))
        self._statuses[job_id] = _Attempts(spec, self._job(spec), job_id, self._folder.name).all()
        return job_id

    def status(self, job_id, *, known_version=0, wait_s=0.0):
        return self._statuses[job_id], 1

    def kill(self, job_id, reason):
        return False

    def jobs(self):
        return list(self._statuses.values())

    def trackers(self):
        return []

    def close(self):
        self._folder.cleanup()

    def _job(self, spec: JobSpec):
        key = spec.code_sha256, spec.job_class
        if key not in self._jobs:
            path, modules = list(sys.path), set(sys.modules)
            self._jobs[key], _ = load_job(spec, Path(self._folder.name))
            sys.path[:] = path
            for name in {*sys.modules} - modules:
                if not name.startswith("mapred."):
                    del sys.modules[name]
        return self._jobs[key]


class _Attempts:
    """Those of one job."""

    def __init__(self, spec: JobSpec, job: Any, job_id: str, folder: str) -> None:
        self._spec, self._job, self._id = spec, job, job_id
        self._folder = Path(folder) / job_id
        self._counters: Counter[tuple[str, str]] = Counter()

    def all(self) -> JobStatus:
        splits = self._spec.splits
        outputs, place, files = [], None, ()
        try:
            for index, split in enumerate(splits):
                task = self._task("m", index, split=split)
                work = MapTask(task, self._job, *self._surroundings(task))
                place = work.place
                done = self._finished(work)
                if not self._spec.reducers:
                    files = (*files, self._published(done))
                    continue
                where = done.output_path, done.output_bytes
                outputs.append(MapOutput(index, 0, "here", "localhost", 0, *where))
            for index in range(self._spec.reducers):
                task = self._task("r", index, maps=len(splits), outputs=tuple(outputs))
                shuffle = self._shuffle(task)
                work = ReduceTask(task, self._job, *self._surroundings(task), shuffle)
                place = work.place
                files = (*files, self._published(self._finished(work)))
        except Exception as error:
            failed = failure_of(error, place(), self._folder)
            reason = Failure(failed.kind, failed.reason, input_uri=failed.input_uri)
            return self._status(JobState.FAILED, failures=(reason,))
        return self._status(JobState.SUCCEEDED, output_files=files)

    def _published(self, done: Any) -> str:
        if is_inline(done.final_name):
            return done.final_name
        target = join(self._spec.output_uri, done.final_name)
        storage_for(target).rename(done.temporary_uri, target)
        return target

    def _finished(self, work: MapTask | ReduceTask) -> Any:
        done = work.run()
        self._counters.update(self._context.counters)
        return done

    def _task(self, kind: str, index: int, **more: Any) -> RunTask:
        attempt = TaskId(self._id, kind, index).attempt(0)
        work_dir = self._folder / str(attempt)
        work_dir.mkdir(parents=True)
        return RunTask(attempt, replace(self._spec, splits=()), str(work_dir), "here", **more)

    def _surroundings(self, task: RunTask) -> tuple[TaskContext, Reporter]:
        params = values_of(self._job, self._spec.params_json)
        self._context = TaskContext(
            params=params, spec=self._spec, attempt=task.attempt, split=task.split
        )
        return self._context, Reporter(lambda message: None)

    def _shuffle(self, task: RunTask) -> Shuffle:
        shuffle = Shuffle(
            maps=task.maps,
            partition=task.attempt.index,
            tracker_id="here",
            folder=Path(task.work_dir),
            short_circuit=False,
            budget_bytes=Budget.of(0).fetch_bytes,
            remote=lambda: None,
            on_lost=lambda output, reason: None,
            on_progress=lambda here, maps: None,
            rng=random.Random(1),
        )
        shuffle.announce(task.outputs)
        return shuffle

    def _status(self, state: JobState, **more: Any) -> JobStatus:
        maps = len(self._spec.splits)
        return JobStatus(
            job_id=self._id,
            name=self._spec.name,
            user=self._spec.user,
            state=state,
            map_progress=1.0,
            reduce_progress=1.0,
            maps=maps,
            maps_done=maps,
            reduces=self._spec.reducers,
            reduces_done=self._spec.reducers,
            submitted_at_s=0.0,
            finished_at_s=0.0,
            output_uri=self._spec.output_uri,
            counters=dict(self._counters),
            **more,
        )
