"""The user of a job that failed is told all that happened to the task."""

from mapred.jobtracker.attempts import Event
from mapred.jobtracker.entries import AttemptLaunched, AttemptMoved
from mapred.jobtracker.taskstories import FIRST_LINES, LAST_LINES, story_of
from mapred.model import AttemptId, Failure, FailureKind, TaskId
from tests.unit.mapred.jobtracker.conftest import Master

TASK = TaskId("job_1_0001", "m", 3)


def test_a_failed_job_tells_the_story_of_the_task_that_ended_it(master: Master) -> None:
    a, b = master.tracker("a"), master.tracker("b")
    job = master.submit(1, attempts_max=2)
    first = next(t for t in (a, b) if "m0.0" in t.beat().running)
    other = b if first is a else a
    master.core.book.wall_s = 100.0
    first.failed("m0.0", "the first reason", FailureKind.KILLED)
    second = next(t for t in (a, b) if "m0.1" in t.beat().running)
    master.core.book.wall_s = 101.5
    second.failed("m0.1", "the second reason")
    third = next(t for t in (first, other) if "m0.2" in t.beat().running)
    third.failed("m0.2", "the third reason")
    master.after(0.1)
    master.perform()

    decisive, *others = master.status(job).failures
    assert [line.split("m_000000_")[1] for line in decisive.story] == [
        f"0 on {first.info.host}: launched",
        f"0 on {first.info.host}: killed: the first reason",
        f"1 on {second.info.host}: launched",
        f"1 on {second.info.host}: failed: the second reason",
        f"2 on {third.info.host}: launched",
        f"2 on {third.info.host}: failed: the third reason",
    ]
    assert [other.story for other in others] == [()] * len(others)


def test_a_fatal_failure_tells_its_story_too(master: Master) -> None:
    a = master.tracker("a")
    job = master.submit(2)
    a.beat().failed("m0.0", "no module named job", FailureKind.FATAL)
    master.perform()
    assert master.status(job).failures[0].story[-1].endswith("failed: no module named job")


def test_a_story_has_times_since_its_beginning_and_nothing_of_other_tasks() -> None:
    attempt, other = AttemptId(TASK, 0), AttemptId(TaskId("job_1_0001", "m", 4), 0)
    failure = Failure(FailureKind.LOST, "its tracker is gone")
    entries = [
        AttemptLaunched(attempt, "t", "host-1", at_s=50.0),
        AttemptLaunched(other, "t", "host-1", at_s=50.5),
        AttemptMoved(attempt, Event.NODE_LOST, failure, at_s=83.0),
    ]
    assert story_of(entries, TASK) == (
        "     0.0 s  attempt_1_0001_m_000003_0 on host-1: launched",
        "    33.0 s  attempt_1_0001_m_000003_0 on host-1: node lost: its tracker is gone",
    )


def test_of_a_long_story_beginning_and_end_are_told() -> None:
    entries = [AttemptLaunched(AttemptId(TASK, number), "t", "h") for number in range(100)]
    story = story_of(entries, TASK)
    assert len(story) == FIRST_LINES + 1 + LAST_LINES
    assert "70 more" in story[FIRST_LINES]
    assert "m_000003_99" in story[-1]
