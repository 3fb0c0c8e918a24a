"""What a new epoch takes up from the journal of the last one."""

from mapred.jobtracker.jobs import ATTEMPTS_EVER_MAX, NUMBERS_PER_EPOCH
from mapred.jobtracker.ready import CommitPart, PrepareOutput, PublishOutput, RemoveOutput
from mapred.model import FailureKind, JobState
from tests.unit.mapred.jobtracker.conftest import Master


def test_finished_maps_are_not_run_again_when_their_tracker_comes_back(master: Master) -> None:
    a = master.tracker("a")
    job = master.submit(2, reducers=1)
    a.beat().done("m0.0")
    a.orders.clear()

    master.restart()
    a.register()

    assert master.status(job).maps_done == 1
    assert [word for word in a.beat().said if word.startswith("launch")] == []
    a.done("m1.0").done("r0.0")
    master.perform()
    assert master.status(job).state is JobState.SUCCEEDED
    assert master.status(job).counters == {("n", "m"): 2, ("n", "r"): 1}


def test_running_attempts_go_on_under_the_new_epoch(master: Master) -> None:
    a = master.tracker("a")
    job = master.submit(1)
    a.beat()

    master.restart()
    a.register()
    a.done("m0.0")
    master.perform()

    assert master.status(job).state is JobState.SUCCEEDED


def test_attempts_of_a_killed_job_are_killed_when_the_history_lost_that(master: Master) -> None:
    a = master.tracker("a")
    job = master.submit(1, reducers=1)
    a.beat()
    master.kill(job)
    # The power went while the kill was being written: only its beginning is left.
    (entries,) = [found.entries for found in master.core.book.jobs.values()]
    last = max(n for n, e in enumerate(entries) if type(e).__name__ == "JobEnding")
    del entries[last + 1 :]
    a.orders.clear()

    master.restart()
    a.register()
    master.after(1.0)

    assert "kill m0.0" in a.beat().said


def test_what_a_tracker_does_not_bring_back_runs_again(master: Master) -> None:
    a = master.tracker("a")
    master.submit(1, reducers=1)
    a.beat().done("m0.0")
    a.orders.clear()

    master.restart()
    a.register(keeps=False)

    assert a.beat().said == ["launch m0.1000", "launch r0.1000"]


def test_a_tracker_that_does_not_come_back_is_given_its_time_and_then_lost(
    master: Master,
) -> None:
    a, b = master.tracker("a"), master.tracker("b")
    master.submit([("host-a",)])
    a.beat()
    master.restart()
    b.register()

    master.after(20.0)
    assert b.beat().said == []
    master.after(11.0)

    assert b.beat().said == ["launch m0.1000"]


def test_numbers_of_attempts_never_repeat_those_of_an_earlier_epoch(master: Master) -> None:
    a, b = master.tracker("a"), master.tracker("b")
    master.submit(1, prepare=True)
    a.beat()
    # The launch had been sent, and was not yet durable.
    for job in master.core.book.jobs.values():
        job.entries = [e for e in job.entries if type(e).__name__ != "AttemptLaunched"]

    master.restart()
    b.register()

    assert b.beat().said == ["launch m0.1000"]
    a.register()
    assert a.beat().said[-1] == "kill m0.0"


def test_a_commit_under_way_is_asked_for_again(master: Master) -> None:
    a = master.tracker("a")
    job = master.submit(1)
    a.beat().done("m0.0")
    (commit,) = master.actions

    master.restart()

    assert master.actions == [commit]
    assert isinstance(commit, CommitPart)
    a.register()
    assert master.perform() == ["CommitPart", "PublishOutput"]
    assert master.status(job).state is JobState.SUCCEEDED


def test_an_output_directory_under_way_is_asked_for_again(master: Master) -> None:
    job = master.submit(1, prepare=False)

    master.restart()

    assert master.actions == [PrepareOutput(job, "file:///out", "me")]


def test_a_publication_under_way_is_asked_for_again(master: Master) -> None:
    a = master.tracker("a")
    master.submit(1)
    a.beat().done("m0.0")
    master.perform_one()
    assert isinstance(master.actions[0], PublishOutput)

    master.restart()
    a.register()

    assert [type(action) for action in master.actions] == [PublishOutput]


def test_a_kill_goes_on_after_the_zombies_had_their_time(master: Master) -> None:
    a = master.tracker("a")
    job = master.submit(1)
    a.beat()
    master.kill(job)

    master.restart()
    assert master.actions == []
    a.register()
    assert "kill m0.0" in a.beat().said
    master.after(11.0)

    assert [type(action) for action in master.actions] == [RemoveOutput]


def test_a_repeated_submit_finds_its_job_in_the_next_epoch(master: Master) -> None:
    first = master.submit(0, request="x")

    master.restart()

    assert master.submit(0, request="x") == first
    assert master.status(first).state is JobState.SUCCEEDED


def test_job_ids_and_versions_go_on_rising(master: Master) -> None:
    first = master.submit(0, request="1")
    version = master.core.status(first)[1]

    master.restart()
    master.output = "file:///out2"
    second = master.submit(0, request="2")

    assert second.rpartition("_")[2] == "0002"
    assert master.core.status(first)[1] > version


def test_two_restarts_lead_to_the_same_book(master: Master) -> None:
    a = master.tracker("a", slots=2)
    master.submit(3, reducers=2)
    a.beat().done("m0.0")
    a.failed("m1.0")
    master.restart()
    once = master.core.snapshot()[1:]

    master.restart()

    assert master.core.snapshot()[1:] == once


def test_a_task_whose_attempts_never_end_well_runs_out_of_them(master: Master) -> None:
    """Numbers of attempts are a thousand a life of the JobTracker: none reaches the next one's."""
    a = master.tracker("a")
    job = master.submit(1)
    a.beat()
    for number in range(ATTEMPTS_EVER_MAX):
        assert master.status(job).state is JobState.RUNNING
        a.failed(f"m0.{number}", "killed again", FailureKind.KILLED)
    master.perform()
    status = master.status(job)
    assert status.state is JobState.FAILED
    assert status.failures[0].reason.endswith("was begun 900 times; at last: killed again")
    assert ATTEMPTS_EVER_MAX + 1 < NUMBERS_PER_EPOCH
