"""One reduce attempt: fetch a partition of every map, merge, call the user's reduce, write."""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain, starmap
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from blockstore.runtime.heap import GivingBack, give_back_freed_memory
from mapred.columnar import BatchReducer
from mapred.job import Job
from mapred.model import HOT_GROUP
from mapred.reducers.port import Builtin
from mapred.shuffle.budget import Budget
from mapred.shuffle.columns import Rows
from mapred.shuffle.fetch import Shuffle
from mapred.shuffle.folding import folded_sorted
from mapred.shuffle.folds import AnyFold
from mapred.shuffle.frames import Segment
from mapred.shuffle.groups import Groups
from mapred.shuffle.hottest import Commonest
from mapred.shuffle.merge import merged
from mapred.shuffle.prefixes import by_prefix
from mapred.shuffle.tiny import gathered
from mapred.shuffle.unordered import InOrder
from mapred.task.batchreduce import BatchGroups
from mapred.task.commit import PartFile
from mapred.task.context import TaskContext
from mapred.task.counting import HOT_RECORDS_MIN, TASK_GROUP
from mapred.task.failure import Place, sample_of
from mapred.task.foldreduce import FoldedGroups, HashedGroups
from mapred.task.messages import RunTask, TaskDone
from mapred.task.pairs import Chunks
from mapred.task.passing import PassedGroups
from mapred.task.pulse import Position
from mapred.task.recognised import fold_of, gives_all_values
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
        # Groups and records that were reduced as columns, before Python took over.
        self._folded_groups = 0
        self._folded_records = 0
        # Among those records.
        self._commonest = Commonest()
        self._output: PartFile | None = None
        self._giving_back = GivingBack(0)

    def place(self) -> Place:
        """The key that the user's code is at."""
        if self._groups is None or not self._groups.groups:
            return Place()
        return Place(sample=f"key {sample_of(self._groups.key)}")

    def position(self) -> Position:
        """For another thread: differs when a key or a value further was given to user code."""
        groups = self._groups
        if groups is None:
            return self._folded_records
        return groups.records, id(groups.key), groups.values.__length_hint__()

    def run(self) -> TaskDone:
        assert self._job.reducer is not None
        # What maps in this process have left.
        give_back_freed_memory()
        budget = Budget.of(self._task.spec.memory_bytes)
        segments = gathered(self._shuffle.fetched(), budget.frame_bytes)
        self._count("shuffle_bytes", sum(segment.length for segment in segments))
        reducer = self._job.reducer()
        reducer.ctx = self._ctx
        part = self._output = self._part()
        self._giving_back = GivingBack(budget.give_back_bytes)
        try:
            reducer.setup()
            batches: Iterator[Rows] = iter(())
            if not self._hashed(segments, isinstance(reducer, Builtin), budget, part):
                batches = self._merged(segments, isinstance(reducer, Builtin), budget)
            if isinstance(reducer, BatchReducer):
                batches = self._reduce_batches(batches, reducer, part)
            else:
                batches = self._pass(batches, part)
            rest = self._fold(batches, isinstance(reducer, Builtin), part)
            groups = Groups(rest, self._job.group_by)
            self._groups = groups
            reduce = reducer.finish if isinstance(reducer, Builtin) else reducer.reduce
            yielded = starmap(reduce, by_prefix(groups, self._job.group_by))
            self._write(chain.from_iterable(filter(None, yielded)), part)
            self._groups = None
            self._write(reducer.cleanup() or (), part)
            part.commit()
        except BaseException:
            part.discard()
            raise
        self._count("reduce_input_groups", self._folded_groups + groups.groups)
        self._count("reduce_input_records", self._folded_records + groups.records)
        self._count_hottest(groups)
        self._count("reduce_output_records", part.records)
        self._count("output_bytes", part.bytes_written)
        return TaskDone({}, temporary_uri=part.temporary_uri, final_name=part.final_name)

    def _part(self) -> PartFile:
        return PartFile(self._task.spec, self._task.attempt)

    def _count_hottest(self, groups: Groups) -> None:
        """Who submitted the job is told of a key that has most of what its reducer got."""
        all_records = self._folded_records + groups.records
        found = [(one.records, one.key) for one in (groups.largest, self._commonest)]
        records, key = max(found, key=itemgetter(0))
        if records >= HOT_RECORDS_MIN and 2 * records > all_records:
            self._ctx.count(HOT_GROUP, sample_of(key), records)

    def _hashed(
        self, segments: list[Segment], floats: bool, budget: Budget, part: PartFile
    ) -> bool:
        """Reduces without a merge, if that can be."""
        fold = self._known_fold()
        if fold is None:
            return False
        hashing = HashedGroups(segments, fold, floats=floats)
        done = hashing.rows(budget.reduce_table_bytes, self._hashed_until)
        self._commonest = hashing.commonest
        if done is not None:
            # Not beside what is made of them.
            segments.clear()
        for rows in done or ():
            part.write_rows(rows)
        self._folded_groups, self._folded_records = hashing.groups, hashing.records
        return done is not None

    def _merged(self, segments: list[Segment], floats: bool, budget: Budget) -> Iterator[Rows]:
        folder, fold = Path(self._task.work_dir), self._known_fold()
        one = partial(folded_sorted, fold=fold, floats=floats) if fold else None
        sorting = InOrder(budget, folder, one)
        sorted_segments = sorting.of(segments)
        self._count("reduce_input_records", sorting.folded_records)
        return merged(sorted_segments, budget, folder)

    def _hashed_until(self, records: int) -> None:
        self._folded_records = records
        self._tick(records)

    def _known_fold(self) -> AnyFold | None:
        """What columns can do in the reducer's stead."""
        assert self._job.reducer is not None
        # Columns fold whole keys, and not what begins alike.
        return None if self._job.group_by else fold_of(self._job.reducer)

    def _fold(self, batches: Iterator[Rows], floats: bool, part: PartFile) -> Iterator[Rows]:
        """Reduces natively as far as that is right; the batches that are left."""
        fold = self._known_fold()
        if fold is None:
            return batches
        folding = FoldedGroups(self._commonest.watched(batches), fold, floats=floats)
        for rows in folding:
            part.write_rows(rows)
            self._tick(folding.records)
        self._folded_groups += folding.groups
        self._folded_records += folding.records
        return folding.rest

    def _pass(self, batches: Iterator[Rows], part: PartFile) -> Iterator[Rows]:
        """Writes what the reducer would only hand on; the batches that are left."""
        assert self._job.reducer is not None
        if self._known_fold() or self._job.group_by or not gives_all_values(self._job.reducer):
            return batches
        passing = PassedGroups(self._commonest.watched(batches))
        for rows in passing:
            part.write_rows(rows)
            self._tick(passing.records)
            # Not beside what the next is made of.
            del rows
        self._folded_groups, self._folded_records = passing.groups, passing.records
        return passing.rest

    def _reduce_batches(
        self, batches: Iterator[Rows], reducer: BatchReducer, part: PartFile
    ) -> Iterator[Rows]:
        """Leaves nothing."""
        groups = BatchGroups(self._commonest.watched(batches), reducer)
        for rows in groups:
            part.write_rows(rows)
            self._tick(groups.records)
        self._folded_groups, self._folded_records = groups.groups, groups.records
        return iter(())

    def _tick(self, records: int) -> None:
        if self._output is not None:
            self._giving_back.passed(self._output.bytes_written)
        done = records / max(1, self._shuffle.rows)
        self._reporter.tick(FETCH_SHARE + (1 - FETCH_SHARE) * done, "reduce")

    def _write(self, pairs: Iterable[tuple[Any, Any]], part: PartFile) -> None:
        for chunk, _ in Chunks().of(pairs):
            part.write(chunk)
            if self._groups is not None:
                self._tick(self._folded_records + self._groups.records)

    def _count(self, name: str, amount: int) -> None:
        self._ctx.count(TASK_GROUP, name, amount)
