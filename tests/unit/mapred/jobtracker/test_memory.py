"""Memory that tasks ask for, and what becomes of those that use more."""

from dataclasses import replace

import pytest

from mapred.errors import RefusedError
from mapred.jobtracker.settings import JobTrackerSettings
from mapred.model import AttemptFailed, Failure, FailureKind, Launch, Progress
from mapred.tracking import Heartbeat
from tests.unit.mapred.jobtracker.conftest import FakeTracker, Master

GIB = 1 << 30


def _tracker(master: Master, name: str, gib: int, slots: int = 4) -> FakeTracker:
    tracker = FakeTracker(master, name, f"host-{name}", slots)
    tracker.info = replace(tracker.info, memory_bytes=gib * GIB)
    tracker.register()
    return tracker


def _limits(tracker: FakeTracker) -> list[int]:
    launches = [order for order in tracker.beat().orders if isinstance(order, Launch)]
    tracker.orders.clear()
    return [launch.memory_limit_bytes // GIB for launch in launches]


def _too_large(tracker: FakeTracker, name: str) -> FakeTracker:
    failure = Failure(FailureKind.FAILED, "too large", peak_bytes=5 * GIB)
    return tracker.beat(AttemptFailed(tracker.running.pop(name), failure))


def test_tasks_run_where_the_memory_that_they_ask_for_is_free(master: Master) -> None:
    a = _tracker(master, "a", gib=8)
    job = master.submit(4, task_memory_bytes=3 * GIB)

    assert a.beat().said == ["launch m0.0", "launch m1.0"]
    assert a.done("m0.0").said == ["launch m2.0"]
    assert master.status(job).waiting_for == ""


def test_ends_for_used_up_memory_are_no_failures_of_the_tracker(master: Master) -> None:
    a = _tracker(master, "a", gib=800, slots=40)
    _tracker(master, "b", gib=800, slots=40)
    for number in range(4):
        master.output = f"file:///{number}"
        job = master.core.book.jobs[master.submit(6, request=str(number))]
        # Of the last job's there is none left here.
        ours = {n: one for n, one in a.beat().running.items() if one.job_id == job.id}
        assert len(ours) == 3
        for attempt in ours.values():
            failure = Failure(FailureKind.FAILED, "too large", peak_bytes=5 * GIB)
            a.beat(AttemptFailed(attempt, failure))
        a.running.clear()
        assert (job.avoids, dict(job.failures_on)) == (set(), {})
    assert "a" not in master.core._quarantine
    assert {status.state for status in master.core.tracker_statuses(master.now)} == {"live"}


def test_what_a_job_waits_for_is_told(master: Master) -> None:
    a = _tracker(master, "a", gib=8)
    master.submit(1, request="first", task_memory_bytes=6 * GIB)
    a.beat()
    master.output = "file:///other"
    job = master.submit(1, request="second", task_memory_bytes=4 * GIB)
    master.after(0.1)

    assert master.status(job).waiting_for == (
        "no TaskTracker has 4,294,967,296 bytes of memory free"
    )


def test_a_job_that_no_tracker_can_ever_hold_is_refused(master: Master) -> None:
    _tracker(master, "a", gib=8)

    with pytest.raises(RefusedError, match=r"wants 9,663,676,416 bytes .* has 8,589,934,592"):
        master.submit(1, task_memory_bytes=9 * GIB)


def test_a_task_that_was_too_large_gets_twice_as_much_and_no_more_after_that(
    master: Master,
) -> None:
    a = _tracker(master, "a", gib=8)
    master.submit(1, task_memory_bytes=GIB)
    assert _limits(a) == [1]

    _too_large(a, "m0.0")
    assert _limits(a) == [2]
    _too_large(a, "m0.1")
    assert _limits(a) == [2]


def test_a_retry_waits_for_its_memory_and_lets_others_pass(master: Master) -> None:
    a = _tracker(master, "a", gib=8)
    master.submit(3, task_memory_bytes=3 * GIB)
    a.beat().orders.clear()

    assert _too_large(a, "m0.0").said == ["launch m2.0"]
    a.done("m1.0")
    assert a.said == []
    assert a.done("m2.0").said == ["launch m0.1"]


def test_who_asks_for_nothing_has_no_limit_of_its_own(master: Master) -> None:
    a = _tracker(master, "a", gib=8)
    master.submit(4)

    assert _limits(a) == [0, 0, 0, 0]


def test_what_was_promised_is_so_after_a_restart(master: Master) -> None:
    a = _tracker(master, "a", gib=8)
    master.submit(4, task_memory_bytes=3 * GIB)
    a.beat().orders.clear()

    master.restart()
    a.register()

    assert a.beat().said == []
    assert a.done("m0.0").said == ["launch m2.1000"]


def test_a_second_attempt_starts_where_its_memory_is_free() -> None:
    master = Master(JobTrackerSettings(dead_after_s=1000.0))
    a, b, c = _tracker(master, "a", 8, 1), _tracker(master, "b", 4), _tracker(master, "c", 8)
    master.submit([("host-a",), ("host-c",), ("host-c",)], task_memory_bytes=3 * GIB)
    a.beat()
    c.beat()
    master.after(1.0)
    for name in list(c.running):
        c.done(name)
    master.output = "file:///other"
    # One slot of each of the two is free, and of b's memory only one GiB.
    master.submit([("host-b",), ("host-c",)], request="other", task_memory_bytes=3 * GIB)
    b.beat()
    c.beat()
    for tracker in (a, b, c):
        tracker.orders.clear()
    master.now += 19.0
    slow = (Progress(a.running["m0.0"], 0.1),)
    beat = Heartbeat("a", a.info.incarnation, master.core.epoch, progress=slow)
    master.take(master.core.heartbeat(beat, master.now))
    master.after(0.1)

    assert (b.beat().said, c.beat().said) == ([], ["launch m0.1"])


def test_a_job_that_no_tracker_can_hold_any_more_is_told_of_memory_not_of_versions(
    master: Master,
) -> None:
    large = _tracker(master, "large", 8)
    job = master.submit(1, task_memory_bytes=6 * GIB)
    large.info = replace(large.info, memory_bytes=4 * GIB)
    large.register()
    master.after(0.1)

    waiting_for = master.status(job).waiting_for
    assert waiting_for.startswith(
        "a task of wc wants 6,442,450,944 bytes of memory (task_memory_bytes); "
        "the largest TaskTracker has 4,294,967,296 (given up in "
    )


def test_a_job_that_names_no_budget_has_the_one_of_the_smallest_slot_from_its_begin(
    master: Master,
) -> None:
    _tracker(master, "a", gib=8, slots=1)
    _tracker(master, "b", gib=1, slots=4)
    refusing = FakeTracker(master, "refusing", "host-r", 400)
    refusing.info = replace(refusing.info, memory_bytes=GIB, refuses=True)
    refusing.register()
    job = master.core.book.jobs[master.submit(1)]
    assert job.spec.memory_bytes == GIB // 8 // 4

    # Nobody else decides anew.
    _tracker(master, "c", gib=1, slots=40)
    assert job.spec.memory_bytes == GIB // 8 // 4
    master.output = "file:///other"
    named = master.core.book.jobs[master.submit(1, request="named", memory_bytes=5)]
    assert named.spec.memory_bytes == 5
