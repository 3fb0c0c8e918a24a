"""Records that kill the process that maps them, of jobs that leave out what fails. Pure.

Rules
- Such a job (`on_error = "skip"`) leaves out exceptions in its first attempt (task/skipping.py).
  A process that dies leaves no exception: when a task has failed twice, or for the last time
  but one, its next attempt goes carefully, and says which record it is at.
- When it dies in one, too, that record is left out from then on. This doesn't count as a failure,
  as long as the task has left out no more than `skipped_max`.
"""

import json
from dataclasses import replace
from typing import Any, Final

from mapred.jobtracker.attempts import Task
from mapred.model import SKIPPING, Failure, FailureKind, JobSpec, RecordAt, TaskKind

# Hadoop begins then, too.
FAILURES_BEFORE: Final = 2


def careful(spec: JobSpec, task: Task) -> tuple[RecordAt, ...] | None:
    """What the task's next attempt leaves out; None: it need not be careful."""
    if task.id.kind is not TaskKind.MAP or SKIPPING not in spec.settings:
        return None
    if not task.failures or task.failures < min(FAILURES_BEFORE, spec.attempts_max - 1):
        return None
    return left_out(task) if _wishes(spec).get("errors") else None


def left_out(task: Task) -> tuple[RecordAt, ...]:
    failures = [attempt.failure for attempt in task.attempts.values()]
    return tuple(
        one.record for one in failures if one and one.kind is FailureKind.RECORD and one.record
    )


def judged(spec: JobSpec, task: Task, failure: Failure) -> Failure:
    """The failure of an attempt whose process died in a record."""
    most = int(_wishes(spec).get("max", 0))
    if len(left_out(task)) < most:
        return replace(failure, kind=FailureKind.RECORD)
    return replace(
        failure,
        reason=f"{failure.reason}; more than {most} records of this task kill its process "
        "(skipped_max)",
    )


def _wishes(spec: JobSpec) -> dict[str, Any]:
    wishes: dict[str, Any] = json.loads(spec.settings.get(SKIPPING, "{}"))
    return wishes
