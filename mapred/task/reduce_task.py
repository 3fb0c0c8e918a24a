"""One reduce attempt: fetch a partition of every map, merge, call the user's reduce, write."""

from collections.abc import Iterable
from itertools import chain, starmap
from pathlib import Path
from typing import Any, Final

from mapred.job import Job
from mapred.shuffle.budget import Budget
from mapred.shuffle.fetch import Shuffle
from mapred.shuffle.groups import Groups
from mapred.shuffle.merge import merged
from mapred.task.commit import PartFile
from mapred.task.context import TaskContext
from mapred.task.counting import TASK_GROUP
from mapred.task.failure import Place, sample_of
from mapred.task.messages import RunTask, TaskDone
from mapred.task.pairs import Chunks
from mapred.task.reporter import Reporter

# Of the whole attempt: what is left is merging and reducing, which go together.
FETCH_SHARE: Final = 1 / 3


class ReduceTask:
    """One attempt; `place` says where it is when it fails."""

    def __init__(
        self,
        task: RunTask,
        job: type[Job],
        context: TaskContext,
        reporter: Reporter,
        shuffle: Shuffle,
    ) -> None:
        self._task = task
        self._job = job
        self._ctx = context
        self._reporter = reporter
        self._shuffle = shuffle
        self._groups: Groups | None = None

    def place(self) -> Place:
        """The key that the user's code is at."""
        if self._groups is None or not self._groups.groups:
            return Place()
        return Place(sample=f"key {sample_of(self._groups.key)}")

    def run(self) -> TaskDone:
        assert self._job.reducer is not None
        segments = self._shuffle.fetched()
        self._count("shuffle_bytes", sum(segment.length for segment in segments))
        reducer = self._job.reducer()
        reducer.ctx = self._ctx
        budget = Budget.of(self._task.spec.memory_bytes)
        part = PartFile(self._task.spec, self._task.attempt)
        try:
            reducer.setup()
            groups = Groups(merged(segments, budget, Path(self._task.work_dir)))
            self._groups = groups
            yielded = starmap(reducer.reduce, groups)
            self._write(chain.from_iterable(filter(None, yielded)), part)
            self._groups = None
            self._write(reducer.cleanup() or (), part)
            part.commit()
        except BaseException:
            part.discard()
            raise
        self._count("reduce_input_groups", groups.groups)
        self._count("reduce_input_records", groups.records)
        self._count("reduce_output_records", part.records)
        self._count("output_bytes", part.bytes_written)
        return TaskDone({}, temporary_uri=part.temporary_uri, final_name=part.final_name)

    def _write(self, pairs: Iterable[tuple[Any, Any]], part: PartFile) -> None:
        for chunk, _ in Chunks().of(pairs):
            part.write(chunk)
            if self._groups is not None:
                done = self._groups.records / max(1, self._shuffle.rows)
                self._reporter.tick(FETCH_SHARE + (1 - FETCH_SHARE) * done, "reduce")

    def _count(self, name: str, amount: int) -> None:
        self._ctx.count(TASK_GROUP, name, amount)
