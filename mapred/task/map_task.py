"""One map attempt: read a split, call the user's map, leave sorted output or a part file.

The loop is C as far as it can be: `map` over the batch's keys and values, `chain` over what
each call yields; Python sees chunks of pairs.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from mapred.columnar import BatchMapper, BlockMapper
from mapred.formats import input_format
from mapred.formats.port import RecordReader
from mapred.iterative.broadcast import round_settings
from mapred.iterative.invariants import PINNED
from mapred.job import Job
from mapred.jobinputs import mapper_of
from mapred.model import SKIPPING, Split
from mapred.ordering import TotalOrder, boundaries_in
from mapred.records import Mapper, Partitioner, Reducer
from mapred.reducers.port import Builtin
from mapred.shuffle.budget import Budget
from mapred.shuffle.columns import Kind, Rows
from mapred.shuffle.folding import folded_sorted
from mapred.shuffle.folds import Fold
from mapred.shuffle.hashfold import hashes
from mapred.shuffle.partition import partitions_of
from mapred.shuffle.prefixes import partition_by_prefix
from mapred.shuffle.ranges import ranges
from mapred.shuffle.sorter import PartitionFunction, Sorter
from mapred.storage import storage_for
from mapred.task.blocks import ColumnReader, as_rows
from mapred.task.combine import CombiningTable, add_to
from mapred.task.commit import PartFile
from mapred.task.context import TaskContext
from mapred.task.counting import TASK_GROUP
from mapred.task.failure import Place, RecordError, sample_of
from mapred.task.foldtable import FoldTable
from mapred.task.messages import RunTask, TaskDone
from mapred.task.pairs import Chunk, Chunks, explained
from mapred.task.passing import COLUMNAR, SameBatches
from mapred.task.pulse import Position
from mapred.task.recognised import constant_of_words, fold_of, gives_the_same
from mapred.task.reporter import Reporter
from mapred.task.skipping import Skipping
from mapred.task.wordlines import WordsWith

# Of the whole attempt: what is left is sorting and merging.
_MAP_SHARE: Final = 0.9


class _Sink(Protocol):
    """Where a map's pairs go."""

    def add(self, chunk: Chunk, chunk_bytes: int) -> None: ...

    def add_rows(self, rows: Rows) -> None: ...

    def finish(self) -> TaskDone: ...

    def discard(self) -> None: ...


class MapTask:
    """One attempt; `place` says where it is when it fails."""

    def __init__(
        self, task: RunTask, job: type[Job], context: TaskContext, reporter: Reporter
    ) -> None:
        assert task.split is not None
        self._task = task
        self._job = job
        self._ctx = context
        self._reporter = reporter
        self._split: Split = task.split
        self._chunks = Chunks()
        self._skipping = Skipping(context, task.careful, Path(task.work_dir))
        # Which one of the split's.
        self._file = 0
        self._records_in = 0
        # Of the files before the one at hand.
        self._bytes_before = 0
        self._whole_length = task.split.length
        # The batch at hand: its offsets, its records, and how far it has been read.
        self._keys: Sequence[Any] = ()
        self._values: Sequence[Any] = ()
        self._reading: Iterator[Any] | None = None

    def place(self) -> Place:
        """The record that the user's code has seen last."""
        if self._reading is None:
            return Place(self._split.uri)
        at = len(self._values) - self._reading.__length_hint__() - 1  # type: ignore[attr-defined]
        if not 0 <= at < len(self._values):
            return Place(self._split.uri)
        key = self._keys[at]
        offset = key if isinstance(key, int) else -1
        return Place(self._split.uri, offset, sample_of(self._values[at]))

    def position(self) -> Position:
        """For another thread: differs when a record further was given to the user's code."""
        reading = self._reading
        left = reading.__length_hint__() if reading is not None else 0  # type: ignore[attr-defined]
        return self._records_in, left

    def run(self) -> TaskDone:
        sink = self._sink()
        try:
            for number, file in enumerate(self._task.split.files if self._task.split else ()):
                self._file = number
                self._map_file(file, sink)
            self._skipping.finish(self._records_in)
            self._count("map_input_records", self._records_in)
            self._reporter.tick(_MAP_SHARE, "spill")
            return sink.finish()
        except BaseException:
            sink.discard()
            raise

    def _map_file(self, split: Split, sink: _Sink) -> None:
        """A split of several files has a mapper for each, as if each had its own task."""
        self._split = self._ctx.split = split
        self._ctx.file_number = self._file
        kind = mapper_of(self._job, split.input)
        assert kind is not None
        mapper = kind()
        mapper.ctx = self._ctx
        mapper.setup()
        if columnar := self._columnar(mapper):
            self._map_columns(columnar, sink)
        else:
            self._map_all(mapper, sink)
        self._take(mapper.cleanup(), sink)
        self._bytes_before += split.length

    def _map_all(self, mapper: Mapper, sink: _Sink) -> None:
        form = input_format(self._split.format)
        reader = PINNED.reader(
            self._task.spec,
            self._split,
            lambda: form.reader(self._split, storage_for(self._split.uri), self._skipping),
            getattr(mapper, "prepare", None),
            folder=self._task.work_dir,
        )
        call = self._skipping.guarded(mapper.map, self._split)
        if self._task.careful is not None:
            call = self._skipping.careful(call, self._split, self._file)
        for keys, values in reader.batches():
            self._keys, self._values = keys, values
            self._reading = iter(values)
            yielded = map(call, keys, self._reading)
            self._take(chain.from_iterable(filter(None, yielded)), sink)
            self._reading = None
            self._records_in += len(values)
            self._tick(reader.bytes_read)
        self._count_input(reader)

    def _columnar(self, mapper: Mapper) -> BatchMapper | BlockMapper | None:
        """What does the mapper's work on columns; None: nothing, it goes by records."""
        if isinstance(mapper, BatchMapper | BlockMapper):
            return mapper
        if round_settings(self._task.spec.settings) or SKIPPING in self._task.spec.settings:
            return None
        if self._split.format.startswith(COLUMNAR) and gives_the_same(type(mapper)):
            return SameBatches()
        if self._split.format != "text":
            return None
        constant = constant_of_words(type(mapper))
        if constant is None or not -(1 << 63) <= constant < 1 << 63:
            return None
        fold = fold_of(self._job.combiner) if self._job.combiner else None
        tables_bytes = Budget.of(self._task.spec.memory_bytes).combine_bytes
        return WordsWith(constant, self._ctx, summed=fold is Fold.SUM, tables_bytes=tables_bytes)

    def _map_columns(self, mapper: BatchMapper | BlockMapper, sink: _Sink) -> None:
        reader = ColumnReader(mapper, self._split, self._moved)
        name, records = type(mapper).__name__, 0
        for item in reader.yielded():
            rows = as_rows(item, name)
            sink.add_rows(rows)
            records += len(rows)
            self._reporter.alive()
        self._records_in += reader.records
        self._count("map_output_records", records)
        self._count_input(reader)

    def _moved(self, reader: ColumnReader) -> None:
        self._tick(reader.bytes_read)

    def _tick(self, bytes_read: int) -> None:
        done = (self._bytes_before + bytes_read) / max(1, self._whole_length)
        self._reporter.tick(_MAP_SHARE * min(done, 1.0), "map")

    def _take(self, pairs: Iterable[tuple[Any, Any]] | None, sink: _Sink) -> None:
        if pairs is None:
            return
        records = 0
        for chunk, chunk_bytes in self._chunks.of(pairs):
            sink.add(chunk, chunk_bytes)
            records += len(chunk)
            self._reporter.alive()
        self._count("map_output_records", records)

    def _count(self, name: str, amount: int) -> None:
        self._ctx.count(TASK_GROUP, name, amount)

    def _count_input(self, reader: RecordReader | ColumnReader) -> None:
        self._count("input_bytes", reader.bytes_read)
        for name, amount in reader.counters().items():
            self._ctx.count(self._split.format.partition(" ")[0], name, amount)

    def _sink(self) -> _Sink:
        if self._task.spec.reducers == 0:
            return _PartSink(PartFile(self._task.spec, self._task.attempt), self._ctx)
        budget = Budget.of(self._task.spec.memory_bytes)
        reducer, combiner = self._job.reducer, self._job.combiner
        if reducer is not None and issubclass(reducer, Builtin):
            combiner = combiner or reducer
        hashed = combiner is not None and _hashed(combiner) and _hashed(reducer)
        hashed = hashed and not self._job.group_by
        sorter = Sorter(
            partitions=self._task.spec.reducers,
            partition=partition_function(self._job, self._ctx, self._task.spec.reducers),
            budget=budget,
            folder=Path(self._task.work_dir),
            fold=_sorted_fold(combiner),
            ordered=not hashed,
        )
        if combiner is None:
            return _SortingSink(sorter, self._ctx)
        room = hashed * self._task.spec.reducers * budget.combine_bytes
        return _CombiningSink(combiner, sorter, budget, self._ctx, room)


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
        self._lift = partial(_lifted, own.lift) if own and not own.closed else None
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


def _lifted(lift: Callable[[Any], Any], chunk: Chunk) -> Chunk:
    try:
        return [(key, lift(value)) for key, value in chunk]
    except (TypeError, ValueError) as error:
        raise explained(error, chunk) from None


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
