"""Attempts that somebody ends by hand: `mapred job kill-task` and `fail-task`."""

import pytest

from mapred.errors import NoSuchAttemptError, NoSuchJobError
from mapred.model import AttemptId, FailureKind, JobState, TaskId

from .conftest import Master


def end(master: Master, attempt: AttemptId, *, fail: bool) -> bool:
    ended, ready = master.core.end_attempt(attempt, "by hand", master.now, fail=fail)
    master.take(ready)
    return ended


def test_a_killed_attempt_is_made_again_and_never_counts(master: Master) -> None:
    a = master.tracker("a")
    job = master.submit(1)
    for number in range(6):
        a.beat()
        assert end(master, TaskId(job, "m", 0).attempt(number), fail=False)
        assert f"kill m0.{number}" in a.beat().said
        a.failed(f"m0.{number}", "by hand", FailureKind.KILLED)
    assert master.status(job).state is JobState.RUNNING
    assert master.status(job).attempts_failed == 0


def test_a_failed_attempt_counts_as_any_failure(master: Master) -> None:
    a = master.tracker("a")
    job = master.submit(1, attempts_max=2)
    for number in range(2):
        a.beat()
        assert end(master, TaskId(job, "m", 0).attempt(number), fail=True)
        a.failed(f"m0.{number}", "by hand", FailureKind.KILLED)
    master.perform()
    assert master.status(job).state is JobState.FAILED
    assert master.status(job).failures[0].reason == "by hand"


def test_what_has_ended_or_commits_is_left_alone(master: Master) -> None:
    a = master.tracker("a", slots=2)
    job = master.submit(2)
    a.beat().failed("m0.0")
    assert not end(master, TaskId(job, "m", 0).attempt(0), fail=False)
    a.done("m1.0")
    assert not end(master, TaskId(job, "m", 1).attempt(0), fail=True), "it commits"
    master.perform()
    a.beat().done("m0.1")
    master.perform()
    assert master.status(job).state is JobState.SUCCEEDED
    assert not end(master, TaskId(job, "m", 1).attempt(0), fail=False)


def test_what_there_is_not_is_told_with_what_there_is(master: Master) -> None:
    a = master.tracker("a")
    job = master.submit(1)
    a.beat()
    with pytest.raises(NoSuchAttemptError, match=r"there are: attempt_.*_m_000000_0$"):
        end(master, TaskId(job, "m", 0).attempt(7), fail=False)
    with pytest.raises(NoSuchAttemptError, match="no such task"):
        end(master, TaskId(job, "r", 9).attempt(0), fail=False)
    with pytest.raises(NoSuchJobError):
        end(master, TaskId("job_1_1", "m", 0).attempt(0), fail=False)
