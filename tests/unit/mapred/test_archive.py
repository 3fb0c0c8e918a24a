import io
import os
import time
import zipfile

import pytest

from mapred.archive import digest, packed, unpacked
from mapred.errors import JobDefinitionError


def files(folder):
    (folder / "package").mkdir(parents=True)
    (folder / "job.py").write_text("x = 1\n")
    (folder / "package" / "part.py").write_text("y = 2\n")
    return {"package/part.py": folder / "package/part.py", "job.py": folder / "job.py"}


def test_the_same_files_make_the_same_bytes_whenever_and_wherever(tmp_path):
    first = files(tmp_path / "a")
    second = files(tmp_path / "b")
    os.utime(second["job.py"], (0, time.time() - 10**6))
    os.chmod(second["job.py"], 0o600)
    assert packed(first) == packed(dict(reversed(second.items())))
    second["job.py"].write_text("x = 2\n")
    assert packed(first) != packed(second)


def test_an_archive_unpacks_to_its_files_once(tmp_path):
    data = packed(files(tmp_path / "a"))
    folder = unpacked(data, digest(data), tmp_path)
    assert (folder / "job.py").read_text() == "x = 1\n"
    assert (folder / "package" / "part.py").read_text() == "y = 2\n"
    (folder / "job.py").write_text("kept")
    assert unpacked(data, digest(data), tmp_path) == folder
    assert (folder / "job.py").read_text() == "kept"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", folder.name]


def test_bytes_that_are_not_what_was_submitted_are_refused(tmp_path):
    data = packed(files(tmp_path / "a"))
    with pytest.raises(JobDefinitionError, match="SHA-256"):
        unpacked(data, digest(data + b"x"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("name", ["../evil.py", "/etc/evil.py", "a/../../evil.py", "a\\..\\evil"])
def test_a_path_out_of_the_folder_is_refused(tmp_path, name):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), "evil")
    data = buffer.getvalue()
    inside = tmp_path / "inside"
    inside.mkdir()
    with pytest.raises(JobDefinitionError, match="out of its folder"):
        unpacked(data, digest(data), inside)
    assert list(tmp_path.rglob("*evil*")) == []
    assert list(inside.iterdir()) == []
