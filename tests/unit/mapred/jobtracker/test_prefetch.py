"""Short tasks wait behind the slots of their tracker, and are taken back when that's better."""

from dataclasses import replace

from mapred.jobtracker.receipts import Receipts
from mapred.model import TaskKind
from tests.unit.mapred.jobtracker.conftest import Master


def test_one_task_waits_behind_each_slot_when_tasks_are_short(master: Master) -> None:
    a = master.tracker("a", slots=2)
    master.submit(9)
    assert a.beat().said == ["launch m0.0", "launch m1.0"], "how long they take isn't known yet"

    master.now = 0.5
    assert a.done("m0.0").said == ["launch m2.0", "launch m3.0", "launch m4.0"]
    assert a.done("m1.0").said == ["launch m5.0"]


def test_very_short_tasks_wait_in_the_number_that_lasts_for_a_round_trip(master: Master) -> None:
    a = master.tracker("a")
    master.submit(99)
    a.beat().orders.clear()

    master.now = 0.004
    assert len(a.done("m0.0").said) == 1 + 5, "20 ms of 4 ms each"


def test_long_tasks_wait_at_the_jobtracker(master: Master) -> None:
    a = master.tracker("a")
    master.submit(9)
    a.beat().orders.clear()

    master.now = 1.0
    assert a.done("m0.0").said == ["launch m1.0"]


def test_what_waits_is_taken_back_when_another_tracker_has_a_free_slot(master: Master) -> None:
    a, b = master.tracker("a"), master.tracker("b")
    job = master.submit(4)
    a.beat().orders.clear()
    b.beat().orders.clear()
    master.now = 0.5
    assert a.done("m0.0").said == ["launch m2.0", "launch m3.0"]

    b.done("m1.0")
    master.after(0.1)
    assert (a.beat().said, b.beat().said) == ([], []), "it may start any moment"
    master.after(0.2)
    assert (a.beat().said, b.beat().said) == (["kill m3.0"], ["launch m3.1"])
    assert master.status(job).attempts_failed == 0


def test_what_a_slow_tracker_was_given_and_finished_after_all_counts_once(master: Master) -> None:
    a, b = master.tracker("a"), master.tracker("b")
    job = master.submit(4)
    a.beat()
    b.beat()
    master.now = 0.5
    a.done("m0.0")
    b.done("m1.0")
    master.after(0.3)
    b.beat()
    a.done("m2.0")
    a.done("m3.0")
    b.done("m3.1")
    master.perform()
    assert master.status(job).counters == {("n", "m"): 4}


def test_a_task_waits_only_where_it_finds_its_memory(master: Master) -> None:
    a = master.tracker("a")
    a.info = replace(a.info, memory_bytes=100)
    a.register()
    master.submit(9, task_memory_bytes=60)
    assert a.beat().said == ["launch m0.0"]

    master.now = 0.5
    assert a.done("m0.0").said == ["launch m1.0", "launch m2.0"], "it takes over what m1 has"
    tracker = master.core.trackers.live["a"]
    assert tracker.spare_bytes == 40
    a.done("m1.0")
    assert tracker.spare_bytes == 40


def test_nobody_waits_before_the_job_whose_turn_it_is(master: Master) -> None:
    a = master.tracker("a", slots=2)
    master.submit(9)
    a.beat()
    master.output = "file:///other"
    master.submit(9, request="s")
    a.orders.clear()

    master.now = 0.5
    said = a.done("m0.0").said
    assert said == ["launch m0.0"], "the second job's, of which no length is known"


def test_a_tracker_comes_back_with_more_in_hand_than_it_has_slots(master: Master) -> None:
    a = master.tracker("a")
    master.submit(9)
    a.beat()
    master.now = 0.5
    a.done("m0.0")
    assert list(a.running) == ["m1.0", "m2.0"]

    a.register()
    a.orders.clear()
    tracker = master.core.trackers.live["a"]
    assert [str(attempt.index) for attempt in tracker.queued[TaskKind.MAP]] == ["2"]
    assert a.beat().done("m1.0").said == ["launch m3.0"]


def test_events_are_acknowledged_as_far_as_they_are_durable() -> None:
    receipts = Receipts()
    receipts.took("a", 1, 5, position=0)
    receipts.took("a", 1, 7, position=10)
    receipts.took("b", 1, 2, position=12)
    assert (receipts.of("a", 1), receipts.of("b", 1)) == (5, 0)

    receipts.durable(11)
    assert (receipts.of("a", 1), receipts.of("b", 1)) == (7, 0)
    assert receipts.of("a", 2) == 0, "a new session numbers its events anew"
    receipts.durable(12)
    assert receipts.of("b", 1) == 2
