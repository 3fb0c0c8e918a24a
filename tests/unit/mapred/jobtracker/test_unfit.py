"""Trackers that lack what a job needs: it goes elsewhere, and fails once when nobody has it."""

from mapred.model import FailureKind, JobState

from .conftest import Master

LACKS = "J needs shapely (there is none)"


def test_a_job_goes_where_its_packages_are_and_nothing_counts_as_failed(master: Master) -> None:
    a = master.tracker("a", slots=4)
    job = master.submit(3, attempts_max=1)
    a.beat()
    b = master.tracker("b", slots=4)
    for name in ("m0.0", "m1.0", "m2.0"):
        a.failed(name, LACKS, FailureKind.UNFIT)
    a.beat()
    assert not a.running
    b.beat()
    for name in ("m0.1", "m1.1", "m2.1"):
        b.done(name)
    master.perform()
    assert master.status(job).state is JobState.SUCCEEDED
    assert master.status(job).attempts_failed == 0


def test_when_no_tracker_has_it_the_job_fails_once_with_all_that_was_said(master: Master) -> None:
    a, b = master.tracker("a"), master.tracker("b")
    job = master.submit(8)
    a.beat().failed("m0.0", LACKS, FailureKind.UNFIT)
    assert master.status(job).state is JobState.RUNNING
    b.beat().failed("m1.0", LACKS, FailureKind.UNFIT)
    master.perform()
    status = master.status(job)
    assert status.state is JobState.FAILED
    assert status.attempts_failed == 1
    assert [failure.reason for failure in status.failures] == [
        f"no TaskTracker has what the job needs: {LACKS}, on host-a, host-b. Install it there"
    ]


def test_a_restart_forgets_neither_who_is_unfit_nor_why_a_job_waits(master: Master) -> None:
    a, b = master.tracker("a"), master.tracker("b")
    job = master.submit(1)
    a.beat().failed("m0.0", LACKS, FailureKind.UNFIT)
    master.restart()
    a.register()
    a.beat()
    assert not a.running
    b.register()
    assert "launch" in " ".join(b.beat().said) or b.running
    master.after(0.0)
    assert master.status(job).waiting_for == ""


def test_with_only_unfit_trackers_left_a_job_says_so_while_it_waits(master: Master) -> None:
    a, b = master.tracker("a"), master.tracker("b")
    job = master.submit(1)
    a.beat().failed("m0.0", LACKS, FailureKind.UNFIT)
    b.beat()
    for _ in range(40):
        master.after(1.0)
        a.beat()
    assert master.status(job).waiting_for.startswith(
        f"no TaskTracker has what the job needs: {LACKS}, on host-a"
    )
