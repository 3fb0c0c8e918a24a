"""`self.ctx`: what user code sees of its task, and what it can tell the engine."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mapred.iterative.status import CARRIED
from mapred.model import AttemptId, Counters, JobSpec, Split
from mapred.params import Params

if TYPE_CHECKING:
    from mapred.iterative.broadcast import RoundSettings
    from mapred.task.sideoutputs import SideOutput, SideOutputs

# The driver has those of all tasks at once.
TOLD_MAX: Final = 10_000


class TaskContext:
    """One attempt's parameters, counters, status, split and job."""

    def __init__(
        self,
        *,
        params: Params,
        spec: JobSpec,
        attempt: AttemptId,
        split: Split | None = None,
        folder: Path = Path(),
        scratch: Path = Path(),
        shared: Path | None = None,
        tracker_id: str = "",
        on_status: Callable[[str], None] = lambda _: None,
        on_alive: Callable[[], None] = lambda: None,
    ) -> None:
        # Constant after construction.
        self.params = params
        self.job = spec
        self.attempt = attempt
        # The piece of input of this map; None in reduces.
        self.split = split
        # Which one of the task's, which may have several.
        self.file_number = 0
        self.is_last_file = True
        # What the mappers of a task's files have in common; each has one of its own.
        self.of_task: dict[str, Any] = {}
        # A folder on local disk for whatever the attempt likes; it may have to be made, and is
        # removed after it.
        self.scratch = scratch
        self._folder = folder
        # A folder of the job's family on this machine, and whose machine that is.
        self._shared = shared
        self._tracker_id = tracker_id
        self._on_status = on_status
        # A sign of life, as often as one likes.
        self.alive = on_alive
        # That of the attempt, for those that a stage has of its own.
        self._root = self
        # Owned by the task's main thread.
        # What is to be given back when the attempt ends, however it does.
        self.at_end = ExitStack()
        self.has_side_outputs = False
        # By `to_step`.
        self.told: list[tuple[Any, Any]] = []
        self._counts: defaultdict[tuple[str, str], int] = defaultdict(int)

    def count(self, group: str, name: str, amount: int = 1) -> None:
        """Adds to a counter of the job; attempts that fail don't count."""
        self._counts[group, name] += amount

    def output(self, name: str) -> "SideOutput":
        """One of the job's further `outputs`:  self.ctx.output("errors").write(key, value)"""
        return self.side_outputs.named(name)

    @cached_property
    def side_outputs(self) -> "SideOutputs":
        """All further files of this attempt."""
        from mapred.task.sideoutputs import SideOutputs

        if self._root is not self:
            return self._root.side_outputs
        self.has_side_outputs = True
        return SideOutputs(self.job, self.attempt)

    def beside(self, params: Params) -> "TaskContext":
        """The same attempt with parameters of another stage; counters and outputs are shared."""
        other = copy(self)
        other.params = params
        return other

    def status(self, text: str) -> None:
        """Says what the task is doing. Also a sign of life in the middle of a long record."""
        self._on_status(text)

    def file(self, path: str) -> Path:
        """Where a file of `Job.files`, or a module of the job, is on this machine."""
        return self._folder / path

    @property
    def split_number(self) -> int:
        """Which of all the splits of the loop this map reads, from 0: random numbers that are
        counted from it are the same however the splits are shared out to tasks.

        Raises:
            AttributeError: the job is no round of a loop.
        """
        return self._loop.first_splits[self.attempt.index] + self.file_number

    @cached_property
    def state(self) -> Any:
        """The loop's state in this round; its arrays are read-only.

        Raises:
            AttributeError: the job is no round of a loop.
        """
        from mapred.task.states import received

        return received(self._loop, self._shared, self._tracker_id, self.count)

    @cached_property
    def placed(self) -> Mapping[Any, Any]:
        """In a loop that carries its records on: what its placement has yielded for this
        partition, by key.

        Raises:
            AttributeError: there is no placement, or this task has no partition.
        """
        from mapred.iterative.placed import placed_for

        folder = str(self.scratch.parent)
        return placed_for(self.job, self.attempt.index, folder, self.count)

    @property
    def round(self) -> int:
        """Which round of the loop this is, from 1."""
        return self._loop.number

    @property
    def lineage(self) -> str:
        """Names the loop as its driver runs it: what a process remembers of one round for the next
        belongs to it."""
        return self._loop.lineage

    @cached_property
    def _loop(self) -> "RoundSettings":
        from mapred.iterative.broadcast import round_settings

        if loop := round_settings(self.job.settings):
            return loop
        raise AttributeError(
            "this job is no round of a loop, so it has no state and no round. "
            "Loops derive from mapred.iterative.IterativeJob"
        )

    def to_step(self, key: Any, value: Any) -> None:
        """A pair for `step`, in a loop that carries its records on: a sum, a count; little."""
        if CARRIED not in self.job.settings:
            raise RuntimeError(
                "to_step is for loops with  carries = True.  In others, what the reducer yields "
                "goes to step"
            )
        if len(self.told) >= TOLD_MAX:
            raise RuntimeError(
                f"a task can tell step {TOLD_MAX:,} pairs. Add up, and tell it in cleanup"
            )
        self.told.append((key, value))

    @property
    def counters(self) -> Counters:
        """So far, of this attempt."""
        return self._counts

    def __repr__(self) -> str:
        return f"TaskContext({self.attempt}, {self.params})"
