"""What the simulated jobs' tasks will do: how long they take, whether they fail, what they make.

The content of an output depends on the task alone, never on the attempt, the tracker or the
time: so it shows whether every map was read once and every part published once.
"""

import random
from dataclasses import dataclass, field

from mapred.model import AttemptId, FailureKind, JobSpec, TaskId, TaskKind


@dataclass(slots=True)
class Plan:
    """One job's nature."""

    spec: JobSpec
    seconds: float
    # Shares of attempts.
    fails: float
    dies: float
    hangs: float
    # A task that never succeeds, and how it fails.
    poisoned: tuple[str, int] | None = None
    poison: FailureKind = FailureKind.FAILED
    # What its attempts did, by task: failures that count.
    failures: dict[TaskId, int] = field(default_factory=dict)


class Plans:
    """By the name of the job's spec."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.by_name: dict[str, Plan] = {}
        # Where each attempt was started: an id is never used twice, whatever a JobTracker forgot.
        self.started: dict[AttemptId, str] = {}

    def make(self, spec: JobSpec) -> Plan:
        rng = self._rng
        poisoned = None
        if rng.random() < 0.08:
            kind = "r" if spec.reducers and rng.random() < 0.5 else "m"
            poisoned = (kind, 0)
        plan = Plan(
            spec,
            seconds=rng.choice([0.3, 1.0, 3.0]),
            fails=rng.choice([0.0, 0.05, 0.15]),
            dies=rng.choice([0.0, 0.03]),
            hangs=rng.choice([0.0, 0.03]),
            poisoned=poisoned,
            poison=rng.choice([FailureKind.FAILED, FailureKind.FAILED, FailureKind.FATAL]),
        )
        self.by_name[spec.name] = plan
        return plan

    def of(self, spec: JobSpec) -> Plan:
        return self.by_name[spec.name]


def map_output(name: str, index: int, partitions: int) -> tuple[bytes, ...]:
    return tuple(f"{name}:m{index}>{partition};".encode() for partition in range(partitions))


def map_part(name: str, index: int) -> bytes:
    """Of a job without reduces."""
    return f"{name}:m{index};".encode() * 20


def reduce_part(name: str, index: int, maps: int, reducers: int) -> bytes:
    return b"".join(map_output(name, m, reducers)[index] for m in range(maps)) * 5


def records(kind: TaskKind, index: int) -> int:
    """What one task counts."""
    return (100 if kind is TaskKind.REDUCE else 1) * (index + 1)


def counters(attempt: AttemptId) -> dict[tuple[str, str], int]:
    return {
        ("task", f"{attempt.kind.value} records"): records(attempt.kind, attempt.index),
        ("task", "winners"): 1,
    }
