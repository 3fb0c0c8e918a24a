"""Names of tasks and of their attempts. Immutable."""

from dataclasses import dataclass
from enum import Enum
from typing import Final


class TaskKind(Enum):
    """An open set. A service never ends by itself: it runs as long as its job does."""

    MAP = "m"
    REDUCE = "r"
    SERVICE = "s"

    __hash__ = object.__hash__  # asked all the time, and there is one object a kind


# Schedulers ask by the million: a look-up costs a tenth of TaskKind(letter).
_KIND_OF: Final = {kind.value: kind for kind in TaskKind}


@dataclass(frozen=True, slots=True, order=True)
class TaskId:
    """One task of a job: `index` counts from 0 within its kind."""

    job_id: str
    kind_letter: str
    index: int

    @property
    def kind(self) -> TaskKind:
        return _KIND_OF[self.kind_letter]

    def attempt(self, number: int) -> "AttemptId":
        return AttemptId(self, number)

    def __str__(self) -> str:
        return f"task_{self.job_id.removeprefix('job_')}_{self.kind_letter}_{self.index:06d}"


@dataclass(frozen=True, slots=True, order=True)
class AttemptId:
    """One try at one task: `number` counts from 0.

    It rises, also over restarts of the JobTracker, so it is the epoch of a service: who talks to
    one goes by the highest that he has seen, and whoever has a lower one is dead or soon will be.
    """

    task: TaskId
    number: int

    @property
    def job_id(self) -> str:
        return self.task.job_id

    @property
    def kind(self) -> TaskKind:
        return self.task.kind

    @property
    def index(self) -> int:
        return self.task.index

    def __str__(self) -> str:
        return f"attempt_{str(self.task).removeprefix('task_')}_{self.number}"
