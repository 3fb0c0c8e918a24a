from dataclasses import replace

import pytest

from mapred.errors import NoSuchJobError, OutputExistsError, RefusedError
from mapred.jobtracker.ready import PrepareOutput
from tests.unit.mapred.jobtracker.conftest import Master


def test_a_submit_makes_the_output_directory_before_anything_runs(master: Master) -> None:
    a = master.tracker("a")

    job = master.submit(1, prepare=False)

    assert master.actions == [PrepareOutput(job, "file:///out", "me")]
    assert master.core.preparing(job)
    assert a.beat().said == []
    master.perform()
    assert a.beat().said == ["launch m0.0"]


def test_a_repeated_submit_gets_the_same_job(master: Master) -> None:
    first = master.submit(1, request="x")

    assert master.submit(1, request="x") == first
    assert len(master.core.jobs()) == 1


def test_an_existing_output_refuses_the_job_and_leaves_no_trace(master: Master) -> None:
    job = master.submit(1, prepare=False)

    master.perform(OutputExistsError("it exists"))

    assert isinstance(master.core.refusal(job), OutputExistsError)
    assert master.core.jobs() == []


def test_two_jobs_do_not_write_to_one_directory(master: Master) -> None:
    master.submit(1, request="first")

    with pytest.raises(OutputExistsError, match="is being written by job_"):
        master.submit(1, request="second", output_uri="file:///out/")


def test_versions_that_no_tracker_has_are_refused_with_both(master: Master) -> None:
    tracker = master.tracker("a")
    tracker.info = replace(tracker.info, python_version="3.12", engine_version="1.0")
    tracker.register()

    with pytest.raises(RefusedError, match=r"Python 3.11, mapred 1.0; .* Python 3.12"):
        master.submit(1, python_version="3.11", engine_version="1.0")


def test_tasks_go_only_to_trackers_with_the_clients_versions(master: Master) -> None:
    old, new = master.tracker("old"), master.tracker("new")
    for tracker, version in ((old, "3.11"), (new, "3.12")):
        tracker.info = replace(tracker.info, python_version=version)
        tracker.register()

    master.submit(2, python_version="3.12")

    assert (old.beat().said, new.beat().said) == ([], ["launch m0.0"])


def test_launches_carry_the_spec_without_its_splits(master: Master) -> None:
    a = master.tracker("a")
    master.submit(3)

    launch = a.beat().orders[0]

    assert launch.spec.splits == ()  # type: ignore[union-attr]
    assert launch.split is not None  # type: ignore[union-attr]


def test_an_unknown_job_is_named(master: Master) -> None:
    with pytest.raises(NoSuchJobError, match="job_9"):
        master.core.status("job_9")
    with pytest.raises(NoSuchJobError, match="job_9"):
        master.kill("job_9")


def test_the_version_rises_with_what_clients_can_see(master: Master) -> None:
    a = master.tracker("a")
    job = master.submit(2)
    versions = [master.core.status(job)[1]]
    for step in (a.beat, lambda: a.done("m0.0"), master.perform, lambda: a.done("m1.0")):
        step()
        versions.append(master.core.status(job)[1])

    assert versions == sorted(set(versions)) or versions[0] == versions[1]
