"""Splits of a round in fewer tasks: which go together, and that nothing else changes."""

import pytest

from mapred import Job, Mapper, Reducer
from mapred.iterative.grouping import grouped, may_be_grouped, numbered, wanted_tasks
from mapred.model import Split, TrackerInfo, TrackerStatus
from mapred.reducers.numbers import Sum


def _splits(*lengths: int) -> list[Split]:
    starts = [sum(lengths[:place]) for place in range(len(lengths))]
    return [Split("file:///a", *piece) for piece in zip(starts, lengths, strict=True)]


@pytest.mark.parametrize("wanted", [1, 2, 3, 5, 7, 30])
@pytest.mark.parametrize("lengths", [(1,) * 16, (9, 1, 1, 1, 1, 1, 1, 9), (0, 0), (5,), (3, 0, 3)])
def test_neighbours_go_together_and_none_is_lost_or_moved(
    wanted: int, lengths: tuple[int, ...]
) -> None:
    splits = _splits(*lengths)
    tasks = grouped(numbered(splits), wanted)
    assert [file for task in tasks for file in task.split.files] == splits
    assert len(tasks) <= max(1, wanted)
    assert [task.first for task in tasks] == [
        sum(len(before.split.files) for before in tasks[:place]) for place in range(len(tasks))
    ]
    assert [task.split.length for task in tasks] == [
        sum(file.length for file in task.split.files) for task in tasks
    ]


def test_tasks_are_of_about_equal_bytes() -> None:
    tasks = grouped(numbered(_splits(*(1,) * 16)), 4)
    assert [task.split.length for task in tasks] == [4] * 4


def test_splits_that_a_round_leaves_out_stay_between_two_tasks() -> None:
    tasks = numbered(_splits(1, 1, 1, 1, 1, 1))
    read = [task for task in tasks if task.first != 2]
    assert [(task.first, len(task.split.files)) for task in grouped(read, 1)] == [(0, 2), (3, 3)]


def test_a_combined_split_counts_all_its_files() -> None:
    one, two, three = _splits(2, 2, 2)
    combined = Split(one.uri, 0, 4, parts=(one, two))
    tasks = numbered([combined, three])
    assert [task.first for task in tasks] == [0, 2]
    (all_in_one,) = grouped(tasks, 1)
    assert all_in_one.split.files == (one, two, three)


def test_a_task_is_where_half_of_its_bytes_are() -> None:
    near = Split("file:///a", 0, 6, ("h1", "h2"))
    far = Split("file:///a", 6, 4, ("h2", "h3"))
    (task,) = grouped(numbered([near, far]), 1)
    assert task.split.hosts == ("h2", "h1")


def test_two_tasks_for_each_slot_of_live_trackers_or_one_of_the_only_one() -> None:
    info = TrackerInfo("t", 1, "h", 1, 3, 3)
    live, dead = (TrackerStatus(info, state, 0.0, 0, 0) for state in ("live", "dead"))
    assert wanted_tasks([live, dead, live]) == 12
    assert wanted_tasks([dead, live]) == 3
    assert wanted_tasks([dead]) == wanted_tasks([])


def test_what_is_put_together_before_the_reducer_would_depend_on_the_tasks() -> None:
    class Plain(Job):
        mapper, reducer = Mapper, Reducer

    class Combined(Job):
        mapper, reducer, combiner = Mapper, Reducer, Reducer

    class Built(Job):
        mapper, reducer = Mapper, Sum

    assert [may_be_grouped(job) for job in (Plain, Combined, Built)] == [True, False, False]
