import json

import pytest

from mapred.engine import TRANSIENT_OUTPUT
from mapred.errors import JobFailedError
from mapred.inlinefiles import inline_uri
from mapred.jobtracker.core import PASSING_KEPT
from mapred.jobtracker.fetchreports import SILENT_AFTER_S
from mapred.jobtracker.ready import CommitPart, PublishOutput
from mapred.jobtracker.settings import JobTrackerSettings
from mapred.model import AttemptDone, FailureKind, JobState, Progress
from mapred.tracking import Heartbeat
from tests.unit.mapred.jobtracker.conftest import Master


def test_a_part_is_renamed_by_the_jobtracker_and_success_comes_last(master: Master) -> None:
    a = master.tracker("a")
    job = master.submit(1)
    a.beat().done("m0.0")

    (commit,) = master.actions
    assert isinstance(commit, CommitPart)
    assert commit.target == "file:///out/part-m-00000"
    assert master.status(job).state is JobState.RUNNING
    assert master.perform() == ["CommitPart", "PublishOutput"]
    assert master.status(job).state is JobState.SUCCEEDED
    assert master.status(job).output_files == ("file:///out/part-m-00000",)


def test_the_commit_is_in_the_journal_before_it_is_asked_for(master: Master) -> None:
    a = master.tracker("a")
    master.submit(1)
    a.beat()
    master.entries.clear()

    a.done("m0.0")

    assert [entry.event.name for entry in master.entries] == ["PART_WRITTEN"]  # type: ignore[union-attr]


def test_a_map_with_further_files_commits_them_before_its_output_is_told(master: Master) -> None:
    a = master.tracker("a")
    b = master.tracker("b")
    job = master.submit(1, reducers=1)
    a.beat()
    b.beat()
    b.said  # noqa: B018
    a.done("m0.0", further=("errors-m-00000",))

    assert b.beat().said == []
    (commit,) = master.actions
    assert isinstance(commit, CommitPart)
    assert commit.source == ""
    attempt = f"attempt_{job.removeprefix('job_')}_m_000000_0"
    assert commit.further == (
        (f"file:///out/_temporary/{attempt}/errors-m-00000", "file:///out/errors-m-00000"),
    )
    assert master.perform() == ["CommitPart"]
    assert "outputs m0.0" in a.beat().said + b.beat().said


def test_a_commit_of_further_files_goes_on_after_a_crash(master: Master) -> None:
    a = master.tracker("a")
    master.submit(1, reducers=1)
    a.beat().done("m0.0", further=("errors-m-00000",))
    (commit,) = master.actions
    master.restart()

    assert master.actions == [commit]
    a.register()
    assert master.perform() == ["CommitPart"]
    assert "outputs m0.0" in a.beat().said or "launch r0.0" in a.said


def test_success_tells_counters_and_files(master: Master) -> None:
    a = master.tracker("a")
    job = master.submit(1, reducers=1)
    a.beat().done("m0.0").done("r0.0")
    assert master.perform_one() == "CommitPart"
    (publish,) = master.actions

    assert isinstance(publish, PublishOutput)
    success = json.loads(publish.success)
    assert success["job_id"] == job
    assert success["files"] == ["part-r-00000"]
    assert success["counters"] == {"n": {"m": 1, "r": 1}}


def test_a_job_without_input_succeeds_at_once(master: Master) -> None:
    job = master.submit(0, prepare=False)

    assert master.perform() == ["PrepareOutput", "PublishOutput"]
    assert master.status(job).state is JobState.SUCCEEDED


def test_a_job_without_input_but_with_reduces_runs_these(master: Master) -> None:
    a = master.tracker("a")
    job = master.submit(0, reducers=1)

    assert a.beat().said == ["launch r0.0"]
    a.done("r0.0")
    master.perform()

    assert master.status(job).state is JobState.SUCCEEDED


def test_four_failures_of_a_task_end_the_job_with_the_cause_first(master: Master) -> None:
    a = master.tracker("a", slots=2)
    job = master.submit(2)
    a.beat()
    a.failed("m1.0", "another reason")
    for number in range(4):
        a.beat().failed(f"m0.{number}", "division by zero")

    a.failed(next(iter(a.running)), "the job has failed", FailureKind.KILLED)
    assert master.perform() == ["RemoveOutput"]
    status = master.status(job)
    assert status.state is JobState.FAILED
    assert [failure.reason for failure in status.failures] == ["division by zero", "another reason"]


def test_a_fatal_failure_ends_the_job_at_the_first_time(master: Master) -> None:
    a = master.tracker("a")
    job = master.submit(1)

    a.beat().failed("m0.0", "no module named x", FailureKind.FATAL)
    master.perform()

    assert master.status(job).state is JobState.FAILED
    assert master.status(job).attempts_failed == 1


def test_attempts_on_a_tracker_that_has_fallen_silent_do_not_hold_up_the_end(
    master: Master,
) -> None:
    dead, alive = master.tracker("a"), master.tracker("b")
    job = master.submit(2)
    ran = "m1.0" if "m1.0" in alive.beat().running else "m0.0"
    dead.beat()
    master.after(SILENT_AFTER_S - 1.0)
    alive.beat()
    master.kill(job)
    alive.failed(ran, "the job is killed", FailureKind.KILLED)
    assert master.perform() == [], "the other one may still write"

    master.after(1.5)

    assert master.perform() == ["RemoveOutput"]
    assert master.status(job).state is JobState.KILLED


def test_killed_attempts_do_not_count(master: Master) -> None:
    a = master.tracker("a")
    job = master.submit(1)
    for number in range(6):
        a.beat().failed(f"m0.{number}", "ended by its tracker", FailureKind.KILLED)

    assert master.status(job).state is JobState.RUNNING


def test_a_kill_ends_attempts_waits_for_them_and_removes_the_output(master: Master) -> None:
    a = master.tracker("a")
    job = master.submit(1)
    a.beat()

    assert master.kill(job, "Ctrl-C")
    assert "kill m0.0" in a.beat().said
    assert master.actions == []
    a.failed("m0.0", "Ctrl-C", FailureKind.KILLED)

    assert master.perform() == ["RemoveOutput"]
    assert master.status(job).state is JobState.KILLED
    assert master.status(job).failures[0].reason == "Ctrl-C"
    assert a.beat().said == ["forget"]
    assert not master.kill(job)


def test_attempts_that_do_not_end_are_waited_for_only_so_long(master: Master) -> None:
    a = master.tracker("a")
    job = master.submit(1)
    a.beat()
    master.kill(job)

    master.after(4.0)
    a.beat()
    master.after(1.0)
    assert master.actions == []
    a.beat()
    master.after(4.9)
    a.beat()
    assert master.actions == []
    master.after(1.1)

    assert master.perform() == ["RemoveOutput"]


def test_a_kill_waits_for_the_commit_under_way(master: Master) -> None:
    a = master.tracker("a")
    job = master.submit(1)
    a.beat().done("m0.0")
    (commit,) = master.actions

    assert master.kill(job)
    assert master.actions == [commit]

    assert master.perform() == ["CommitPart", "RemoveOutput"]
    assert master.status(job).state is JobState.KILLED


def test_a_job_whose_tasks_are_all_done_is_not_killed_any_more(master: Master) -> None:
    a = master.tracker("a")
    job = master.submit(1)
    a.beat().done("m0.0")
    publish = master.perform_one()
    assert publish == "CommitPart"

    assert master.status(job).state is JobState.COMMITTING
    assert not master.kill(job)
    master.perform()
    assert master.status(job).state is JobState.SUCCEEDED


def test_a_failed_commit_counts_as_a_failed_attempt(master: Master) -> None:
    a = master.tracker("a")
    job = master.submit(1)
    a.beat().done("m0.0")

    master.perform(JobFailedError("disk full"))

    assert master.status(job).attempts_failed == 1
    assert "launch m0.1" in a.beat().said


def test_output_that_cannot_be_published_fails_the_job(master: Master) -> None:
    a = master.tracker("a")
    job = master.submit(1)
    a.beat().done("m0.0")
    master.perform_one()

    assert master.perform(JobFailedError("disk full")) == ["PublishOutput", "RemoveOutput"]

    assert master.status(job).state is JobState.FAILED
    assert "disk full" in master.status(job).failures[0].reason


def test_the_loser_of_two_attempts_is_killed_and_publishes_nothing(master: Master) -> None:
    quick = Master(JobTrackerSettings(dead_after_s=1000.0))
    a, b = quick.tracker("a"), quick.tracker("b")
    job = quick.submit([("host-a",), ("host-b",)])
    a.beat()
    b.beat().done("m1.0")
    quick.perform()
    quick.after(60.0)
    assert b.beat().said[-1] == "launch m0.1"

    a.done("m0.0")
    b.done("m0.1")

    assert [type(action).__name__ for action in quick.actions] == ["CommitPart"]
    assert "kill m0.1" not in b.said
    assert quick.perform() == ["CommitPart", "PublishOutput"]
    assert quick.status(job).attempts_killed == 1


@pytest.mark.parametrize("letter", ["m", "r"])
def test_the_winner_ends_the_attempt_that_still_runs(letter: str) -> None:
    master = Master(JobTrackerSettings(dead_after_s=1000.0))
    a, b = master.tracker("a", slots=2), master.tracker("b", slots=2)
    if letter == "m":
        master.submit([("host-a",), ("host-b",)], reducers=1, slowstart=1.0)
    else:
        master.submit(0, reducers=2)
    assert a.beat().said == [f"launch {letter}0.0"]
    assert b.beat().said == [f"launch {letter}1.0"]
    master.now += 60.0
    half = Progress(b.running[f"{letter}1.0"], 0.5)
    beat = Heartbeat("b", b.info.incarnation, master.core.epoch, 9, progress=(half,))
    master.take(master.core.heartbeat(beat, master.now))
    master.after(0.1)
    assert b.beat().said == [f"launch {letter}0.1"]

    b.done(f"{letter}0.1")
    if letter == "r":
        master.perform_one()

    assert a.beat().said == [f"kill {letter}0.0"]


def test_what_decided_comes_before_what_happened_more_often(master: Master) -> None:
    a = master.tracker("a", slots=3)
    job = master.submit(3, attempts_max=3)
    a.beat()
    for name in ("m0.0", "m1.0", "m0.1", "m1.1"):
        a.failed(name, "the network is slow")
    for number in range(3):
        a.beat().failed(f"m2.{number}", f"bad record, try {number}")

    reasons = [failure.reason for failure in master.status(job).failures]
    assert reasons[:2] == ["bad record, try 2", "the network is slow"]


def test_a_job_that_no_tracker_can_run_fails_with_a_clear_word(master: Master) -> None:
    job = master.submit(1)

    master.after(1.0)
    assert "no TaskTracker is registered" in master.status(job).waiting_for
    master.after(60.0)
    assert master.status(job).state is JobState.RUNNING
    master.after(60.0)
    master.perform()

    assert master.status(job).state is JobState.FAILED
    assert "no TaskTracker is registered" in master.status(job).failures[0].reason


def test_a_job_that_waits_for_slots_says_so(master: Master) -> None:
    a = master.tracker("a")
    master.submit(1, reducers=1, request="first", slowstart=0.0)
    a.beat()
    master.output = "file:///out2"
    second = master.submit(1, request="second")

    master.after(1.0)

    assert master.status(second).waiting_for == "no TaskTracker has a free slot"


@pytest.mark.parametrize("kept", [1, 3])
def test_old_jobs_are_forgotten(kept: int) -> None:
    master = Master(JobTrackerSettings(jobs_kept=kept))
    jobs = [master.submit(0, request=str(number)) for number in range(5)]

    assert [status.job_id for status in master.core.jobs()] == jobs[::-1][:kept]


def _round(master: Master, request: str) -> str:
    """A job whose one part is in its name."""
    a = master.trackers["a"]
    settings = {TRANSIENT_OUTPUT: "true"}
    job = master.submit(1, request=request, prepare=False, settings=settings)
    a.beat()
    a.beat(AttemptDone(a.running.pop("m0.0"), {}, None, "", inline_uri(request.encode())))
    return job


def test_a_round_begins_and_ends_without_an_action_and_its_small_part_is_in_its_status(
    master: Master,
) -> None:
    master.tracker("a")
    job = _round(master, "r")
    assert master.actions == []
    status = master.status(job)
    assert (status.state, status.output_files) == (JobState.SUCCEEDED, (inline_uri(b"r"),))
    master.restart()
    assert master.status(job).output_files == status.output_files


def test_the_rounds_of_a_long_loop_push_no_other_job_off_the_list(master: Master) -> None:
    a = master.tracker("a")
    master.core.book.keeps_stories = True
    other = master.submit(1, request="other")
    a.beat().done("m0.0")
    master.perform()
    rounds = [_round(master, f"r{number}") for number in range(PASSING_KEPT + 3)]
    listed = {status.job_id for status in master.core.jobs()}
    assert listed == {other, *rounds[3:]}
    assert list(master.core.book.stories) == [other]
