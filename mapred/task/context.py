"""`self.ctx`: what user code sees of its task, and what it can tell the engine."""

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from mapred.model import AttemptId, Counters, JobSpec, Split
from mapred.params import Params


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
        on_status: Callable[[str], None] = lambda _: None,
    ) -> None:
        # Constant after construction.
        self.params = params
        self.job = spec
        self.attempt = attempt
        # The piece of input of this map; None in reduces.
        self.split = split
        self._folder = folder
        self._on_status = on_status
        # Owned by the task's main thread.
        self._counts: defaultdict[tuple[str, str], int] = defaultdict(int)

    def count(self, group: str, name: str, amount: int = 1) -> None:
        """Adds to a counter of the job; attempts that fail don't count."""
        self._counts[group, name] += amount

    def status(self, text: str) -> None:
        """Says what the task is doing. Also a sign of life in the middle of a long record."""
        self._on_status(text)

    def file(self, path: str) -> Path:
        """Where a file of `Job.files`, or a module of the job, is on this machine."""
        return self._folder / path

    @property
    def counters(self) -> Counters:
        """So far, of this attempt."""
        return self._counts

    def __repr__(self) -> str:
        return f"TaskContext({self.attempt}, {self.params})"
