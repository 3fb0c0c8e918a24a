"""How much of a tracker an attempt is promised, and how much memory it may use. Pure.

Rules
- A task takes as many slots as it asks for processors.
- A task that asks for memory is promised that much, and ended when it uses more.
- One that asks for nothing is promised its tracker's share per slot. It may use more as long as
  the tracker has it; when that is used up, whoever is furthest above his promise is ended.
- A task that was ended for its memory is promised twice as much from then on, once.
- Nobody is promised more than a tracker has.
"""

from typing import Final, NamedTuple

from mapred.jobtracker.attempts import Task
from mapred.model import JobSpec, TaskKind, TrackerInfo

MORE: Final = 2


class Portion(NamedTuple):
    """Of a tracker, what one attempt has."""

    memory_bytes: int = 0
    slots: int = 1


def portion_of(spec: JobSpec, task: Task | None, kind: TaskKind, info: TrackerInfo) -> Portion:
    slots = 1 if spec.task_cpus == 1 else max(1, min(spec.task_cpus, info.slots(kind)))
    return Portion(promised_bytes(spec, task, info), slots)


def promised_bytes(spec: JobSpec, task: Task | None, info: TrackerInfo) -> int:
    """0: the tracker doesn't watch memory."""
    wanted = spec.task_memory_bytes or info.share_bytes
    if task is not None and task.grew_too_large:
        wanted *= MORE
    return min(wanted, info.memory_bytes)


def limit_bytes(spec: JobSpec, task: Task, info: TrackerInfo) -> int:
    """0: none but the tracker's own."""
    if not info.memory_bytes or not spec.task_memory_bytes:
        return 0
    return promised_bytes(spec, task, info)
