"""Trackers that are drained, and trackers in quarantine."""

import pytest

from mapred.errors import NoSuchTrackerError
from mapred.jobtracker.quarantine import FIRST_TERM_S
from tests.unit.mapred.jobtracker.conftest import FakeTracker, Master


def _drain(master: Master, tracker: str, *, drained: bool = True) -> bool:
    _, changed, ready = master.core.drain(tracker, master.now, drained=drained)
    master.take(ready)
    return changed


def _standing(master: Master) -> dict[str, tuple[str, str]]:
    statuses = master.core.tracker_statuses(master.now)
    return {s.info.tracker_id: (s.state, s.reason) for s in statuses}


def test_a_drained_tracker_ends_what_it_has_and_gets_no_more(master: Master) -> None:
    a, b = master.tracker("a"), master.tracker("b")
    master.submit(4)
    a.beat().orders.clear()

    assert _drain(master, "a")
    assert _standing(master)["a"] == ("draining", "1 attempt running")
    assert a.done("m0.0").said == []
    assert _standing(master)["a"] == ("drained", "")
    b.beat().done("m1.0")
    assert b.said == ["launch m1.0", "launch m2.0", "launch m3.0"]


def test_a_tracker_drains_until_no_reduce_needs_its_map_outputs(master: Master) -> None:
    a, b = master.tracker("a"), master.tracker("b")
    master.submit([("host-a",), ("host-b",)], reducers=1, slowstart=1.0)
    a.beat()
    b.beat()
    _drain(master, "host-a:7")
    a.done("m0.0")

    assert _standing(master)["a"] == ("draining", "1 map output that reduces still need")
    b.done("m1.0").done("r0.0")
    master.perform()
    assert _standing(master)["a"] == ("drained", "")


def test_draining_holds_over_a_restart_and_a_new_session_until_it_is_undone(
    master: Master,
) -> None:
    a = master.tracker("a")
    _drain(master, "a")
    master.restart()
    a.register()
    job = master.submit(1)
    master.after(0.1)

    assert a.beat().said == []
    assert master.status(job).waiting_for.startswith("every TaskTracker is being drained")
    assert _drain(master, "a", drained=False)
    assert a.beat().said == ["launch m0.0"]
    assert not _drain(master, "a", drained=False)


def test_a_tracker_that_is_not_known_can_not_be_drained(master: Master) -> None:
    master.tracker("a")

    with pytest.raises(NoSuchTrackerError, match=r"no TaskTracker 'x' here\. There are: a"):
        master.core.drain("x", master.now)


def _fail_thrice_on(master: Master, bad: FakeTracker, request: str) -> str:
    """A job that fails on one tracker alone."""
    master.output = f"file:///out-{request}"
    job = master.submit([(bad.info.host,)] * 3, request=request)
    for index in range(3):
        bad.beat().failed(f"m{index}.0")
    bad.orders.clear()
    return job


def _finish(master: Master, good: FakeTracker) -> None:
    good.beat()
    while good.running:
        good.done(next(iter(good.running)))
    master.perform()
    good.orders.clear()


def _quarantined(master: Master) -> tuple[FakeTracker, FakeTracker]:
    bad, good = master.tracker("bad"), master.tracker("good")
    for number in range(3):
        assert _standing(master)["bad"][0] == "live"
        _fail_thrice_on(master, bad, f"r{number}")
        _finish(master, good)
    return bad, good


def test_three_jobs_that_fail_on_one_tracker_alone_quarantine_it(master: Master) -> None:
    bad, good = _quarantined(master)
    state, reason = _standing(master)["bad"]

    assert state == "quarantined"
    assert reason.endswith(
        "_0001, job_20231114221320_0002, job_20231114221320_0003; tried again in 10 min"
    )
    master.output = "file:///more"
    master.submit(2, request="more")
    assert (bad.beat().said, good.beat().said) == (["forget"], ["forget", "launch m0.0"])


def test_after_its_time_a_tracker_is_tried_again_and_goes_back_at_the_next_failure(
    master: Master,
) -> None:
    bad, good = _quarantined(master)
    master.now += FIRST_TERM_S
    bad.beat()
    good.beat()
    master.after(0.1)

    assert _standing(master)["bad"] == ("live", "")
    _fail_thrice_on(master, bad, "again")
    _finish(master, good)
    assert _standing(master)["bad"][0] == "quarantined"
    assert _standing(master)["bad"][1].endswith("tried again in 20 min")


def test_jobs_that_fail_everywhere_say_nothing_of_a_tracker(master: Master) -> None:
    trackers = {name: master.tracker(name) for name in "abc"}
    for number in range(4):
        master.output = f"file:///out-{number}"
        # Three maps, each with its input beside another tracker.
        hosts = [(f"host-{name}",) for name in "abc"]
        job = master.submit(hosts, request=f"r{number}", attempts_max=20)
        failures = dict.fromkeys(trackers, 0)
        for _ in range(30):
            for name, tracker in trackers.items():
                for attempt in list(tracker.beat().running):
                    tracker.failed(attempt)
                    failures[name] += 1
            if min(failures.values()) >= 3:
                break
            master.after(0.1)
        assert min(failures.values()) >= 3
        while not master.status(job).state.ended:
            for tracker in trackers.values():
                _finish(master, tracker)

    assert {state for state, _ in _standing(master).values()} == {"live"}


def test_the_only_tracker_is_never_quarantined(master: Master) -> None:
    a = master.tracker("a")
    for number in range(4):
        master.output = f"file:///out-{number}"
        master.submit(1, request=f"r{number}")
        a.beat().failed("m0.0").failed("m0.1").failed("m0.2").done("m0.3")
        master.perform()

    assert _standing(master)["a"] == ("live", "")
