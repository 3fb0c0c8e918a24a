"""What the TaskTracker's core asks of its shell, in order."""

from dataclasses import dataclass
from typing import TypeAlias

from mapred.model import AttemptId, MapOutput
from mapred.task.messages import RunTask


@dataclass(frozen=True, slots=True)
class StartTask:
    """Give it to a process of its job, or to a new one."""

    task: RunTask


@dataclass(frozen=True, slots=True)
class SendOutputs:
    """Tell the process of this reduce."""

    attempt: AttemptId
    outputs: tuple[MapOutput, ...]


@dataclass(frozen=True, slots=True)
class EndTask:
    """End its process. `dump_stack`: have it write its stack to stderr first."""

    attempt: AttemptId
    dump_stack: bool = False


@dataclass(frozen=True, slots=True)
class KeepLogs:
    """The attempt has ended: what it said is kept beyond its job and this tracker."""

    attempt: AttemptId
    user: str
    failed: bool


@dataclass(frozen=True, slots=True)
class RemoveWork:
    """The attempt has left nothing that anybody needs; its logs stay."""

    attempt: AttemptId


@dataclass(frozen=True, slots=True)
class RemoveJob:
    """The job is over and no attempt of it is in hand: drop its processes and files."""

    job_id: str


@dataclass(frozen=True, slots=True)
class LookAtDirectories:
    """Something was strange about one of them."""


@dataclass(frozen=True, slots=True)
class LeaveDirectory:
    """Processes whose code lies there take no further task."""

    root: str


Action: TypeAlias = (
    StartTask
    | SendOutputs
    | EndTask
    | KeepLogs
    | RemoveWork
    | RemoveJob
    | LookAtDirectories
    | LeaveDirectory
)
