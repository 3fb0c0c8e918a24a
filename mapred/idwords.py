"""Ids of tasks and attempts as files and people write them.

attempt_20261129101500_0001_m_000003_0      task_20261129101500_0001_m_000003
m_000003_0, m_3_0                           m_000003, m_3       of a job that is known
"""

import re
from typing import Final

from mapred.model import AttemptId, TaskId

_WORD: Final = re.compile(
    r"(?:(?:attempt|task)_(?P<job>\d+_\d+)_)?(?P<kind>[mrs])_(?P<index>\d{1,9})(?:_(?P<number>\d{1,9}))?"
)


def parsed(word: str, job_id: str = "") -> AttemptId | TaskId | None:
    """What the word means; None: nothing, or something of another job than `job_id`."""
    found = _WORD.fullmatch(word)
    if found is None:
        return None
    of_job = f"job_{found['job']}" if found["job"] else job_id
    if not of_job or (job_id and of_job != job_id):
        return None
    task = TaskId(of_job, found["kind"], int(found["index"]))
    return task.attempt(int(found["number"])) if found["number"] else task


def attempt_in(word: str, job_id: str = "") -> AttemptId | None:
    found = parsed(word, job_id)
    return found if isinstance(found, AttemptId) else None
