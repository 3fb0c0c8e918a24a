from mapred.model import JobState
from tests.unit.mapred.jobtracker.conftest import Master


def test_a_silent_trackers_tasks_run_elsewhere(master: Master) -> None:
    a, b = master.tracker("a"), master.tracker("b")
    master.submit([("host-a",)])
    assert a.beat().said == ["launch m0.0"]

    for _ in range(4):
        master.after(10.0)
        b.beat()

    assert b.said == ["launch m0.1"]


def test_a_lost_attempt_does_not_count(master: Master) -> None:
    a = master.tracker("a")
    job = master.submit(1, attempts_max=1)
    a.beat()

    a.register(keeps=False)

    assert a.beat().said[-1] == "launch m0.1"
    assert master.status(job).attempts_failed == 0


def test_finished_maps_of_a_lost_tracker_run_again_while_a_reduce_needs_them(
    master: Master,
) -> None:
    a, b = master.tracker("a"), master.tracker("b")
    master.submit([("host-a",)], reducers=1)
    a.beat().done("m0.0")
    b.beat()

    a.register(keeps=False)
    master.after(1.0)

    assert "launch m0.1" in a.beat().said + b.beat().said


def test_finished_maps_do_not_run_again_when_no_reduce_needs_them(master: Master) -> None:
    a, b = master.tracker("a"), master.tracker("b")
    job = master.submit([("host-a",)], reducers=1)
    a.beat().done("m0.0")
    reducer = a if "r0.0" in a.running else b.beat()
    reducer.done("r0.0")

    a.register(keeps=False)
    master.perform()

    assert master.status(job).state is JobState.SUCCEEDED
    assert "launch m0.1" not in a.beat().said + b.beat().said


def test_counters_of_a_lost_output_count_once(master: Master) -> None:
    a = master.tracker("a")
    job = master.submit(1, reducers=1)
    a.beat().done("m0.0")
    a.register(keeps=False)
    assert master.status(job).counters == {}

    a.beat().done("m0.1")

    assert master.status(job).counters == {("n", "m"): 1}


def test_a_tracker_that_comes_back_with_its_outputs_saves_the_maps(master: Master) -> None:
    a, b = master.tracker("a"), master.tracker("b", slots=2)
    job = master.submit([("host-a",), ("host-b",)], reducers=1)
    a.beat().done("m0.0")
    b.beat()
    for _ in range(4):
        master.after(10.0)
        b.beat()
    assert "launch m0.1" in b.said
    assert master.status(job).maps_done == 0

    a.register()

    assert master.status(job).maps_done == 1
    assert "kill m0.1" in b.beat().said
    assert not master.core.book.jobs[job].live.keys() & {b.running["m0.1"]}


def test_a_tracker_declared_dead_must_register_before_it_counts(master: Master) -> None:
    a = master.tracker("a")
    master.submit(1)
    a.beat().orders.clear()
    master.after(31.0)

    core = master.core
    assert core.reply("a", a.info.incarnation, core.epoch).register_again
    a.register()
    assert a.beat().said == ["kill m0.0"]


def test_a_late_result_of_a_lost_attempt_changes_nothing(master: Master) -> None:
    a, b = master.tracker("a"), master.tracker("b")
    job = master.submit([("host-a",)])
    a.beat()
    for _ in range(4):
        master.after(10.0)
        b.beat()
    a.register()

    a.done("m0.0")

    assert master.perform() == []
    assert master.status(job).maps_done == 0


def test_two_reduces_that_cannot_fetch_condemn_an_output(master: Master) -> None:
    a, b = master.tracker("a", slots=2), master.tracker("b", slots=2)
    job = master.submit([("host-a",)], reducers=2)
    a.beat().done("m0.0")
    b.beat()
    at = {name: tracker for tracker in (a, b) for name in tracker.running}
    a.orders.clear()
    b.orders.clear()

    at["r0.0"].cannot_fetch("r0.0", "m0.0")
    assert master.status(job).maps_done == 1
    at["r1.0"].cannot_fetch("r1.0", "m0.0")

    assert master.status(job).maps_done == 0
    assert "launch m0.1" in b.beat().said, "another tracker is preferred"


def test_one_reduce_is_told_to_try_again_and_believed_the_third_time(master: Master) -> None:
    a, b = master.tracker("a", slots=1), master.tracker("b", slots=1)
    job = master.submit([("host-a",)], reducers=1)
    a.beat().done("m0.0")
    b.beat()
    reducer = a if "r0.0" in a.running else b
    reducer.orders.clear()

    for _ in range(2):
        reducer.cannot_fetch("r0.0", "m0.0")
        assert reducer.said == []
        master.after(1.5)
        assert reducer.beat().said == ["outputs m0.0"]
    assert master.status(job).maps_done == 1
    reducer.cannot_fetch("r0.0", "m0.0")

    assert master.status(job).maps_done == 0
    assert master.status(job).attempts_failed == 0


def test_a_reduce_that_alone_cannot_fetch_from_many_maps_is_moved(master: Master) -> None:
    a, b = master.tracker("a", slots=6), master.tracker("b", slots=6)
    job = master.submit([("host-a",)] * 3 + [("host-b",)] * 2, reducers=2)
    a.beat()
    b.beat()
    for tracker in (a, b):
        for name in [name for name in tracker.running if name.startswith("m")]:
            tracker.done(name)
    cut_off = b if "r0.0" in b.running else a
    other = a if cut_off is b else b
    cut_off.orders.clear()

    for index in range(5):
        cut_off.cannot_fetch("r0.0", f"m{index}.0")

    assert "kill r0.0" in cut_off.said
    assert master.status(job).attempts_failed == 1
    assert master.status(job).maps_done == 5
    assert "launch r0.1" in other.beat().said


def test_a_complaint_of_a_replaced_output_is_answered_with_the_new_one(master: Master) -> None:
    a = master.tracker("a", slots=2)
    master.submit(1, reducers=1)
    a.beat().done("m0.0")
    reduce = dict(a.running)
    a.register(keeps=False)
    a.beat().done("m0.1")
    assert reduce
    a.orders.clear()

    a.cannot_fetch("r0.1", "m0.0")

    assert a.said == ["outputs m0.1"]


def test_a_new_session_announces_all_outputs_again(master: Master) -> None:
    a, b = master.tracker("a"), master.tracker("b")
    master.submit([("host-a",)], reducers=1)
    a.beat()
    b.beat()
    reducer = a if "r0.0" in a.running else b
    a.done("m0.0")

    reducer.register()

    assert "outputs m0.0" in reducer.beat().said
