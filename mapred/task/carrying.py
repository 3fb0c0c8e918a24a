"""Tasks of a loop that carries its records on (mapred/iterative/carried.py): a partition is reduced
and what that yields is mapped in the same attempt, without lying anywhere between.

Pairs of `ctx.to_step` go to the driver in the task's part file, after a first one that says what
the task has left on this tracker.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import astuple
from itertools import chain, starmap
from pathlib import Path
from typing import Any, Final

from mapred.formats.packed import frames
from mapred.iterative.carried import LOST, CarrySettings, Left, carry_settings, found
from mapred.job import Job
from mapred.model import MapOutput, TaskId
from mapred.records import Mapper
from mapred.shuffle.columns import Rows
from mapred.shuffle.segments import DATA_NAME, index_path
from mapred.storage import storage_for
from mapred.task.commit import PartFile
from mapred.task.context import TaskContext
from mapred.task.counting import TASK_GROUP
from mapred.task.failure import CodeError, Place
from mapred.task.fetching import shuffle_of
from mapred.task.map_task import MapTask
from mapred.task.messages import RunTask, TaskDone
from mapred.task.pairs import Chunk, Chunks
from mapred.task.pulse import Position
from mapred.task.reduce_task import ReduceTask
from mapred.task.reporter import Reporter
from mapred.task.sideoutputs import SideOutput
from mapred.task.sinks import Sink, sink_of

# Of a checkpoint: carried-m-00003.packed, by partition.
_SAVED: Final = "carried"
_SAVED_FORMAT: Final = "packed"


class CarriedGoneError(CodeError):
    """What was carried can't be had: no other attempt can do better, and the driver goes back."""


def carrying(
    task: RunTask, job: type[Job], context: TaskContext, reporter: Reporter
) -> "MapTask | ReduceTask | _Restoring":
    own = carry_settings(task.spec.settings)
    if own.sources is None:
        opening = _Restoring if own.restores else _Opening
        return opening(task, job, context, reporter)
    job_id, outputs = found(own.sources)
    shuffle = shuffle_of(
        task,
        reporter,
        job_id=job_id,
        maps=len(outputs),
        partition=task.attempt.index,
        on_lost=_give_up,
    )
    shuffle.announce(outputs)
    kind = _Ending if own.ends else _Fused
    return kind(task, job, context, reporter, shuffle)


def _give_up(_: MapOutput, reason: str) -> None:
    raise CarriedGoneError(f"{LOST}: {reason}")


class _Leaving:
    """A sink whose output stays here for the next wave."""

    def __init__(self, task: RunTask, job: type[Job], context: TaskContext) -> None:
        self._task = task
        self._ctx = context
        own = carry_settings(task.spec.settings)
        self._sink: Sink = sink_of(task, job, context, own.partitions)

    def add(self, chunk: Chunk, chunk_bytes: int) -> None:
        self._sink.add(chunk, chunk_bytes)

    def add_rows(self, rows: Rows) -> None:
        self._sink.add_rows(rows)

    def finish(self) -> TaskDone:
        left = self._left(self._sink.finish())
        part = PartFile(self._task.spec, self._task.attempt)
        try:
            part.write([(None, astuple(left))])
            for chunk, _ in Chunks().of(self._ctx.told):
                part.write(chunk)
            part.commit()
        except BaseException:
            part.discard()
            raise
        return TaskDone({}, temporary_uri=part.temporary_uri, final_name=part.final_name)

    def _left(self, done: TaskDone) -> Left:
        folder = Path(self._task.carried_dir)
        folder.mkdir(parents=True, exist_ok=True)
        source, target = Path(done.output_path), folder / DATA_NAME
        source.replace(target)
        # Last: an index that is there describes a whole file.
        os.replace(index_path(source), index_path(target))
        attempt = self._task.attempt
        return Left(
            self._task.tracker_id, attempt.job_id, attempt.number, str(target), done.output_bytes
        )

    def discard(self) -> None:
        self._sink.discard()


class _Opening(MapTask):
    """Maps the input."""

    def _sink(self) -> Sink:
        return _Leaving(self._task, self._job, self._ctx)


class _Mapping:
    """What is reduced goes through the mapper; stands in the place of a reduce's part file."""

    def __init__(self, task: RunTask, job: type[Job], context: TaskContext) -> None:
        own: CarrySettings = carry_settings(task.spec.settings)
        self._ctx = context
        self._chunks = Chunks()
        self._saved: SideOutput | None = None
        if own.saves:
            named = TaskId(task.attempt.job_id, "m", task.attempt.index)
            self._saved = context.side_outputs.kept(_SAVED, _SAVED_FORMAT, named)
        self._sink = _Leaving(task, job, context)
        self._mapper: Mapper = job.mapper()
        self._mapper.ctx = context
        self._mapper.setup()
        self.records = 0
        self.bytes_written = 0
        self.temporary_uri = self.final_name = ""

    def write(self, chunk: Chunk) -> None:
        if self._saved:
            self._saved.write_all(chunk)
        self.records += len(chunk)
        self._ctx.count(TASK_GROUP, "map_input_records", len(chunk))
        self._take(chain.from_iterable(filter(None, starmap(self._mapper.map, chunk))))

    def write_rows(self, rows: Rows) -> None:
        if len(rows):
            self.write(list(rows.pairs()))

    def _take(self, pairs: Iterable[tuple[Any, Any]]) -> None:
        for chunk, size in self._chunks.of(pairs):
            self._sink.add(chunk, size)
            self._ctx.count(TASK_GROUP, "map_output_records", len(chunk))
            self._ctx.alive()

    def commit(self) -> None:
        self._take(self._mapper.cleanup() or ())
        done = self._sink.finish()
        self.temporary_uri, self.final_name = done.temporary_uri, done.final_name

    def discard(self) -> None:
        self._sink.discard()


class _Fused(ReduceTask):
    """A round's task: reduces, and maps."""

    def _part(self) -> Any:
        return _Mapping(self._task, self._job, self._ctx)


class _Ending(ReduceTask):
    """Reduces into the loop's output."""

    def _part(self) -> Any:
        task = self._task
        named = TaskId(task.attempt.job_id, "r", task.attempt.index)
        part = PartFile(task.spec, task.attempt, named)
        ending = getattr(self._job, "ending", None)
        return _Written(part, ending, self._ctx) if ending else part


class _Written:
    """The loop's output, as a last mapper makes it."""

    def __init__(self, part: PartFile, ending: type[Mapper], context: TaskContext) -> None:
        self._part = part
        self._chunks = Chunks()
        self._mapper = ending()
        self._mapper.ctx = context
        self._mapper.setup()
        self.records = 0

    @property
    def bytes_written(self) -> int:
        return self._part.bytes_written

    @property
    def temporary_uri(self) -> str:
        return self._part.temporary_uri

    @property
    def final_name(self) -> str:
        return self._part.final_name

    def write(self, chunk: Chunk) -> None:
        self.records += len(chunk)
        self._take(chain.from_iterable(filter(None, starmap(self._mapper.map, chunk))))

    def write_rows(self, rows: Rows) -> None:
        if len(rows):
            self.write(list(rows.pairs()))

    def _take(self, pairs: Iterable[tuple[Any, Any]]) -> None:
        for chunk, _ in self._chunks.of(pairs):
            self._part.write(chunk)

    def commit(self) -> None:
        self._take(self._mapper.cleanup() or ())
        self._part.commit()

    def discard(self) -> None:
        self._part.discard()


class _Restoring:
    """Maps what a checkpoint has saved, in the very chunks in which it was reduced: a combiner
    sees what it saw then."""

    def __init__(
        self, task: RunTask, job: type[Job], context: TaskContext, reporter: Reporter
    ) -> None:
        assert task.split is not None
        self._task = task
        self._job = job
        self._ctx = context
        self._reporter = reporter
        self._split = task.split
        self._records = 0

    def place(self) -> Place:
        return Place(self._split.uri)

    def position(self) -> Position:
        return self._records

    def run(self) -> TaskDone:
        part = _Mapping(self._task, self._job, self._ctx)
        try:
            for chunk in self._saved():
                part.write(chunk)
                self._records += len(chunk)
                self._reporter.alive()
            part.commit()
        except BaseException:
            part.discard()
            raise
        return TaskDone({}, temporary_uri=part.temporary_uri, final_name=part.final_name)

    def _saved(self) -> Iterator[Chunk]:
        # A partition without pairs has no file.
        if self._split.length:
            with storage_for(self._split.uri).open_read(self._split.uri) as file:
                yield from frames(file)
