"""What the simulated jobs' tasks will do: how long they take, whether they fail, what they make.

The content of an output depends on the task alone, never on the attempt, the tracker or the
time: so it shows whether every map was read once and every part published once.
"""

import json
import random
import zlib
from dataclasses import dataclass, field
from typing import Final

from mapred.levels import levels_in
from mapred.model import (
    SKIPPING,
    AttemptId,
    FailureKind,
    JobSpec,
    RecordAt,
    TaskId,
    TaskKind,
)

# What a job's settings say that leaves out records that kill their process.
LEAVES_OUT: Final = {SKIPPING: json.dumps({"errors": True, "max": 2})}


@dataclass(slots=True)
class Plan:
    """One job's nature."""

    spec: JobSpec
    seconds: float
    # Shares of attempts.
    fails: float
    dies: float
    hangs: float
    # Finds its disk full.
    fills: float = 0.0
    # Shares of tasks: uses half as much memory again as the job asks for.
    swells: float = 0.0
    # Records of the first map that kill its process.
    deadly: tuple[RecordAt, ...] = ()
    # Trackers that lack something the job needs.
    unfit: frozenset[str] = frozenset()
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

    def make(self, spec: JobSpec, trackers: list[str]) -> Plan:
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
            fills=rng.choice([0.0, 0.0, 0.05]),
            swells=rng.choice([0.0, 0.3]) if spec.task_memory_bytes else 0.0,
            deadly=tuple((0, n) for n in range(rng.choice([0, 1, 2, 3])))
            if SKIPPING in spec.settings
            else (),
            unfit=frozenset(rng.sample(trackers, rng.randint(1, len(trackers))))
            if rng.random() < 0.1
            else frozenset(),
            poisoned=poisoned,
            poison=rng.choice([FailureKind.FAILED, FailureKind.FAILED, FailureKind.FATAL]),
        )
        self.by_name[spec.name] = plan
        return plan

    def of(self, spec: JobSpec) -> Plan:
        return self.by_name[spec.name]


def map_output(spec: JobSpec, index: int, fed: bytes = b"") -> tuple[bytes, ...]:
    """For each task that fetches from it. `fed`: what it has fetched itself."""
    levels = levels_in(spec.settings, len(spec.splits))
    mark = f"{zlib.crc32(fed):08x}" if fed else ""
    partitions = levels.partitions(levels.of(index), spec.reducers)
    return tuple(f"{spec.name}:m{index}{mark}>{part};".encode() for part in range(partitions))


def fed_to(spec: JobSpec, kind: TaskKind, index: int) -> bytes:
    """What a task fetches, in the order of the maps."""
    levels = levels_in(spec.settings, len(spec.splits))
    part = levels.partition(kind, index)
    return b"".join(
        map_output(spec, m, fed_to(spec, TaskKind.MAP, m))[part]
        for m in levels.feeding(kind, index)
    )


def map_part(name: str, index: int) -> bytes:
    """Of a job without reduces."""
    return f"{name}:m{index};".encode() * 20


def reduce_part(fed: bytes) -> bytes:
    return fed * 5


def uses_bytes(plan: Plan, task: TaskId) -> int:
    """Memory; the same for every attempt of the task."""
    swells = zlib.crc32(f"{plan.spec.name}{task.kind}{task.index}".encode()) % 100
    wanted = plan.spec.task_memory_bytes
    return wanted * 3 // 2 if swells < plan.swells * 100 else wanted


def records(kind: TaskKind, index: int) -> int:
    """What one task counts."""
    return (100 if kind is TaskKind.REDUCE else 1) * (index + 1)


def counters(attempt: AttemptId) -> dict[tuple[str, str], int]:
    return {
        ("task", f"{attempt.kind.value} records"): records(attempt.kind, attempt.index),
        ("task", "winners"): 1,
    }
