from pathlib import Path
from typing import Any

import pytest

from blockstore.errors import SafeModeException
from blockstore.runtime.clock import FakeClock
from blockstore.runtime.retry import RetryPolicy
from mapred.errors import JobFailedError, OutputExistsError
from mapred.jobtracker.committer import Committer
from mapred.jobtracker.ready import CommitPart, PrepareOutput, PublishOutput, RemoveOutput
from mapred.model import TaskId
from mapred.storage.local import LocalStorage

ATTEMPT = TaskId("job_1", "r", 0).attempt(0)


class _Clock(FakeClock):
    """Sleeping moves it."""

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)


@pytest.fixture
def committer() -> Committer:
    return Committer(lambda _, __: LocalStorage())


def test_an_output_directory_is_made_once_and_stays_its_jobs_own(
    committer: Committer, tmp_path: Path
) -> None:
    uri = f"file://{tmp_path}/out"

    assert committer.perform(PrepareOutput("job_1", uri)).error is None
    assert committer.perform(PrepareOutput("job_1", uri)).error is None
    other = committer.perform(PrepareOutput("job_2", uri)).error

    assert isinstance(other, OutputExistsError)
    assert "unfinished" in str(other)
    assert "choose another -o" in str(other)


def test_an_empty_directory_that_was_there_is_refused(committer: Committer, tmp_path: Path) -> None:
    refused = committer.perform(PrepareOutput("job_1", f"file://{tmp_path}")).error

    assert isinstance(refused, OutputExistsError)
    assert "unfinished" not in str(refused)


def test_a_commit_that_was_done_before_is_done(committer: Committer, tmp_path: Path) -> None:
    (tmp_path / "_temporary").mkdir()
    (tmp_path / "_temporary/part").write_text("x")
    commit = CommitPart(ATTEMPT, f"file://{tmp_path}/_temporary/part", f"file://{tmp_path}/part")

    assert committer.perform(commit).error is None
    assert committer.perform(commit).error is None
    assert (tmp_path / "part").read_text() == "x"


def test_a_part_that_is_nowhere_fails_the_commit(committer: Committer, tmp_path: Path) -> None:
    commit = CommitPart(ATTEMPT, f"file://{tmp_path}/_temporary/part", f"file://{tmp_path}/part")

    assert isinstance(committer.perform(commit).error, JobFailedError)


def test_publishing_writes_success_and_removes_temporary(
    committer: Committer, tmp_path: Path
) -> None:
    (tmp_path / "_temporary/job_1").mkdir(parents=True)
    publish = PublishOutput("job_1", f"file://{tmp_path}", "{}")

    assert committer.perform(publish).error is None
    assert committer.perform(publish).error is None
    assert {path.name for path in tmp_path.iterdir()} == {"_SUCCESS"}


def test_removing_takes_committed_parts_too(committer: Committer, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "_temporary").mkdir(parents=True)
    (out / "part-r-00000").write_text("x")
    remove = RemoveOutput("job_1", f"file://{out}")

    assert committer.perform(remove).error is None
    assert committer.perform(remove).error is None
    assert not out.exists()


class _Sleepy(LocalStorage):
    """In safe mode for the first calls."""

    def __init__(self, times: int) -> None:
        self.left = times

    def stat(self, uri: str) -> Any:
        if self.left:
            self.left -= 1
            raise SafeModeException("in safe mode")
        return super().stat(uri)


def test_safe_mode_is_waited_out(tmp_path: Path) -> None:
    storage = _Sleepy(5)
    committer = Committer(lambda _, __: storage, clock=_Clock())

    assert committer.perform(PrepareOutput("job_1", f"file://{tmp_path}/out")).error is None


def test_an_outage_without_end_becomes_an_error(tmp_path: Path) -> None:
    committer = Committer(
        lambda _, __: _Sleepy(1000), policy=RetryPolicy(deadline_s=30.0), clock=_Clock()
    )

    error = committer.perform(PrepareOutput("job_1", f"file://{tmp_path}/out")).error

    assert isinstance(error, JobFailedError)
    assert "in safe mode" in str(error)


def test_further_files_are_published_with_the_part_and_again_when_asked_again(
    committer: Committer, tmp_path: Path
) -> None:
    attempt = tmp_path / "_temporary/attempt"
    (attempt / "_skipped").mkdir(parents=True)
    further = []
    for name in ("errors-r-00000", "_skipped/part-r-00000"):
        (attempt / name).write_text(name)
        further.append((f"file://{attempt}/{name}", f"file://{tmp_path}/{name}"))
    commit = CommitPart(ATTEMPT, "", f"file://{tmp_path}/", further=tuple(further))

    assert committer.perform(commit).error is None
    assert committer.perform(commit).error is None
    assert (tmp_path / "errors-r-00000").read_text() == "errors-r-00000"
    assert (tmp_path / "_skipped/part-r-00000").read_text() == "_skipped/part-r-00000"
