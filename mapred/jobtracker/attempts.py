"""Which attempts of one task exist, and what each event does to them.

Rules
- At most one attempt of a task commits: `Task.apply` refuses a second one.
- `failed` counts against the job's limit of attempts; `killed` and `lost` don't; a `fatal`
  failure is `failed` here and ends the job (jobs.py).
- An attempt that publishes a part file commits first: the JobTracker journals COMMITTING,
  renames, and journals COMMITTED. Its tracker is not needed for that, so a lost node
  doesn't stop a commit, and a kill waits until the commit's outcome is known.
- A map whose output stays on its tracker succeeds without a commit, unless it has further
  files to publish; the output may get lost later, and may be found again when the tracker
  comes back. A map that runs again publishes its further files again, over the same names.
- News of an attempt that has ended changes nothing.
- A service never succeeds: its attempts end failed, killed (with its job, at last) or lost, and
  the next one has a higher number, which is its epoch.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from mapred.model import AttemptId, Counters, Failure, FailureKind, MapOutput, TaskId, TaskKind

# Four: a task that fails on four nodes fails because of itself (Hadoop's default).
ATTEMPTS_MAX: Final = 4


class State(Enum):
    RUNNING = "running"
    COMMITTING = "committing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    KILLED = "killed"
    LOST = "lost"

    __hash__ = object.__hash__


class Event(Enum):
    # A map's output lies on its tracker's disk.
    OUTPUT_MADE = "output made"
    # A part file lies under _temporary.
    PART_WRITTEN = "part written"
    # The part file has its final name.
    COMMITTED = "committed"
    FAILED = "failed"
    KILLED = "killed"
    NODE_LOST = "node lost"
    # A map's output can't be had any more.
    OUTPUT_LOST = "output lost"
    # Its tracker came back and still holds it.
    OUTPUT_FOUND = "output found"

    __hash__ = object.__hash__


TRANSITIONS: Final = {
    (State.RUNNING, Event.OUTPUT_MADE): State.SUCCEEDED,
    (State.RUNNING, Event.PART_WRITTEN): State.COMMITTING,
    (State.RUNNING, Event.FAILED): State.FAILED,
    (State.RUNNING, Event.KILLED): State.KILLED,
    (State.RUNNING, Event.NODE_LOST): State.LOST,
    (State.COMMITTING, Event.COMMITTED): State.SUCCEEDED,
    (State.COMMITTING, Event.FAILED): State.FAILED,
    (State.COMMITTING, Event.KILLED): State.COMMITTING,
    (State.COMMITTING, Event.NODE_LOST): State.COMMITTING,
    (State.SUCCEEDED, Event.OUTPUT_LOST): State.LOST,
    (State.LOST, Event.OUTPUT_FOUND): State.SUCCEEDED,
} | {
    (ended, event): ended
    for ended in (State.SUCCEEDED, State.FAILED, State.KILLED, State.LOST)
    for event in (
        Event.OUTPUT_MADE,
        Event.PART_WRITTEN,
        Event.FAILED,
        Event.KILLED,
        Event.NODE_LOST,
    )
}


class IllegalTransition(AssertionError):
    """The machine asked for what the table doesn't have: a bug; the message has the story."""


@dataclass(slots=True)
class Attempt:
    """One try. `state` changes by `Task.apply` only."""

    id: AttemptId
    tracker_id: str
    host: str
    state: State = State.RUNNING
    counters: Counters = field(default_factory=dict)
    output: MapOutput | None = None
    # Of part files: where it was written and the name it gets.
    temporary_uri: str = ""
    final_name: str = ""
    further: tuple[str, ...] = ()
    failure: Failure | None = None
    # Not journaled: when it was launched (monotonic), whether it waits behind another there
    # (then `launched_at` is when it began to), and how far it is.
    launched_at: float = 0.0
    queued: bool = False
    fraction: float = 0.0
    phase: str = ""

    @property
    def live(self) -> bool:
        return self.state in (State.RUNNING, State.COMMITTING)


class Task:
    """One task's attempts, and the one that won."""

    def __init__(self, task_id: TaskId) -> None:
        self.id = task_id
        self.attempts: dict[int, Attempt] = {}
        self.winner: Attempt | None = None
        self.failures = 0
        # Losses of an output whose tracker was alive all the time.
        self.outputs_unfetchable = 0
        # Trackers where an attempt failed: a retry prefers another.
        self.failed_on: set[str] = set()
        # An attempt was ended for its memory: the next ones get more.
        self.grew_too_large = False
        self._story: list[str] = []

    def __repr__(self) -> str:
        states = ", ".join(f"{n}:{a.state.value}" for n, a in self.attempts.items())
        return f"Task({self.id}, {states or 'no attempt'})"

    @property
    def done(self) -> bool:
        return self.winner is not None

    @property
    def live_attempts(self) -> list[Attempt]:
        return [attempt for attempt in self.attempts.values() if attempt.live]

    @property
    def committing(self) -> Attempt | None:
        return next((a for a in self.attempts.values() if a.state is State.COMMITTING), None)

    def story(self) -> str:
        """All that happened to this task, a line an event."""
        return "\n".join(self._story)

    def launch(self, attempt: Attempt) -> None:
        if attempt.id.number in self.attempts:
            raise IllegalTransition(f"{attempt.id} was launched before:\n{self.story()}")
        self.attempts[attempt.id.number] = attempt
        self._story.append(f"{attempt.id.number} launched on {attempt.tracker_id}")

    def after(self, number: int, event: Event) -> State:
        """The state that the event would lead to.

        Raises:
            IllegalTransition: the table doesn't have it.
        """
        attempt = self.attempts[number]
        following = TRANSITIONS.get((attempt.state, event))
        if following is None:
            raise IllegalTransition(
                f"{attempt.id}: {event.name} in {attempt.state.name}:\n{self.story()}"
            )
        return following

    def apply(self, number: int, event: Event, failure: Failure | None = None) -> State:
        """Moves one attempt by the table.

        Raises:
            IllegalTransition: the table doesn't have it, or another attempt has won or commits.
        """
        attempt = self.attempts[number]
        following = self.after(number, event)
        if following is attempt.state:
            return following
        if self.id.kind is TaskKind.SERVICE and event in (Event.OUTPUT_MADE, Event.PART_WRITTEN):
            raise IllegalTransition(f"{attempt.id}: a service succeeds never:\n{self.story()}")
        self._story.append(f"{number} {event.value} ({attempt.state.name} to {following.name})")
        if following in (State.COMMITTING, State.SUCCEEDED):
            self._refuse_second(attempt)
        if attempt is self.winner:
            self.winner = None
        attempt.state = following
        if following is State.SUCCEEDED:
            self.winner = attempt
        elif following is State.FAILED:
            self.failures += 1
            self.failed_on.add(attempt.tracker_id)
            attempt.failure = failure
        elif failure is not None:
            attempt.failure = failure
        self.grew_too_large |= bool(failure and failure.peak_bytes)
        if event is Event.OUTPUT_LOST and failure and failure.kind is FailureKind.FAILED:
            self.outputs_unfetchable += 1
            self.failed_on.add(attempt.tracker_id)
        return following

    def _refuse_second(self, attempt: Attempt) -> None:
        others = [self.winner, self.committing]
        if any(other is not None and other is not attempt for other in others):
            raise IllegalTransition(f"{attempt.id} would be the second:\n{self.story()}")
