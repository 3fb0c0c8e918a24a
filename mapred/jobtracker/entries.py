"""What the JobTracker writes down: one dataclass per kind of journal entry.

Replaying the entries of a job in order makes the job again, attempt for attempt. An
`AttemptLaunched` need not be durable before the launch goes out (numbers of a later epoch
never collide with earlier ones, see `Job.next_number`); every other entry is.
"""

from dataclasses import dataclass, field
from typing import Final, TypeAlias

from mapred.jobtracker.attempts import Event
from mapred.model import AttemptId, Failure, JobSpec, JobState, JobStatus, MapOutput, Priority

# (group, name, value): JSON has no tuples as keys.
CounterList: TypeAlias = tuple[tuple[str, str, int], ...]


@dataclass(frozen=True, slots=True)
class EpochBegan:
    """The JobTracker started; jobs submitted so far were `jobs_made`."""

    epoch: int
    jobs_made: int


@dataclass(frozen=True, slots=True)
class JobSubmitted:
    job_id: str
    request_id: str
    spec: JobSpec
    epoch: int
    # Wall clock, for people.
    at_s: float


@dataclass(frozen=True, slots=True)
class OutputPrepared:
    """The output directory has been made and belongs to this job."""

    job_id: str


@dataclass(frozen=True, slots=True)
class PriorityChanged:
    """Of a running job, by a client."""

    job_id: str
    priority: Priority


@dataclass(frozen=True, slots=True)
class TrackerDuty:
    """An administrator wants the tracker to be drained, or to work again."""

    tracker_id: str
    drained: bool


@dataclass(frozen=True, slots=True)
class AttemptLaunched:
    attempt: AttemptId
    tracker_id: str
    host: str
    # Wall clock, for people: no rule asks for it.
    at_s: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class AttemptMoved:
    """An event of attempts.py; what it brought is set where that event brings it."""

    attempt: AttemptId
    event: Event
    failure: Failure | None = None
    counters: CounterList = ()
    output: MapOutput | None = None
    temporary_uri: str = ""
    final_name: str = ""
    further: tuple[str, ...] = ()
    at_s: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class JobEnding:
    """The verdict is in; what is left is to publish (SUCCEEDED) or to clean up."""

    job_id: str
    verdict: JobState
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True)
class JobEnded:
    """`state` may be worse than the verdict: publishing can fail."""

    job_id: str
    state: JobState
    at_s: float
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True)
class JobArchived:
    """An ended job as a later epoch keeps it; without counters in the status."""

    job_id: str
    request_id: str
    status: JobStatus
    counters: CounterList


@dataclass(frozen=True, slots=True)
class NotificationDue:
    """Of an ended job: whom to tell, and how often it may still be tried.

    Follows from `JobEnded`; a snapshot without the job's story says it.
    """

    job_id: str
    url: str
    attempts: int
    interval_s: float
    timeout_s: float


@dataclass(frozen=True, slots=True)
class NotificationTried:
    """Somebody was told that the job has ended; `error` says why he wasn't."""

    job_id: str
    url: str
    at_s: float
    error: str = ""


@dataclass(frozen=True, slots=True)
class JobForgotten:
    """Too old to be kept."""

    job_id: str


Entry: TypeAlias = (
    EpochBegan
    | JobSubmitted
    | OutputPrepared
    | PriorityChanged
    | TrackerDuty
    | AttemptLaunched
    | AttemptMoved
    | JobEnding
    | JobEnded
    | JobArchived
    | NotificationDue
    | NotificationTried
    | JobForgotten
)

ENTRY_KINDS: Final[dict[str, type[Entry]]] = {
    kind.__name__: kind
    for kind in (
        EpochBegan,
        JobSubmitted,
        OutputPrepared,
        PriorityChanged,
        TrackerDuty,
        AttemptLaunched,
        AttemptMoved,
        JobEnding,
        JobEnded,
        JobArchived,
        NotificationDue,
        NotificationTried,
        JobForgotten,
    )
}


def needs_sync(entry: Entry) -> bool:
    """Whether nothing may be told before this entry is durable."""
    return not isinstance(entry, AttemptLaunched)


def counter_list(counters: dict[tuple[str, str], int]) -> CounterList:
    return tuple((group, name, value) for (group, name), value in sorted(counters.items()))
