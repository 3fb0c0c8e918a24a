"""One map attempt: read a split, call the user's map, leave sorted output or a part file.

The loop is C as far as it can be: `map` over the batch's keys and values, `chain` over what
each call yields; Python sees chunks of pairs.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, Final

from mapred.columnar import BatchMapper, BlockMapper
from mapred.formats import input_format
from mapred.formats.port import RecordReader
from mapred.iterative.status import is_round
from mapred.job import Job
from mapred.jobinputs import mapper_of
from mapred.model import SKIPPING, Split
from mapred.records import Mapper
from mapred.shuffle.budget import Budget
from mapred.shuffle.folds import Fold
from mapred.storage import storage_for
from mapred.task.blocks import ColumnReader, as_rows
from mapred.task.context import TaskContext
from mapred.task.counting import TASK_GROUP
from mapred.task.failure import Place, sample_of
from mapred.task.messages import RunTask, TaskDone
from mapred.task.pairs import Chunks
from mapred.task.passing import COLUMNAR, SameBatches
from mapred.task.pulse import Position
from mapred.task.recognised import constant_of_words, fold_of, gives_the_same
from mapred.task.reporter import Reporter
from mapred.task.sinks import Sink, sink_of
from mapred.task.skipping import Skipping
from mapred.task.wordlines import WordsWith

# Of the whole attempt: what is left is sorting and merging.
_MAP_SHARE: Final = 0.9


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
            files = self._task.split.files if self._task.split else ()
            for number, file in enumerate(files):
                self._file = number
                self._ctx.is_last_file = number == len(files) - 1
                self._map_file(file, sink)
            self._skipping.finish(self._records_in)
            self._count("map_input_records", self._records_in)
            self._reporter.tick(_MAP_SHARE, "spill")
            return sink.finish()
        except BaseException:
            sink.discard()
            raise

    def _map_file(self, split: Split, sink: Sink) -> None:
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

    def _map_all(self, mapper: Mapper, sink: Sink) -> None:
        reader = self._reader(mapper)
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

    def _reader(self, mapper: Mapper) -> RecordReader:
        form, storage = input_format(self._split.format), storage_for(self._split.uri)

        def read() -> RecordReader:
            return form.reader(self._split, storage, self._skipping)

        return self._kept(self._split, read, getattr(mapper, "prepare", None))

    def _kept(
        self,
        split: Split,
        read: Callable[[], RecordReader],
        prepare: Callable[[Any, Any], Any] | None = None,
    ) -> RecordReader:
        """In a loop what was decoded in a round before."""
        if not is_round(self._task.spec):
            return read()
        from mapred.iterative.invariants import PINNED

        return PINNED.reader(self._task.spec, split, read, prepare, folder=self._task.work_dir)

    def _columnar(self, mapper: Mapper) -> BatchMapper | BlockMapper | None:
        """What does the mapper's work on columns; None: nothing, it goes by records."""
        if isinstance(mapper, BatchMapper | BlockMapper):
            return mapper
        if is_round(self._task.spec) or SKIPPING in self._task.spec.settings:
            return None
        if self._split.format.startswith(COLUMNAR) and gives_the_same(type(mapper)):
            return SameBatches()
        if self._split.format != "text":
            return None
        constant = constant_of_words(type(mapper))
        if constant is None or not -(1 << 63) <= constant < 1 << 63:
            return None
        fold = fold_of(self._job.combiner) if self._job.combiner else None
        # As much as the table that sums what comes of them.
        tables_bytes = Budget.of(self._task.spec.memory_bytes).combine_bytes // 2
        return WordsWith(constant, self._ctx, summed=fold is Fold.SUM, tables_bytes=tables_bytes)

    def _map_columns(self, mapper: BatchMapper | BlockMapper, sink: Sink) -> None:
        # Beside the split's records, if others of the loop's mappers read these.
        pieces = replace(self._split, format=f"{self._split.format} for {type(mapper).__name__}")
        reader = ColumnReader(
            mapper, self._split, self._moved, lambda read: self._kept(pieces, read)
        )
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

    def _take(self, pairs: Iterable[tuple[Any, Any]] | None, sink: Sink) -> None:
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

    def _sink(self) -> Sink:
        reducers = self._task.spec.reducers
        return sink_of(self._task, self._job, self._ctx, reducers, sheets=True)
