"""Small jobs: one tracker has all of them, as long as that costs next to nothing."""

import pytest

from mapred.engine import TRANSIENT_OUTPUT
from mapred.jobtracker.home import HOME_WAIT_S
from mapred.jobtracker.settings import JobTrackerSettings
from mapred.model import Priority
from tests.unit.mapred.jobtracker.conftest import Master

SMALL = 1000
BLOCK = 128 * 1024 * 1024


def launches(tracker):
    return [word for word in tracker.beat().said if word.startswith("launch")]


def two(master, slots=2):
    return master.tracker("a", slots=slots), master.tracker("b", slots=slots)


def test_all_tasks_of_a_small_job_go_to_one_tracker(master):
    a, b = two(master)
    master.submit(2, 2, split_bytes=SMALL)
    assert (launches(a), launches(b)) == (
        ["launch m0.0", "launch m1.0", "launch r0.0", "launch r1.0"],
        [],
    )


def test_they_do_wherever_their_input_is(master):
    a, b = two(master)
    master.submit([("host-a",), ("host-b",)], 1, split_bytes=SMALL)
    assert (launches(a), launches(b)) == (["launch m0.0", "launch m1.0", "launch r0.0"], [])


def test_reduces_that_begin_later_find_the_outputs_where_they_are(master):
    a, b = two(master)
    master.submit(2, 2, split_bytes=SMALL, slowstart=1.0)
    assert (launches(a), launches(b)) == (["launch m0.0", "launch m1.0"], [])
    master.after(20.0)
    a.done("m0.0")
    a.done("m1.0")
    b.beat()
    assert [w for w in a.said if w.startswith("launch")] == ["launch r0.0", "launch r1.0"]
    assert launches(b) == []


@pytest.mark.parametrize(
    ("maps", "reduces", "more"),
    [
        (2, 1, {"split_bytes": BLOCK}),
        # More than two to a slot.
        (5, 1, {"split_bytes": SMALL}),
        (2, 5, {"split_bytes": SMALL}),
        (2, 1, {"split_bytes": SMALL, "settings": {TRANSIENT_OUTPUT: "1"}}),
        (2, 0, {"split_bytes": SMALL}),
        (3, 1, {"split_bytes": SMALL, "task_cpus": 2}),
    ],
    ids=["large", "maps", "reduces", "round", "no reduces", "wide"],
)
def test_work_of_others_spreads(master, maps, reduces, more):
    a, b = two(master)
    master.submit(maps, reduces, **more)
    first = launches(a)[:1], launches(b)[:1]
    assert first == (["launch m0.0"], ["launch m1.0"])


def test_a_block_is_what_the_settings_say():
    master = Master(JobTrackerSettings(speculation=False, small_job_bytes=0))
    a, b = two(master)
    master.submit(2, 1, split_bytes=SMALL)
    assert (launches(a)[0], launches(b)[0]) == ("launch m0.0", "launch m1.0")


def test_what_has_no_slot_at_home_waits_a_moment_for_each_slot_and_goes_elsewhere_then(master):
    a, b = two(master, slots=1)
    master.submit(2, 1, split_bytes=SMALL, slowstart=1.0)
    assert (launches(a), launches(b)) == (["launch m0.0"], [])
    master.after(HOME_WAIT_S - 0.01)
    assert launches(b) == []
    # Home has a slot in time.
    a.done("m0.0")
    assert a.said == ["launch m1.0"]
    master.after(10.0)
    a.done("m1.0")
    assert a.said == ["launch r0.0"]
    assert launches(b) == []


def test_long_tasks_of_a_small_job_spread(master):
    a, b = two(master, slots=1)
    master.submit(2, 1, split_bytes=SMALL)
    assert launches(a) == ["launch m0.0", "launch r0.0"]
    master.after(HOME_WAIT_S)
    assert launches(b) == ["launch m1.0"]


def test_a_home_that_is_busy_with_another_job_isn_t_waited_for_long(master):
    a, b = two(master, slots=1)
    master.submit(2, 2, split_bytes=SMALL)
    master.submit(1, 1, request="other", output_uri="file:///other", priority=Priority.VERY_HIGH)
    assert launches(a) == ["launch m0.0", "launch r0.0"]
    assert launches(b) == ["launch m0.0", "launch r0.0"]
    b.done("m0.0")
    assert launches(b) == []
    master.after(HOME_WAIT_S)
    assert launches(b) == ["launch m1.0"]


def test_when_home_dies_the_job_has_another_one(master):
    a, b = two(master)
    c = master.tracker("c", slots=2)
    master.submit(2, 2, split_bytes=SMALL)
    assert len(launches(a)) == 4
    master.now += 20.0
    b.beat(), c.beat()
    master.after(15.0)
    assert (launches(b), launches(c)) == (
        ["launch m0.1", "launch m1.1", "launch r0.1", "launch r1.1"],
        [],
    )


def test_a_task_that_failed_at_home_goes_elsewhere_at_once(master):
    a, b = two(master)
    master.submit(2, 1, split_bytes=SMALL)
    a.beat().failed("m0.0")
    assert launches(b) == ["launch m0.1"]


def test_a_queued_task_isn_t_taken_back_from_home_to_start_elsewhere(master):
    a, b = two(master, slots=1)
    master.submit(2, 1, split_bytes=SMALL, slowstart=1.0)
    a.beat()
    master.now += 0.01
    job = master.core.book.jobs
    assert len(job) == 1
    a.done("m0.0")
    assert a.said == ["launch m0.0", "launch m1.0"]
    master.after(0.3)
    assert (a.beat().said, launches(b)) == ([], [])


def test_a_restarted_jobtracker_knows_where_home_is(master):
    a, b = two(master)
    master.submit(2, 1, split_bytes=SMALL, slowstart=1.0)
    a.beat().done("m0.0")
    master.restart()
    b.register()
    a.register()
    launches(a)
    a.done("m1.0")
    assert [w for w in a.said if w.startswith("launch")] == ["launch r0.1000"]
    assert launches(b) == []
