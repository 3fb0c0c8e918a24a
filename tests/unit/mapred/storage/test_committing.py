import pytest

from mapred.errors import InputError, ParamError
from mapred.inputs import input_files
from mapred.storage.anyfs import AnyStorage
from mapred.storage.committing import output_refusal
from mapred.submit import plan


@pytest.mark.parametrize("uri", ["file:///a", "bs://nn:1/a", "s3://bucket/a", "sftp://host/a"])
def test_output_goes_where_files_are_put_into_place_at_once(uri):
    assert output_refusal(uri) == ""


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("https://host/out", "can only be read"),
        ("ftp://host/out", "isn't known to rename files at once"),
        ("memory://out", "is one process's own"),
    ],
)
def test_other_outputs_are_refused_when_the_job_is_submitted(tmp_path, uri, reason):
    (tmp_path / "some_job.py").write_text(
        "from mapred import Job, Mapper\nclass Some(Job):\n    mapper = Mapper\n"
    )
    (tmp_path / "in").write_text("x")
    with pytest.raises(ParamError, match=reason):
        plan(
            str(tmp_path / "some_job.py"),
            [str(tmp_path / "in")],
            output=uri,
            params={},
            code_base=f"file://{tmp_path}/code",
        )


def test_inputs_of_one_process_are_refused():
    with pytest.raises(InputError, match="tasks run in others"):
        input_files(["memory://data"], "file://")


def test_a_file_whose_length_is_not_known_is_refused(monkeypatch, tmp_path):
    (tmp_path / "f").write_text("x")
    storage = AnyStorage("local://")
    real = storage._fs.info
    monkeypatch.setattr(storage._fs, "info", lambda path: {**real(path), "size": None})
    monkeypatch.setattr("mapred.inputs.storage_for", lambda uri: storage)
    with pytest.raises(InputError, match="doesn't say how long the file is"):
        input_files([f"local://{tmp_path}/f"], "file://")
