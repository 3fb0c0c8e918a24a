"""Tasks of a chain (mapred/pipeline.py): several stages in one attempt.

    level 0    map, map of stages without a reducer between, sort
    level n    fetch, reduce of one stage, map of the next ones, sort
    reduces    as those of any job, of the last stage

Pairs go from stage to stage in chunks, and lie nowhere between.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, starmap
from typing import Any, Final

from mapred.levels import Levels, levels_in
from mapred.model import TaskId, TaskKind
from mapred.params import values_of
from mapred.pipeline import STAGES_DIRECTORY, mapped_in, stages_in
from mapred.records import Mapper
from mapred.shuffle.columns import Rows
from mapred.shuffle.fetch import Shuffle
from mapred.task.code import job_of
from mapred.task.context import TaskContext
from mapred.task.map_task import MapTask
from mapred.task.messages import RunTask, TaskDone
from mapred.task.pairs import Chunk, Chunks
from mapred.task.reduce_task import ReduceTask
from mapred.task.reporter import Reporter
from mapred.task.sinks import Sink, sink_of

_STAGE: Final = "mapred_stage"
# Counters: how many pairs each stage has handed on.
CHAIN_GROUP: Final = "chain"

Keep = Callable[[Chunk], None]


def stage_of(error: BaseException) -> str:
    """Whose code raised it; "" where no chain is."""
    return str(getattr(error, _STAGE, ""))


class Chain:
    """The stages of a task's job."""

    def __init__(self, task: RunTask, context: TaskContext) -> None:
        self._task = task
        self._context = context
        self._stages = stages_in(task.spec.settings)
        self.jobs = [job_of(stage) for stage in self._stages]
        self._levels: Levels = levels_in(task.spec.settings, 0)
        attempt = task.attempt
        mapping = attempt.kind is TaskKind.MAP
        self.level = self._levels.of(attempt.index) if mapping else len(self._levels)
        self._partition = self._levels.partition(attempt.kind, attempt.index)
        # The places of the stages whose mappers work here; none in the reduces.
        self._mapped = mapped_in(self.jobs, self.level) if mapping else range(0)
        # Whose reducer works here; -1: none.
        self.reduced = self._mapped.start - 1 if mapping else len(self.jobs) - 1

    def work(self, reporter: Reporter, shuffle: Shuffle | None) -> "MapTask | ReduceTask":
        if shuffle is None:
            return _FirstMaps(self, self._task, self.jobs[0], self.context(0), reporter)
        at = self.reduced
        arguments = self._task, self.jobs[at], self.context(at), reporter, shuffle
        if self._task.attempt.kind is TaskKind.REDUCE:
            return _LastReduce(self, *arguments)
        return _Between(self, *arguments)

    def context(self, at: int) -> TaskContext:
        """What the user's code of a stage sees."""
        return self._context.beside(values_of(self.jobs[at], self._stages[at].params_json))

    def named(self, at: int) -> str:
        return str(self._stages[at])

    def in_stage(self, at: int, error: BaseException) -> None:
        """The innermost stage that it comes through is the one that raised it."""
        if not stage_of(error):
            setattr(error, _STAGE, self.named(at))

    def keeper(self, at: int) -> Keep | None:
        """Takes pairs of a stage that is kept."""
        stage = self._stages[at]
        if not stage.kept:
            return None
        # As the job's parts would be called, had it been submitted alone.
        task = self._task.attempt.task
        kind = "m" if self.jobs[at].reducer is None else "r"
        output = self._context.side_outputs.kept(
            f"{STAGES_DIRECTORY}/{stage.kept}/part",
            stage.output_format,
            TaskId(task.job_id, kind, self._partition),
        )
        return output.write_all

    def onward(self, *, first_map_is_done: bool) -> "Through":
        """Where the pairs go that the task's own first step makes."""
        places = self._mapped[1:] if first_map_is_done else self._mapped
        target = self._mapped[-1]
        partitions = self._levels.partitions(self.level, self._task.spec.reducers)
        sink = sink_of(
            self._task, self.jobs[target], self.context(target), partitions, self._partition
        )
        begins = self._mapped[0] if first_map_is_done else self.reduced
        # Of a stage with a reducer, not what it maps but what it reduces is kept.
        kept = self.keeper(begins) if not first_map_is_done or begins != target else None
        return Through(self, places, sink, self._context, begins, kept)


class Through:
    """A sink: what comes goes through the mappers of further stages."""

    def __init__(
        self,
        among: Chain,
        places: range,
        sink: Sink,
        context: TaskContext,
        begins: int,
        kept: Keep | None,
    ) -> None:
        self._among = among
        self._sink = sink
        self._ctx = context
        self._begins = begins
        self._kept = kept
        self._chunks = Chunks()
        self._mappers = [(at, self._made(at)) for at in places]
        last = places[-1] if places else begins
        self._keepers = {at: among.keeper(at) for at in places if at != last}
        self._ends_in = last

    def _made(self, at: int) -> Mapper:
        mapper = self._among.jobs[at].mapper()
        mapper.ctx = self._among.context(at)
        try:
            mapper.setup()
        except BaseException as error:
            self._among.in_stage(at, error)
            raise
        return mapper

    def add(self, chunk: Chunk, chunk_bytes: int) -> None:
        if self._kept:
            self._kept(chunk)
        if not self._mappers:
            self._sink.add(chunk, chunk_bytes)
            return
        self._ctx.count(CHAIN_GROUP, f"{self._among.named(self._begins)} pairs", len(chunk))
        self._hand_on(0, chunk)

    def add_rows(self, rows: Rows) -> None:
        if not self._mappers and not self._kept:
            self._sink.add_rows(rows)
        elif len(rows):
            self.add(list(rows.pairs()), rows.bytes)

    def _hand_on(self, place: int, pairs: Iterable[tuple[Any, Any]]) -> None:
        """To the mapper in that place, and so on."""
        stream = pairs
        for at, mapper in self._mappers[place:]:
            made = chain.from_iterable(filter(None, starmap(mapper.map, stream)))
            stream = self._handed(at, made)
        self._finish(stream)

    def _handed(self, at: int, pairs: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
        """What a stage yields, kept if it's to be; its errors bear its name."""
        keep = self._keepers.get(at)
        try:
            if keep is None:
                yield from pairs
                return
            for chunk, _ in Chunks().of(pairs):
                keep(chunk)
                self._ctx.count(CHAIN_GROUP, f"{self._among.named(at)} pairs", len(chunk))
                yield from chunk
        except Exception as error:
            self._among.in_stage(at, error)
            raise

    def _finish(self, pairs: Iterable[tuple[Any, Any]]) -> None:
        try:
            for chunk, size in self._chunks.of(pairs):
                self._sink.add(chunk, size)
        except Exception as error:
            self._among.in_stage(self._ends_in, error)
            raise

    def finish(self) -> TaskDone:
        for place, (at, mapper) in enumerate(self._mappers):
            self._hand_on(place + 1, self._handed(at, _last_words(mapper)))
        return self._sink.finish()

    def discard(self) -> None:
        self._sink.discard()


def _last_words(mapper: Mapper) -> Iterator[tuple[Any, Any]]:
    yield from mapper.cleanup() or ()


class _Onward:
    """Stands in the place of a reduce's part file."""

    temporary_uri = final_name = ""
    bytes_written = 0

    def __init__(self, through: Through) -> None:
        self._through = through
        self._chunks = Chunks()
        self.records = 0
        self.done: TaskDone | None = None

    def write(self, chunk: Chunk) -> None:
        for part, size in self._chunks.of(chunk):
            self._through.add(part, size)
        self.records += len(chunk)

    def write_rows(self, rows: Rows) -> None:
        self._through.add_rows(rows)
        self.records += len(rows)

    def commit(self) -> None:
        self.done = self._through.finish()

    def discard(self) -> None:
        self._through.discard()


class _Staged:
    """Runs a task, and lets its errors bear a stage's name."""

    def __init__(self, among: Chain, run: Callable[[], TaskDone], at: int) -> None:
        self._among, self._run, self._at = among, run, at

    def __call__(self) -> TaskDone:
        try:
            return self._run()
        except Exception as error:
            self._among.in_stage(self._at, error)
            raise


class _FirstMaps(MapTask):
    def __init__(self, among: Chain, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._among = among

    def _sink(self) -> Sink:
        return self._among.onward(first_map_is_done=True)

    def run(self) -> TaskDone:
        return _Staged(self._among, super().run, 0)()


class _Between(ReduceTask):
    def __init__(self, among: Chain, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._among = among

    def _part(self) -> Any:
        self._onward = _Onward(self._among.onward(first_map_is_done=False))
        return self._onward

    def run(self) -> TaskDone:
        _Staged(self._among, super().run, self._among.reduced)()
        assert self._onward.done is not None
        return self._onward.done


class _LastReduce(ReduceTask):
    def __init__(self, among: Chain, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._among = among

    def run(self) -> TaskDone:
        return _Staged(self._among, super().run, self._among.reduced)()
