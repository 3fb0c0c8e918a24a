"""What the core asks of its shell, in this order: make `entries` durable, then perform
`actions` and tell those who watch `changed` jobs. The heartbeats of `wakes` are answered at
once: orders may go out before, acknowledgements may not.

Actions touch storage and are performed outside; each comes back once, as an `Outcome`.
Repeating one is safe: every action first looks whether it has been done. Actions are done in
the name of the job's `user`, so that its output is his; "" is the JobTracker's own.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Final, TypeAlias

from mapred.errors import MapredError
from mapred.jobtracker.attempts import Attempt
from mapred.jobtracker.entries import Entry
from mapred.jobtracker.jobs import Job
from mapred.jobtracker.trackers import Tracker
from mapred.model import AttemptId, MapOutput


@dataclass(frozen=True, slots=True)
class PrepareOutput:
    """Make the output directory, which must not exist, for this job."""

    job_id: str
    output_uri: str
    user: str = ""


@dataclass(frozen=True, slots=True)
class CommitPart:
    """Give a written part file its final name, and further files theirs.

    `source` is empty when an attempt has written no part.
    """

    attempt: AttemptId
    source: str
    target: str
    user: str = ""
    further: tuple[tuple[str, str], ...] = ()

    @property
    def job_id(self) -> str:
        return self.attempt.job_id


@dataclass(frozen=True, slots=True)
class PublishOutput:
    """Write _SUCCESS, then remove _temporary."""

    job_id: str
    output_uri: str
    # The text of _SUCCESS.
    success: str
    user: str = ""


@dataclass(frozen=True, slots=True)
class RemoveOutput:
    """The job failed or was killed: remove what it has written, so that it can run again."""

    job_id: str
    output_uri: str
    user: str = ""


Action: TypeAlias = PrepareOutput | CommitPart | PublishOutput | RemoveOutput


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an action; `error` says why it can't be done."""

    action: Action
    error: MapredError | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    entries: tuple[Entry, ...] = ()
    actions: tuple[Action, ...] = ()
    # Trackers that have orders waiting.
    wakes: frozenset[str] = frozenset()
    # Jobs of which clients may see something new.
    changed: frozenset[str] = frozenset()


# Of a heartbeat without news.
NOTHING: Final = Ready()


class Draft:
    """Collects one Ready."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.actions: list[Action] = []
        self.wakes: set[str] = set()
        # Jobs of which entries tell, and others of which there is something new to see.
        self.recorded: set[str] = set()
        self.changed: set[str] = set()
        # Without an entry: a tracker registered, or a killed attempt is gone.
        self.slots_freed = False
        # Trackers that have told of an end.
        self.reported: dict[str, Tracker] = {}
        # Map outputs to tell the reduces of each job, together.
        self.outputs: defaultdict[str, list[MapOutput]] = defaultdict(list)

    def take(self) -> Ready:
        if not (self.entries or self.actions or self.wakes or self.changed or self.recorded):
            self.slots_freed, self.reported = False, {}
            return NOTHING
        ready = Ready(
            tuple(self.entries),
            tuple(self.actions),
            frozenset(self.wakes),
            frozenset(self.changed | self.recorded),
        )
        self.entries, self.actions = [], []
        self.wakes, self.changed, self.recorded = set(), set(), set()
        self.slots_freed = False
        self.reported = {}
        return ready


def commit_of(job: Job, attempt: Attempt) -> CommitPart:
    root = job.spec.output_uri.rstrip("/")
    final_uri = f"{root}/{attempt.final_name}"
    further = tuple(
        (f"{root}/_temporary/{attempt.id}/{path}", f"{root}/{path}") for path in attempt.further
    )
    return CommitPart(attempt.id, attempt.temporary_uri, final_uri, job.spec.user, further)
