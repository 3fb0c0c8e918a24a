from collections.abc import Callable

import pytest

from mapred.jobtracker.settings import JobTrackerSettings
from mapred.model import Progress, TaskKind
from mapred.tracking import Heartbeat
from tests.unit.mapred.jobtracker.conftest import FakeTracker, Master


@pytest.fixture
def master() -> Master:
    return Master(JobTrackerSettings(dead_after_s=1000.0))


def _progress(tracker: FakeTracker, fractions: dict[str, float]) -> None:
    core = tracker.master.core
    progress = tuple(Progress(tracker.running[name], f) for name, f in fractions.items())
    heartbeat = Heartbeat(
        tracker.info.tracker_id, tracker.info.incarnation, core.epoch, progress=progress
    )
    tracker.master.take(core.heartbeat(heartbeat, tracker.master.now))


def _straggling(master: Master) -> tuple[FakeTracker, FakeTracker]:
    """Map 0 on a has made a tenth in 20 s; all others were done in one."""
    a, b = master.tracker("a", slots=2), master.tracker("b", slots=3)
    master.submit([("host-a",)] + [("host-b",)] * 3)
    a.beat()
    b.beat()
    master.after(1.0)
    while done := [name for name in b.running if name.startswith("m")]:
        b.done(done[0])
    for name in [name for name in a.running if name != "m0.0"]:
        a.done(name)
    master.perform()
    master.now += 19.0
    _progress(a, {"m0.0": 0.1})
    a.orders.clear()
    b.orders.clear()
    return a, b


def test_a_straggler_gets_a_second_attempt_on_another_tracker(master: Master) -> None:
    a, b = _straggling(master)

    master.after(0.1)

    assert (a.beat().said, b.beat().said) == ([], ["launch m0.1"])


def test_there_is_one_second_attempt_and_no_third(master: Master) -> None:
    _, b = _straggling(master)
    c = master.tracker("c")

    for _ in range(10):
        master.after(1.0)

    assert sorted(b.beat().said + c.beat().said) == ["launch m0.1"]


def test_young_attempts_are_left_alone(master: Master) -> None:
    a, b = master.tracker("a"), master.tracker("b")
    master.submit([("host-a",), ("host-b",)])
    a.beat()
    b.beat().done("m1.0")
    b.orders.clear()

    master.after(9.0)

    assert b.beat().said == []


def test_even_progress_has_no_stragglers(master: Master) -> None:
    a, b = master.tracker("a", slots=2), master.tracker("b", slots=3)
    master.submit([("host-a",)] * 2 + [("host-b",)] * 2)
    a.beat()
    b.beat()
    master.now += 100.0
    _progress(a, dict.fromkeys((n for n in a.running), 0.4))
    _progress(b, dict.fromkeys((n for n in b.running), 0.5))
    b.orders.clear()

    master.after(0.1)

    assert b.beat().said == []


def test_a_slow_tracker_gets_no_second_attempts(master: Master) -> None:
    a, b, slow = (master.tracker(name, slots=2) for name in ("a", "b", "slow"))
    master.submit([("host-a",), ("host-b",), ("host-b",), ("host-slow",)])
    for tracker in (a, b, slow):
        tracker.beat()
    master.now += 50.0
    _progress(a, {"m0.0": 0.01})
    _progress(b, {"m1.0": 0.9, "m2.0": 0.9})
    _progress(slow, {"m3.0": 0.1})
    for tracker in (a, b, slow):
        tracker.orders.clear()

    master.after(0.1)

    assert slow.beat().said == []


def test_waiting_tasks_go_first(master: Master) -> None:
    a, b = _straggling(master)
    master.output = "file:///out2"
    master.submit(2, request="second")

    words = a.beat().said + b.beat().said

    assert sorted(words) == ["launch m0.0", "launch m1.0"]


def test_it_can_be_switched_off() -> None:
    quiet = Master(JobTrackerSettings(dead_after_s=1000.0, speculation=False))
    _, b = _straggling(quiet)

    quiet.after(1.0)

    assert b.beat().said == []


@pytest.mark.parametrize("kind", [TaskKind.MAP, TaskKind.REDUCE])
def test_kinds_have_slots_of_their_own(master: Master, kind: TaskKind) -> None:
    a = master.tracker("a", slots=3)
    free: Callable[[], int] = lambda: master.core.trackers.live["a"].free(kind)  # noqa: E731
    assert free() == 3
    master.submit(1, reducers=1)
    assert free() == 2
    a.beat()
