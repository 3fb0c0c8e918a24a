"""What users subclass for a loop: where it starts, what a round makes of a state, when it ends.

    class Mean(IterativeJob):
        '''Moves towards the mean of the numbers, halfway each round.'''

        mapper, reducer = Differences, Sum       # both see self.ctx.state and self.ctx.round
        until = settled(1e-9) | max_rounds(100)

        def initial_state(self):
            return 0.0

        def step(self, state, output):           # output: the round's (key, value) pairs
            (_, (total, count)), = output
            return state + total / count / 2

The methods run in the driver, the mapper and reducer in tasks. A state is made of plain values
and NumPy arrays (packed.py). `output` comes in order of partition, and within one in order of
the reducer's pairs; values of a key reach the reducer in order of the splits. So with the same
input the states are the same, bit for bit, whoever did the work.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from mapred.columnar import BatchMapper, BlockMapper
from mapred.errors import JobDefinitionError
from mapred.formats import input_format
from mapred.iterative.conditions import Condition
from mapred.iterative.status import LOOP_SETTING
from mapred.job import Job
from mapred.model import JobSpec, Split
from mapred.ordering import TotalOrder
from mapred.params import Params
from mapred.records import Mapper
from mapred.storage import storage_for

Output = Iterable[tuple[Any, Any]]


class LoopContext:
    """`self.ctx` of an IterativeJob in the driver."""

    def __init__(self, params: Params, spec: JobSpec) -> None:
        self.params = params
        self.job = spec
        # Rounds done, and the state after them; before the first: 0 and None.
        self.round = 0
        self.state: Any = None

    def records(self) -> Iterator[tuple[Any, Any]]:
        """All input records in order, read here and now: for a start that depends on them."""
        for file in (file for split in self.job.splits for file in split.files):
            reader = input_format(file.format).reader(file, storage_for(file.uri))
            for keys, values in reader.batches():
                yield from zip(keys, values, strict=True)

    def random(self, seed: int) -> np.random.Generator:
        """Random numbers that depend on the seed alone: the same in a resumed loop."""
        return np.random.Generator(np.random.Philox(key=seed))

    def __repr__(self) -> str:
        return f"LoopContext(round {self.round}, {self.params})"


class IterativeJob(Job):
    """Subclass it; `initial_state`, `step` and `until` are needed."""

    settings: ClassVar[Mapping[str, str]] = {LOOP_SETTING: "true"}
    # Fixed over the loop. One: what a learning round reduces is small.
    reducers: ClassVar[int | None] = 1

    # A condition, several joined with |, or a method until(self, turn).
    until: ClassVar[Condition | Callable[..., Any] | None] = None
    # A job of the same module, with a reducer, that goes before the first round. It reads the
    # loop's input and sees the state that the loop begins with, or goes on with after a resume:
    # what it makes may depend on what is the same in both. The rounds read what its reducers
    # yield, in the input's stead. Each reducer's pairs are one split, which stays where it was
    # made, and decoded with whoever reads it; when that one dies, another reads the file.
    # In a loop that carries its records on it has as many reducers as the loop, and the rounds
    # don't read what they yield, but find it by its key in  self.ctx.placed.
    placement: ClassVar[type[Job] | None] = None
    # Whether the rounds' records go on from round to round: what the reducer of a round yields is
    # what its mapper gets next, as it is, in the same task. The input is mapped before the first
    # round (by the mappers of `inputs`, if it's to be read by others); a round is a reduce and the
    # map of what it yields, both with the state of before the round; `step` gets what they say by
    # self.ctx.to_step(key, value), in order of partition; and what the last round's reducers
    # have yielded is the loop's output. There is a task for each of the `reducers`, in each round.
    carries: ClassVar[bool] = False
    # Makes that output of it, if it isn't to be written as it was carried.
    ending: ClassVar[type[Mapper] | None] = None
    # Rounds between two checkpoints; 0: only the last state is kept.
    checkpoint_every: ClassVar[int] = 0
    # How much decoded input a worker process keeps in memory from round to round, bytes; what is
    # more is mapped from files. 0: it keeps none.
    pinned_bytes: ClassVar[int] = 256 * 1024 * 1024

    ctx: LoopContext

    def initial_state(self) -> Any:
        """Before the first round."""
        raise NotImplementedError(f"{type(self).__name__} has no initial_state(self)")

    def step(self, state: Any, output: Output) -> Any:
        """The next state; it must be a new value, and may return early without reading all."""
        raise NotImplementedError(f"{type(self).__name__} has no step(self, state, output)")

    def reads(self, state: Any, split: Split) -> bool:
        """Whether the round that begins with `state` reads a split; at least one it must."""
        return True

    def parts(self, state: Any) -> int:
        """How many reducers the placement has: the same for any state of a loop, and for any number
        of workers. 0: the rounds read the input as it is."""
        return 0

    def distance(self, old: Any, new: Any) -> float:
        """How far a round has moved the state: the largest change of any number in it."""
        return largest_change(old, new)

    def metrics(self, turn: "Round") -> Mapping[str, float]:
        """What to show of a round: a few scalars by name."""
        return {}

    def result(self, state: Any) -> Output:
        """What the loop writes as its output."""
        match state:
            case dict():
                return state.items()
            case list() | tuple():
                return enumerate(state)
            case np.ndarray() if state.ndim:
                return enumerate(state.tolist())
            case _:
                return [("state", state)]


class Round:
    """A round just done; what `until` and `metrics` see."""

    def __init__(self, job: IterativeJob, number: int, previous: Any, state: Any) -> None:
        # From 1.
        self.number = number
        self.previous = previous
        self.state = state
        self._job = job

    @cached_property
    def distance(self) -> float:
        """Between the two states, by the job's own measure."""
        return float(self._job.distance(self.previous, self.state))

    @cached_property
    def metrics(self) -> dict[str, float]:
        return {name: float(value) for name, value in self._job.metrics(self).items()}

    def __repr__(self) -> str:
        return f"Round({self.number}, {self.metrics})"


def check_loop(job: type[IterativeJob]) -> None:
    """Finds what would fail at the first round.

    Raises:
        JobDefinitionError: something that a loop needs is missing or of the wrong kind.
    """
    for name in ("initial_state", "step"):
        if getattr(job, name) is getattr(IterativeJob, name):
            raise JobDefinitionError(f"{job.__name__} is an IterativeJob without {name}(self, …)")
    if not callable(job.until):
        raise JobDefinitionError(
            f"{job.__name__}.until is {job.until!r}: a loop must know when to end. Such as\n"
            "  until = settled(1e-6) | max_rounds(50)     (from mapred.iterative)"
        )
    if job.carries:
        _check_carrying(job)
    elif job.ending is not None:
        raise JobDefinitionError(
            f"{job.__name__}.ending is for loops with  carries = True.  Of others, result(self, "
            "state) says what is written"
        )
    if job.placement is not None:
        _check_placement(job, job.placement)
    if job.checkpoint_every < 0 or job.pinned_bytes < 0:
        raise JobDefinitionError(
            f"{job.__name__}: checkpoint_every and pinned_bytes can't be below 0"
        )


def _check_carrying(job: type[IterativeJob]) -> None:
    name, mapper = job.__name__, getattr(job, "mapper", None)
    if job.reducer is None or mapper is None:
        raise JobDefinitionError(
            f"{name} carries its records on: it needs a reducer, and a mapper for what that yields"
        )
    for role, kind in (("mapper", mapper), ("ending", job.ending or mapper)):
        if not _maps_pairs(kind):
            raise JobDefinitionError(
                f"{name}.{role} is {kind!r}: it gets pairs, so it must be a mapred.Mapper "
                "of records, not of batches or blocks"
            )
    if job.outputs:
        raise JobDefinitionError(f"{name} carries its records on, and can't have further outputs")
    _check_parts(job)


def _check_parts(job: type[IterativeJob]) -> None:
    name, placement = job.__name__, job.placement
    if placement is not None:
        _check_placement(job, placement)
        for what in ("partitioner", "group_by"):
            if getattr(placement, what) != getattr(job, what):
                raise JobDefinitionError(
                    f"{name}.placement must have the {what} of {name}: what it yields for a key is "
                    "looked for where the key's records are"
                )
    if job.parts is not IterativeJob.parts:
        raise JobDefinitionError(
            f"{name} carries its records on: its placement has a part for each of its reducers, "
            "and  parts(self, state)  says nothing"
        )
    if job.partitioner is not None and issubclass(job.partitioner, TotalOrder):
        raise JobDefinitionError(
            f"{name} carries its records on, whose ranges of keys aren't those of the input: "
            "its partitioner can't be TotalOrder"
        )


def _maps_pairs(kind: object) -> bool:
    if not (isinstance(kind, type) and issubclass(kind, Mapper)):
        return False
    return not issubclass(kind, BatchMapper | BlockMapper)


def _check_placement(job: type[IterativeJob], placement: type[Job]) -> None:
    name = f"{job.__name__}.placement"
    if not (isinstance(placement, type) and issubclass(placement, Job)):
        raise JobDefinitionError(f"{name} is {placement!r}, which is no Job class")
    if placement.reducer is None or issubclass(placement, IterativeJob):
        raise JobDefinitionError(
            f"{name} is {placement.__name__}: a job with a reducer is needed, and no loop"
        )


def largest_change(old: Any, new: Any) -> float:
    """Of numbers, arrays, and tuples, lists and dicts of them; infinite where the shape changed.

    Raises:
        TypeError: there is something else in the state; then `distance` must be defined.
    """
    if isinstance(new, dict) and isinstance(old, dict):
        if old.keys() != new.keys():
            return float("inf")
        return max((largest_change(old[key], new[key]) for key in new), default=0.0)
    if isinstance(new, list | tuple) and isinstance(old, list | tuple):
        if len(old) != len(new):
            return float("inf")
        return max((largest_change(a, b) for a, b in zip(old, new, strict=True)), default=0.0)
    if _is_number(old) and _is_number(new):
        if np.shape(old) != np.shape(new):
            return float("inf")
        change = np.abs(np.subtract(new, old, dtype=np.result_type(old, new, np.float64)))
        return float(np.max(change, initial=0.0))
    raise TypeError(
        f"the change from {type(old).__name__} to {type(new).__name__} can't be measured: "
        "define distance(self, old, new) in the job"
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | complex | np.number | np.ndarray)
