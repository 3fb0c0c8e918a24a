import pytest

from mapred.jobtracker.attempts import Attempt, Event, IllegalTransition, State, Task
from mapred.model import Failure, FailureKind, TaskId

TASK = TaskId("job_1", "m", 0)


def _task(*trackers: str) -> Task:
    task = Task(TASK)
    for number, tracker in enumerate(trackers):
        task.launch(Attempt(TASK.attempt(number), tracker, tracker))
    return task


def test_a_part_file_is_published_between_two_entries() -> None:
    task = _task("a")

    assert task.apply(0, Event.PART_WRITTEN) is State.COMMITTING
    assert not task.done
    assert task.apply(0, Event.COMMITTED) is State.SUCCEEDED
    assert task.winner is task.attempts[0]


def test_a_map_output_needs_no_commit() -> None:
    task = _task("a")

    assert task.apply(0, Event.OUTPUT_MADE) is State.SUCCEEDED


def test_a_second_attempt_can_neither_commit_nor_win() -> None:
    committing = _task("a", "b")
    committing.apply(0, Event.PART_WRITTEN)
    won = _task("a", "b")
    won.apply(0, Event.OUTPUT_MADE)

    with pytest.raises(IllegalTransition, match="would be the second"):
        committing.apply(1, Event.PART_WRITTEN)
    with pytest.raises(IllegalTransition, match="would be the second"):
        won.apply(1, Event.OUTPUT_MADE)


def test_only_failed_attempts_count_and_name_their_tracker() -> None:
    task = _task("a", "b", "c")

    task.apply(0, Event.FAILED, Failure(FailureKind.FAILED, "bad"))
    task.apply(1, Event.KILLED)
    task.apply(2, Event.NODE_LOST)

    assert (task.failures, task.failed_on) == (1, {"a"})


def test_a_lost_node_does_not_stop_a_commit() -> None:
    task = _task("a")
    task.apply(0, Event.PART_WRITTEN)

    assert task.apply(0, Event.NODE_LOST) is State.COMMITTING
    assert task.apply(0, Event.KILLED) is State.COMMITTING


def test_an_output_is_lost_and_found_again() -> None:
    task = _task("a")
    task.apply(0, Event.OUTPUT_MADE)

    assert task.apply(0, Event.OUTPUT_LOST) is State.LOST
    assert not task.done
    assert task.apply(0, Event.OUTPUT_FOUND) is State.SUCCEEDED
    assert task.done


@pytest.mark.parametrize("news", [Event.OUTPUT_MADE, Event.FAILED, Event.KILLED, Event.NODE_LOST])
def test_late_news_of_an_ended_attempt_change_nothing(news: Event) -> None:
    task = _task("a")
    task.apply(0, Event.KILLED)
    story = task.story()

    assert task.apply(0, news) is State.KILLED
    assert task.story() == story


def test_an_illegal_transition_tells_the_story() -> None:
    task = _task("a")

    with pytest.raises(IllegalTransition, match="0 launched on a"):
        task.apply(0, Event.COMMITTED)
