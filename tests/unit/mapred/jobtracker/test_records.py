"""Records that kill their process: found after two failures, left out, within a budget."""

import json
from dataclasses import replace

from mapred.model import (
    SKIPPING,
    AttemptFailed,
    Failure,
    FailureKind,
    JobState,
    Launch,
    RecordAt,
)

from .conftest import FakeTracker, Master

SKIPS = {SKIPPING: json.dumps({"bad": False, "errors": True, "max": 2, "share": 1.0})}


def died(tracker: FakeTracker, name: str, record: RecordAt | None) -> None:
    failure = Failure(FailureKind.FAILED, "the task process died: killed by SIGSEGV")
    tracker.beat(AttemptFailed(tracker.running.pop(name), replace(failure, record=record)))


def launched(tracker: FakeTracker) -> tuple[RecordAt, ...] | None:
    """How careful the attempt is that the tracker was just given."""
    tracker.beat()
    order = [one for one in tracker.orders if isinstance(one, Launch)][-1]
    return order.careful


def test_after_two_failures_attempts_are_careful_and_leave_out_what_killed_them(
    master: Master,
) -> None:
    a = master.tracker("a")
    job = master.submit(1, settings=SKIPS)
    assert launched(a) is None
    died(a, "m0.0", None)
    assert launched(a) is None
    died(a, "m0.1", None)
    assert launched(a) == ()
    died(a, "m0.2", (0, 7))
    assert launched(a) == ((0, 7),)
    died(a, "m0.3", (0, 3))
    assert launched(a) == ((0, 7), (0, 3))
    assert master.status(job).attempts_failed == 2

    master.restart()
    a.register()
    died(a, "m0.4", None)
    assert launched(a) == ((0, 7), (0, 3)), "a restart forgets none"
    a.done(next(iter(a.running)))
    master.perform()
    assert master.status(job).state is JobState.SUCCEEDED


def test_more_than_the_budget_fail_the_task_with_the_budget_named(master: Master) -> None:
    a = master.tracker("a")
    job = master.submit(1, settings=SKIPS)
    for number, record in enumerate((None, None, (0, 1), (0, 2), (0, 3), (0, 4))):
        a.beat()
        died(a, f"m0.{number}", record)
    master.perform()
    status = master.status(job)
    assert status.state is JobState.FAILED
    assert "more than 2 records of this task kill its process (skipped_max)" in str(status.failures)


def test_with_two_attempts_the_last_one_is_careful(master: Master) -> None:
    a = master.tracker("a")
    master.submit(1, attempts_max=2, settings=SKIPS)
    assert launched(a) is None
    died(a, "m0.0", None)
    assert launched(a) == ()


def test_who_did_not_ask_for_it_has_no_careful_attempts(master: Master) -> None:
    a = master.tracker("a")
    master.submit(1)
    for number in range(3):
        assert launched(a) is None
        died(a, f"m0.{number}", None)
    assert launched(a) is None


def test_reduces_are_not_careful(master: Master) -> None:
    a = master.tracker("a")
    master.submit(1, reducers=1, settings=SKIPS)
    a.beat().done("m0.0")
    for number in range(3):
        assert launched(a) is None
        died(a, f"r0.{number}", None)
    assert launched(a) is None


def test_who_leaves_out_malformed_records_only_is_not_careful(master: Master) -> None:
    a = master.tracker("a")
    only_bad = json.dumps({"bad": True, "errors": False, "max": 2, "share": 1.0})
    master.submit(1, settings={SKIPPING: only_bad})
    for number in range(3):
        assert launched(a) is None
        died(a, f"m0.{number}", None)
    assert launched(a) is None
