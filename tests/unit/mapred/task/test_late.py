"""A zombie, whose job is over, leaves nothing in the output; others are not hindered."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from mapred.engine import TRANSIENT_OUTPUT
from mapred.errors import JobKilledError
from mapred.inlinefiles import BYTES_MAX, inline_data
from mapred.model import AttemptId, JobSpec, TaskId
from mapred.storage.local import LocalStorage
from mapred.storage.port import FileInfo, OutputFile
from mapred.task import late
from mapred.task.commit import PartFile

JOB = "job_20260101000000_0001"
ATTEMPT = TaskId(JOB, "r", 0).attempt(0)


class JobEndsMeanwhile(LocalStorage):
    """The job is published, or removed, just before a file is opened."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open_write(self, uri: str, *, overwrite: bool = False) -> OutputFile:
        shutil.rmtree(self._folder)
        return super().open_write(uri, overwrite=overwrite)


class Recording(LocalStorage):
    """What was opened, and whether anybody looked for a mark."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.looked = False

    def stat(self, uri: str) -> FileInfo:
        self.looked = True
        return super().stat(uri)

    def open_write(self, uri: str, *, overwrite: bool = False) -> OutputFile:
        self.opened.append(uri)
        return super().open_write(uri, overwrite=overwrite)


class HeldBack:
    """A file in the block store, as far as what it holds is concerned."""

    def __init__(self) -> None:
        self.held = 0

    def hold_at_most(self, size: int) -> None:
        self.held = size

    def open_write(self, uri: str, *, overwrite: bool = False) -> "HeldBack":
        return self


def _spec(folder: Path, **settings: str) -> JobSpec:
    return JobSpec("wc", "me", "", "", "m", "J", (), 1, f"file://{folder}/out", settings=settings)


def _prepared(folder: Path) -> Path:
    (folder / "out/_temporary" / JOB).mkdir(parents=True)
    return folder / "out"


def _written(spec: JobSpec, attempt: AttemptId = ATTEMPT) -> str:
    return _part(spec, "v", attempt).temporary_uri


def _part(spec: JobSpec, value: str, attempt: AttemptId = ATTEMPT) -> PartFile:
    part = PartFile(spec, attempt)
    part.write([("k", value)])
    part.commit()
    return part


def test_an_attempt_of_a_job_that_runs_writes(tmp_path: Path) -> None:
    _prepared(tmp_path)
    assert Path(_written(_spec(tmp_path)).removeprefix("file://")).read_text() == "k\tv\n"


def test_what_an_attempt_holds_for_its_file_follows_from_its_budget(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = HeldBack()
    monkeypatch.setattr(late, "storage_for", lambda uri: file)
    spec = replace(_spec(tmp_path), output_uri="s3://bucket/out", memory_bytes=32 << 20)
    late.opened(spec, ATTEMPT, "s3://bucket/out/part")
    assert file.held == 4 << 20


def test_an_attempt_of_a_published_job_makes_no_folder_anew(tmp_path: Path) -> None:
    out = _prepared(tmp_path)
    shutil.rmtree(out / "_temporary")
    (out / "_SUCCESS").touch()
    with pytest.raises(JobKilledError, match="is over"):
        _written(_spec(tmp_path))
    assert os.listdir(out) == ["_SUCCESS"]


def test_an_attempt_of_a_removed_job_does_not_bring_the_output_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = Recording()
    monkeypatch.setattr(late, "storage_for", lambda uri: storage)
    with pytest.raises(JobKilledError, match="is over"):
        _written(_spec(tmp_path))
    assert storage.opened == []
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("ended", ["out", "out/_temporary"])
def test_what_it_made_while_the_job_ended_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended: str
) -> None:
    out = _prepared(tmp_path)
    (out / "_SUCCESS").touch()
    storage = JobEndsMeanwhile(tmp_path / ended)
    monkeypatch.setattr(late, "storage_for", lambda uri: storage)
    with pytest.raises(JobKilledError, match="is over"):
        _written(_spec(tmp_path))
    assert os.listdir(tmp_path) == ([] if ended == "out" else ["out"])
    assert not (out / "_temporary").exists()


def test_another_job_that_has_taken_the_output_is_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "out/_temporary/job_20260101000000_0002"
    other.mkdir(parents=True)
    with pytest.raises(JobKilledError, match="is over"):
        _written(_spec(tmp_path))
    assert other.is_dir()
    assert os.listdir(other.parent) == [other.name]


def test_transient_output_has_no_mark_to_look_for(tmp_path: Path) -> None:
    part = _part(_spec(tmp_path, **{TRANSIENT_OUTPUT: str(BYTES_MAX)}), "v" * BYTES_MAX)
    found = Path(part.temporary_uri.removeprefix("file://")).read_text()
    assert found == f"k\t{'v' * BYTES_MAX}\n"
    assert part.final_name == "part-r-00000"


def test_a_small_part_of_transient_output_is_its_name(tmp_path: Path) -> None:
    part = _part(_spec(tmp_path, **{TRANSIENT_OUTPUT: str(BYTES_MAX)}), "v")
    assert (part.temporary_uri, inline_data(part.final_name)) == ("", b"k\tv\n")
    assert os.listdir(tmp_path) == []


def test_object_stores_are_not_asked_for_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = Recording()
    monkeypatch.setattr(late, "storage_for", lambda uri: storage)
    spec = replace(_spec(tmp_path), output_uri="s3://bucket/out")
    late.opened(spec, ATTEMPT, f"file://{tmp_path}/part").discard()
    assert not storage.looked
