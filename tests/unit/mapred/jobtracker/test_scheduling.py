from tests.unit.mapred.jobtracker.conftest import Master


def test_a_map_goes_where_its_input_is(master: Master) -> None:
    a, b = master.tracker("a"), master.tracker("b")

    master.submit([("host-b",), ("host-a",)])

    assert (a.beat().said, b.beat().said) == (["launch m1.0"], ["launch m0.0"])


def test_a_map_waits_a_little_for_a_local_slot_and_then_goes_anywhere(master: Master) -> None:
    a, b = master.tracker("a"), master.tracker("b")
    master.submit([("host-b",), ("host-b",)])
    assert (a.beat().said, b.beat().said) == ([], ["launch m0.0"])

    master.after(0.2)
    assert a.beat().said == []
    master.after(0.2)
    assert a.beat().said == ["launch m1.0"]


def test_a_map_whose_hosts_are_no_trackers_goes_anywhere_at_once(master: Master) -> None:
    a = master.tracker("a")

    master.submit([("far-away",)])

    assert a.beat().said == ["launch m0.0"]


def test_an_alias_of_a_host_is_local(master: Master) -> None:
    a = master.tracker("a", host="10.0.0.1")
    b = master.tracker("b", host="10.0.0.2")

    master.submit([("10.0.0.2",), ("10.0.0.1",)])

    assert (a.beat().said, b.beat().said) == (["launch m1.0"], ["launch m0.0"])


def test_a_small_job_spreads_over_the_trackers(master: Master) -> None:
    trackers = [master.tracker(name, slots=2) for name in "abc"]

    master.submit(3)

    assert [len(tracker.beat().said) for tracker in trackers] == [1, 1, 1]


def test_waiting_reduces_do_not_take_the_slots_of_maps(master: Master) -> None:
    a = master.tracker("a", slots=1)
    master.submit(2, reducers=3)

    assert a.beat().said == ["launch m0.0", "launch r0.0"]
    assert a.done("m0.0").said == ["outputs m0.0", "launch m1.0"]


def test_reduces_start_when_enough_maps_are_done(master: Master) -> None:
    a = master.tracker("a", slots=2)
    master.submit(4, reducers=1, slowstart=0.5)
    assert a.beat().said == ["launch m0.0", "launch m1.0"]

    assert a.done("m0.0").said == ["launch m2.0", "launch m3.0"]
    assert a.done("m1.0").said == ["launch r0.0"]


def test_a_reduce_is_launched_with_the_outputs_known_and_told_of_the_others(
    master: Master,
) -> None:
    a = master.tracker("a", slots=2)
    master.submit(2, reducers=1, slowstart=0.5)
    a.beat().done("m0.0")

    launch = a.orders[-1]
    assert [output.map_index for output in launch.outputs] == [0]  # type: ignore[union-attr]
    a.orders.clear()
    assert a.done("m1.0").said == ["outputs m1.0"]


def test_a_retry_prefers_another_tracker(master: Master) -> None:
    a, b = master.tracker("a"), master.tracker("b")
    master.submit([("host-a",)])
    a.beat()

    assert a.failed("m0.0").said == ["launch m0.0"]
    assert b.beat().said == ["launch m0.1"]


def test_a_retry_takes_the_same_tracker_when_there_is_no_other(master: Master) -> None:
    a = master.tracker("a")
    master.submit(1)
    a.beat()

    assert a.failed("m0.0").said == ["launch m0.0", "launch m0.1"]


def test_three_failures_on_a_tracker_keep_the_job_off_it(master: Master) -> None:
    a, b = master.tracker("a", slots=1), master.tracker("b", slots=1)
    master.submit([("host-a",)] * 6)
    for name in ("m0.0", "m1.0", "m2.0"):
        a.beat().failed(name)

    assert a.beat().said == ["launch m0.0", "launch m1.0", "launch m2.0"]
    assert b.beat().said == ["launch m0.1"]


def test_jobs_share_the_slots(master: Master) -> None:
    a = master.tracker("a", slots=4)
    master.submit(8, request="first")
    a.beat()
    master.output = "file:///out2"
    second = master.submit(8, request="second")
    a.orders.clear()

    a.done("m0.0")
    launched = a.orders[-1]
    assert launched.attempt.job_id == second  # type: ignore[union-attr]
