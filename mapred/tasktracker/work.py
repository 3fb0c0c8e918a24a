"""The attempts that a tracker has in hand, and which of them have a slot.

What has none waits, and starts in the order in which it came.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mapred.levels import NOTHING, feeding
from mapred.model import (
    PROCESS_FAMILY,
    AttemptId,
    Failure,
    Launch,
    MapOutput,
    TaskKind,
    TrackerInfo,
)
from mapred.task.messages import RunTask, TaskProgress
from mapred.tasktracker.settings import TaskTrackerSettings
from mapred.tasktracker.workdirs import carried_dir, code_dir, family_dir, log_dir, work_dir


@dataclass(slots=True)
class Work:
    """One attempt in hand."""

    launch: Launch
    # The last time that it showed a sign of life, or that it couldn't.
    moved_at: float
    stall_s: float
    # When it got a slot; None: it waits for one.
    started_at: float | None = None
    progress: TaskProgress = field(default_factory=lambda: TaskProgress(0.0, ""))
    # The maps whose outputs it begins with.
    feeding: range = NOTHING
    # Those of them whose output it can't have yet.
    missing: set[int] = field(default_factory=set)
    # The local directory that it works in; empty while it waits for a slot.
    root: str = ""
    # Why it is being ended: what will be reported when its process is gone.
    ending: Failure | None = None

    @property
    def started(self) -> bool:
        return self.started_at is not None

    def told(self, outputs: tuple[MapOutput, ...], now: float) -> None:
        """There are further outputs for it."""
        self.missing -= {output.map_index for output in outputs}
        self.moved_at = now
        if not self.started:
            self.launch = replace(self.launch, outputs=(*self.launch.outputs, *outputs))


def begun(order: Launch, now: float, settings: TaskTrackerSettings) -> Work:
    """The attempt, which waits for a slot."""
    work = Work(order, now, order.spec.stall_s or settings.stall_s)
    work.feeding = feeding(order.spec.settings, order.attempt, order.maps)
    work.missing = set(work.feeding) - {output.map_index for output in order.outputs}
    return work


def next_to_start(
    works: Mapping[AttemptId, Work], kind: TaskKind, info: TrackerInfo
) -> list[AttemptId]:
    """As many as there are slots for; `works` in the order in which they came."""
    slots, free, starting = info.slots(kind), info.slots(kind), []
    wanted: list[tuple[AttemptId, int]] = []
    for attempt, work in works.items():
        if attempt.kind is kind:
            takes = max(1, min(work.launch.spec.task_cpus, slots))
            if work.started:
                free -= takes
            else:
                wanted.append((attempt, takes))
    for attempt, takes in wanted:
        # None goes before an earlier one: the JobTracker knows by that which of them run.
        if takes > free:
            break
        free -= takes
        starting.append(attempt)
    return starting


def waiting(works: Mapping[AttemptId, Work], kind: TaskKind) -> list[AttemptId]:
    """What has no slot."""
    return [a for a, work in works.items() if a.kind is kind and not work.started]


def run_task(
    work: Work, first_root: str, tracker_id: str, settings: TaskTrackerSettings
) -> RunTask:
    """`first_root`: of those that are used, the first."""
    order, work_root = work.launch, work.root
    attempt, family = order.attempt, order.spec.settings.get(PROCESS_FAMILY)
    return RunTask(
        attempt,
        order.spec,
        work_dir=work_dir(work_root, attempt),
        log_dir=log_dir(work_root, attempt),
        code_dir=code_dir(work_root, attempt.job_id, order.spec),
        shared_dir=family_dir(first_root, family) if family else "",
        carried_dir=carried_dir(work_root, attempt),
        tracker_id=tracker_id,
        short_circuit=settings.short_circuit,
        split=order.split,
        maps=order.maps,
        careful=order.careful,
        outputs=order.outputs,
    )
