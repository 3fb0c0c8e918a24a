"""How a job went, or goes, from its story: attempts with their times, phases, stragglers, failures.

Pure: what comes in are journal entries, in order.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any, Final

from mapred.jobtracker.attempts import Event
from mapred.jobtracker.entries import AttemptLaunched, AttemptMoved, Entry, JobEnded, JobSubmitted
from mapred.model import AttemptId, Failure, JobSpec, JobState, TaskKind

# An attempt this many times as long as the median of its phase is a straggler, if by a second.
STRAGGLER_FACTOR: Final = 1.5
STRAGGLER_MARGIN_S: Final = 1.0
_ENDS: Final = {
    Event.OUTPUT_MADE: "succeeded",
    Event.COMMITTED: "succeeded",
    Event.FAILED: "failed",
    Event.KILLED: "killed",
    Event.NODE_LOST: "lost",
    Event.OUTPUT_LOST: "output lost",
    Event.OUTPUT_FOUND: "succeeded",
}
_PHASES: Final = {TaskKind.MAP: "map", TaskKind.REDUCE: "reduce", TaskKind.SERVICE: "service"}


@dataclass(slots=True)
class AttemptStory:
    """One attempt: where, from when to when, and how it ended."""

    id: AttemptId
    host: str
    tracker_id: str
    started_at_s: float
    ended_at_s: float = 0.0
    outcome: str = "running"
    counters: Mapping[str, int] = field(default_factory=dict)
    failure: Failure | None = None

    @property
    def took_s(self) -> float:
        return max(0.0, self.ended_at_s - self.started_at_s) if self.ended_at_s else 0.0


@dataclass(frozen=True, slots=True)
class PhaseStory:
    """All attempts of one kind; times are of those that succeeded."""

    name: str
    tasks: int
    outcomes: Mapping[str, int]
    # Least, quartiles, most; empty without any.
    seconds: tuple[float, ...]
    counters: Mapping[str, int]
    stragglers: Sequence[AttemptStory]


@dataclass(frozen=True, slots=True)
class JobStory:
    """One that runs has `ended_at_s` now."""

    id: str
    spec: JobSpec
    submitted_at_s: float
    ended_at_s: float
    state: str
    attempts: Sequence[AttemptStory]
    phases: Sequence[PhaseStory]
    # Maps that ran on a host with their split, and all.
    maps_local: int
    maps_run: int


def story_of(entries: Iterable[Entry], now_s: float | None = None) -> JobStory | None:
    """None: they don't begin with a submit and end with the job; with `now_s` it may still run."""
    submitted: JobSubmitted | None = None
    ended: JobEnded | None = None
    attempts: dict[AttemptId, AttemptStory] = {}
    for entry in entries:
        match entry:
            case JobSubmitted():
                submitted = entry
            case JobEnded():
                ended = entry
            case AttemptLaunched():
                attempts[entry.attempt] = AttemptStory(
                    entry.attempt, entry.host, entry.tracker_id, entry.at_s
                )
            case AttemptMoved() if entry.attempt in attempts:
                _move(attempts[entry.attempt], entry)
            case _:
                pass
    ended_at_s = now_s if ended is None else ended.at_s
    if submitted is None or ended_at_s is None:
        return None
    spec, all_of_them = submitted.spec, list(attempts.values())
    maps = [one for one in all_of_them if one.id.kind is TaskKind.MAP]
    # Services never end, and have no quartiles.
    tasks = {TaskKind.MAP: len(spec.splits), TaskKind.REDUCE: spec.reducers}
    return JobStory(
        id=submitted.job_id,
        spec=spec,
        submitted_at_s=submitted.at_s,
        ended_at_s=ended_at_s,
        state=(ended.state if ended else JobState.RUNNING).value,
        attempts=all_of_them,
        phases=[_phase(kind, tasks[kind], all_of_them) for kind in tasks if tasks[kind]],
        maps_local=sum(one.host in spec.splits[one.id.index].hosts for one in maps),
        maps_run=len(maps),
    )


def _move(attempt: AttemptStory, entry: AttemptMoved) -> None:
    if entry.counters:
        # Of the engine; the user's are in the job's status.
        attempt.counters = {name: value for group, name, value in entry.counters if group == "task"}
    if entry.failure is not None:
        attempt.failure = entry.failure
    outcome = _ENDS.get(entry.event)
    if outcome is None or attempt.outcome not in ("running", "succeeded", "output lost"):
        return
    if attempt.outcome == "running":
        attempt.ended_at_s = entry.at_s
    elif entry.event not in (Event.OUTPUT_LOST, Event.OUTPUT_FOUND):
        return
    attempt.outcome = outcome


def _phase(kind: TaskKind, tasks: int, attempts: Sequence[AttemptStory]) -> PhaseStory:
    own = [one for one in attempts if one.id.kind is kind]
    good = sorted((one for one in own if one.outcome == "succeeded"), key=lambda one: one.took_s)
    times = [one.took_s for one in good]
    seconds: tuple[float, ...] = ()
    if times:
        middle = quantiles(times, n=4, method="inclusive") if len(times) > 1 else times * 3
        seconds = (times[0], *middle, times[-1])
    counters: Counter[str] = Counter()
    for one in good:
        counters.update(one.counters)
    slow = max(STRAGGLER_FACTOR * seconds[2], seconds[2] + STRAGGLER_MARGIN_S) if seconds else 0.0
    return PhaseStory(
        name=_PHASES[kind],
        tasks=tasks,
        outcomes=dict(Counter(one.outcome for one in own)),
        seconds=seconds,
        counters=dict(counters),
        stragglers=[one for one in reversed(good) if one.took_s > slow],
    )


def as_object(story: JobStory) -> dict[str, Any]:
    """For JSON."""
    return {
        "job_id": story.id,
        "name": story.spec.name,
        "user": story.spec.user,
        "state": story.state,
        "submitted_at_s": story.submitted_at_s,
        "finished_at_s": 0.0 if story.state == JobState.RUNNING.value else story.ended_at_s,
        "maps_local": story.maps_local,
        "maps_run": story.maps_run,
        "phases": {
            phase.name: {
                "tasks": phase.tasks,
                "outcomes": dict(phase.outcomes),
                "seconds": list(phase.seconds),
                "counters": dict(phase.counters),
                "stragglers": [str(one.id) for one in phase.stragglers],
            }
            for phase in story.phases
        },
        "attempts": [
            {
                "id": str(one.id),
                "host": one.host,
                "tracker": one.tracker_id,
                "started_at_s": one.started_at_s,
                "ended_at_s": one.ended_at_s,
                "outcome": one.outcome,
                "reason": one.failure.reason if one.failure else "",
                "counters": dict(one.counters),
            }
            for one in story.attempts
        ],
    }


def as_trace(story: JobStory) -> dict[str, Any]:
    """For chrome://tracing and Perfetto: a process a tracker, a row for what ran side by side."""
    events: list[dict[str, Any]] = []
    trackers = {tracker: place for place, tracker in enumerate(_trackers(story), start=1)}
    # Of each tracker, when its rows become free.
    rows: dict[str, list[float]] = {tracker: [] for tracker in trackers}
    for tracker, number in trackers.items():
        name = {"name": tracker}
        events.append({"ph": "M", "name": "process_name", "pid": number, "tid": 0, "args": name})
    for one in sorted(story.attempts, key=lambda one: one.started_at_s):
        ended_at_s = one.ended_at_s or story.ended_at_s
        events.append(
            {
                "ph": "X",
                "name": str(one.id),
                "cat": _PHASES[one.id.kind],
                "pid": trackers[one.tracker_id],
                "tid": _row(rows[one.tracker_id], one.started_at_s, ended_at_s),
                "ts": round(one.started_at_s * 1e6),
                "dur": round(max(0.0, ended_at_s - one.started_at_s) * 1e6),
                "args": {"outcome": one.outcome, "host": one.host, **one.counters},
            }
        )
    return {"traceEvents": events, "displayTimeUnit": "ms"}


def _trackers(story: JobStory) -> list[str]:
    return sorted({one.tracker_id for one in story.attempts})


def _row(free_at: list[float], start: float, end: float) -> int:
    for row, at in enumerate(free_at):
        if at <= start:
            free_at[row] = end
            return row
    free_at.append(end)
    return len(free_at) - 1
