"""Where a map's pairs go: to the sorter, through a combiner's table, or to the output."""

from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mapred.job import Job
from mapred.model import TaskId
from mapred.ordering import TotalOrder, boundaries_in
from mapred.records import Partitioner, Reducer
from mapred.reducers.port import Builtin, unsuited
from mapred.shuffle.budget import Budget
from mapred.shuffle.columns import Kind, Rows
from mapred.shuffle.folding import folded_sorted
from mapred.shuffle.hashfold import hashes
from mapred.shuffle.partition import partitions_of
from mapred.shuffle.prefixes import partition_by_prefix
from mapred.shuffle.ranges import ranges
from mapred.shuffle.sheets import sheet_bytes
from mapred.shuffle.sorter import PartitionFunction, Sorter
from mapred.task.combine import CombiningTable, add_to
from mapred.task.commit import PartFile
from mapred.task.context import TaskContext
from mapred.task.counting import TASK_GROUP
from mapred.task.failure import RecordError, sample_of
from mapred.task.foldtable import FoldTable
from mapred.task.messages import RunTask, TaskDone
from mapred.task.pairs import Chunk, Chunks, explained
from mapred.task.recognised import fold_of


class Sink(Protocol):
    """Where a map's pairs go."""

    def add(self, chunk: Chunk, chunk_bytes: int) -> None: ...

    def add_rows(self, rows: Rows) -> None: ...

    def finish(self) -> TaskDone: ...

    def discard(self) -> None: ...


def sink_of(
    task: RunTask,
    job: type[Job],
    context: TaskContext,
    partitions: int,
    number: int | None = None,
    *,
    sheets: bool = False,
) -> Sink:
    """Where the pairs of the job's map go. `partitions` 0: to the output, to the part of that
    `number`, if it isn't the attempt's. `sheets`: whether who fetches them knows sheets."""
    if partitions == 0:
        named = None if number is None else TaskId(task.attempt.job_id, "m", number)
        return _PartSink(PartFile(task.spec, task.attempt, named), context)
    budget = Budget.of(task.spec.memory_bytes)
    reducer, combiner = job.reducer, job.combiner
    if reducer is not None and issubclass(reducer, Builtin):
        combiner = combiner or reducer
    hashed = combiner is not None and _hashed(combiner) and _hashed(reducer)
    hashed = hashed and not job.group_by
    sorter = Sorter(
        partitions=partitions,
        partition=partition_function(job, context, partitions),
        budget=budget,
        folder=Path(task.work_dir),
        fold=_sorted_fold(combiner),
        ordered=not hashed,
        sheet_bytes=sheet_bytes(partitions, budget.memory_bytes) if sheets else 0,
    )
    if combiner is None:
        return _SortingSink(sorter, context)
    room = hashed * partitions * budget.reduce_table_bytes
    return _CombiningSink(combiner, sorter, budget, context, room)


class _PartSink:
    """A job without a reducer: pairs go to the output as they come."""

    def __init__(self, part: PartFile, context: TaskContext) -> None:
        self._part = part
        self._ctx = context

    def add(self, chunk: Chunk, chunk_bytes: int) -> None:
        self._part.write(chunk)

    def add_rows(self, rows: Rows) -> None:
        self._part.write_rows(rows)

    def finish(self) -> TaskDone:
        self._part.commit()
        self._ctx.count(TASK_GROUP, "output_bytes", self._part.bytes_written)
        return TaskDone(
            {}, temporary_uri=self._part.temporary_uri, final_name=self._part.final_name
        )

    def discard(self) -> None:
        self._part.discard()


class _SortingSink:
    """Pairs go to the sorter as they come."""

    def __init__(self, sorter: Sorter, context: TaskContext) -> None:
        self._sorter = sorter
        self._ctx = context

    def add(self, chunk: Chunk, chunk_bytes: int) -> None:
        add_to(self._sorter, chunk)

    def add_rows(self, rows: Rows) -> None:
        self._sorter.add_rows(rows)

    def finish(self) -> TaskDone:
        path, size = self._sorter.finish()
        self._ctx.count(TASK_GROUP, "spilled_records", self._sorter.spilled_records)
        self._ctx.count(TASK_GROUP, "map_output_bytes", size)
        return TaskDone({}, output_path=str(path), output_bytes=size)

    def discard(self) -> None:
        """The tracker removes the attempt's folder."""


class _CombiningSink(_SortingSink):
    """Pairs go through the combiner's table."""

    def __init__(
        self,
        combiner: type[Reducer],
        sorter: Sorter,
        budget: Budget,
        context: TaskContext,
        reduces_bytes: int,
    ) -> None:
        super().__init__(sorter, context)
        self._combiner = combiner()
        self._combiner.ctx = context
        self._combiner.setup()
        own = self._combiner if isinstance(self._combiner, Builtin) else None
        self._lift = partial(_lifted, own) if own and not own.closed else None
        combine = own.combine if own else self._combiner.reduce
        fold = fold_of(combiner)
        self._table: CombiningTable | FoldTable
        if fold is None:
            self._table = CombiningTable(combine, sorter, budget.combine_bytes)
            return
        lift = None
        if fold.has_partials:
            # The table lifts values itself, as columns where it can.
            lift, self._lift = self._lift, None
        self._table = FoldTable(
            fold,
            combine,
            sorter,
            budget.combine_bytes,
            floats=own is not None,
            lift=lift,
            reduces_bytes=reduces_bytes,
        )

    def add(self, chunk: Chunk, chunk_bytes: int) -> None:
        if self._lift:
            chunk = self._lift(chunk)
        self._table.add(chunk, chunk_bytes)

    def add_rows(self, rows: Rows) -> None:
        if isinstance(self._table, FoldTable) and not self._lift:
            self._table.add_rows(rows)
        elif len(rows):
            self.add(rows.pairs(), rows.bytes)

    def finish(self) -> TaskDone:
        self._table.finish()
        for chunk, _ in Chunks().of(self._combiner.cleanup() or ()):
            add_to(self._sorter, chunk)
        self._ctx.count(TASK_GROUP, "combine_input_records", self._table.records_in)
        done = super().finish()
        combined = self._table.records_out - self._sorter.folded_records
        self._ctx.count(TASK_GROUP, "combine_output_records", combined)
        return done


def _sorted_fold(combiner: type[Reducer] | None) -> Callable[[Rows], Rows | None] | None:
    """What the sorter may do to rows side by side; None: nothing that is known."""
    fold = fold_of(combiner) if combiner else None
    if combiner is None or fold is None:
        return None
    return partial(folded_sorted, fold=fold, floats=issubclass(combiner, Builtin))


def _hashed(reducer: type[Reducer] | None) -> bool:
    """Whether a table of keys can do it."""
    fold = fold_of(reducer) if reducer else None
    return fold is not None and hashes(fold)


def _lifted(builtin: Builtin, chunk: Chunk) -> Chunk:
    lift = builtin.lift
    try:
        return [(key, lift(value)) for key, value in chunk]
    except (TypeError, ValueError) as error:
        told = explained(error, chunk)
        raise told if told is not error else _not_lifted(builtin, chunk) from None


def _not_lifted(builtin: Builtin, chunk: Chunk) -> Exception:
    for pair in chunk:
        try:
            builtin.lift(pair[1])
        except (TypeError, ValueError) as error:
            return unsuited(builtin, f"the value of {sample_of(pair)}", error)
    raise AssertionError("each value alone can be taken")


def partition_function(job: type[Job], context: TaskContext, partitions: int) -> PartitionFunction:
    """How the job's keys find their reducers."""
    kind = job.partitioner
    if partitions == 1:
        return lambda keys, _, __: np.zeros(len(keys), np.uint32)
    if kind is not None and issubclass(kind, TotalOrder):
        return partition_by_prefix(ranges(boundaries_in(context.job)), job.group_by)
    if kind is None or kind.partition is Partitioner.partition:
        return partition_by_prefix(
            lambda keys, key_kind, column: partitions_of(keys, key_kind, column, partitions),
            job.group_by,
        )
    partitioner = kind()
    partitioner.ctx = context
    partitioner.setup()
    return _chosen_by(partitioner.partition, partitions)


def _chosen_by(choose: Callable[[Any, int], int], partitions: int) -> PartitionFunction:
    def target_of(key: Any) -> int:
        chosen = choose(key, partitions)
        if isinstance(chosen, int | np.integer) and 0 <= chosen < partitions:
            return int(chosen)
        raise RecordError(
            f"the partitioner gave {chosen!r} for the key {sample_of(key)}: "
            f"it must be an int in range({partitions})"
        )

    def targets_of(keys: Collection[Any], _: Kind, __: Any) -> NDArray[np.uint32]:
        return np.array([target_of(key) for key in keys], np.uint32)

    return targets_of
