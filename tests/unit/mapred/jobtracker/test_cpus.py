"""Tasks that ask for several processors get as many slots, or their job is refused."""

import pytest

from mapred.errors import RefusedError
from mapred.jobtracker.pools import Pools
from mapred.model import FailureKind, Launch, TaskKind
from mapred.tasktracker.work import Work, next_to_start
from tests.unit.mapred.jobtracker.conftest import Master


def test_a_task_takes_as_many_slots_as_it_asks_for_processors(master: Master) -> None:
    a = master.tracker("a", slots=4)
    master.submit(3, task_cpus=2)
    assert a.beat().said == ["launch m0.0", "launch m1.0"]

    assert a.done("m0.0").said == ["launch m2.0"]


def test_a_task_waits_until_enough_slots_are_free_at_once(master: Master) -> None:
    a = master.tracker("a", slots=3)
    master.submit(2)
    assert a.beat().said == ["launch m0.0", "launch m1.0"]
    wide = _submit_wide(master, 3)
    assert master.after(0.1).status(wide).waiting_for == "no TaskTracker has 3 slots free at once"

    assert a.done("m0.0").said == []
    assert a.done("m1.0").said == ["launch m0.0"]
    assert master.after(0.1).status(wide).waiting_for == ""


def test_a_wide_task_does_not_starve_behind_narrow_ones(master: Master) -> None:
    a, b = master.tracker("a", slots=2), master.tracker("b", slots=2)
    master.submit(40)
    a.beat(), b.beat()
    wide = _submit_wide(master, 2)
    for _ in range(12):
        master.after(1.0)
        for tracker in (a, b):
            # By chance there is never more than one slot free.
            tracker.done(next(iter(tracker.beat().running)))
            if any(attempt.job_id == wide for attempt in tracker.running.values()):
                return
    pytest.fail("the wide task never got its turn")


def test_a_job_whose_tasks_are_wider_than_any_tracker_is_refused(master: Master) -> None:
    master.tracker("a", slots=2)

    with pytest.raises(RefusedError, match=r"wants 3 slots for maps at once .* has 2"):
        master.submit(1, task_cpus=3)


def test_slots_count_in_a_pools_share(master: Master) -> None:
    a = master.tracker("a", slots=4)
    master.submit(9, pool="wide", task_cpus=3)
    a.beat()
    book = master.core.book
    assert book.wanting.running(TaskKind.MAP, "wide") == 3
    job = next(book.wanting.in_turn(TaskKind.MAP, Pools()))
    assert (job.slots_of(TaskKind.MAP), job.running_of(TaskKind.MAP)) == (3, 1)


def test_nothing_waits_behind_a_wide_task(master: Master) -> None:
    """Its end would start several at once, and memory is promised one by one."""
    a = master.tracker("a", slots=2)
    master.submit(9, task_cpus=2)
    assert a.beat().said == ["launch m0.0"]
    master.now = 0.1
    assert a.done("m0.0").said == ["launch m1.0"]
    master.output = "file:///narrow"
    master.submit(9, request="s")
    assert a.beat().said == []


def test_a_second_attempt_needs_its_slots_as_well(master: Master) -> None:
    a, b = master.tracker("a", slots=2), master.tracker("b", slots=1)
    master.submit(1, task_cpus=2)
    a.beat()
    a.failed("m0.0", kind=FailureKind.KILLED)
    assert b.beat().said == []
    assert a.beat().said[-1] == "launch m0.1"


def test_a_tracker_starts_what_waits_in_the_order_in_which_it_came(master: Master) -> None:
    a = master.tracker("a", slots=3)
    narrow, wide = _launches(1), _launches(2)
    works = {
        order.attempt: Work(order, 0.0, 60.0)
        for order in (narrow[0], narrow[1], wide[0], narrow[2])
    }

    def start() -> list[str]:
        starting = next_to_start(works, TaskKind.MAP, a.info)
        for attempt in starting:
            works[attempt].started_at = 0.0
        return [str(attempt) for attempt in starting]

    first = [str(order.attempt) for order in narrow[:2]]
    assert start() == first, "the third slot isn't enough for the wide one, and nobody passes it"
    assert start() == []
    del works[narrow[0].attempt]
    assert start() == [str(wide[0].attempt)]


def _launches(cpus: int) -> list[Launch]:
    master = Master()
    tracker = master.tracker("w", slots=9)
    # A job's id has the time in it.
    master.core.book.wall_s += cpus
    master.submit(4, task_cpus=cpus)
    tracker.beat()
    return [order for order in tracker.orders if isinstance(order, Launch)]


def _submit_wide(master: Master, cpus: int) -> str:
    master.output = "file:///wide"
    return master.submit(1, request="wide", task_cpus=cpus)
