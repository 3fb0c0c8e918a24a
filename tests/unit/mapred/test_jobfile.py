import sys
from pathlib import Path

import pytest

from mapred.errors import JobDefinitionError
from mapred.jobfile import find_job, loaded_job_file

PARTS = "from mapred import Job, Mapper, Reducer\n\nclass M(Mapper):\n    pass\n\n"
ONE = PARTS + "class Count(Job):\n    mapper = M\n"
TWO = ONE + "\nclass Sort(Job):\n    mapper = M\n"


def found(path: Path, source: str, name: str | None = None):
    path.write_text(source)
    with loaded_job_file(path) as module:
        return find_job(module, name, path)


def refusal(path, source, name=None):
    with pytest.raises(JobDefinitionError) as refused:
        found(path, source, name)
    return str(refused.value)


def test_the_one_job_of_a_file_is_found(tmp_path):
    job = found(tmp_path / "my_count.py", ONE)
    assert (job.__name__, job.__module__) == ("Count", "my_count")


def test_nothing_of_the_import_stays(tmp_path):
    (tmp_path / "beside_it.py").write_text("X = 1\n")
    before = sys.path.copy()
    assert found(tmp_path / "my_job.py", "import beside_it\n" + ONE).__name__ == "Count"
    assert sys.path == before
    assert not {"my_job", "beside_it"} & set(sys.modules)
    (tmp_path / "beside_it.py").write_text("raise OSError\n")
    assert "OSError" in refusal(tmp_path / "my_job.py", "import beside_it\n" + ONE)


def test_a_job_that_was_imported_is_not_the_files_own(tmp_path):
    (tmp_path / "library_of_jobs.py").write_text(ONE)
    source = "from library_of_jobs import Count\n\nclass Mine(Count):\n    pass\n"
    assert found(tmp_path / "my_job.py", source).__name__ == "Mine"


def test_two_jobs_need_a_name(tmp_path):
    path = tmp_path / "my_jobs.py"
    text = refusal(path, TWO)
    assert text == f"{path} defines 2 Jobs. Say which one:\n  {path}:Count\n  {path}:Sort"
    assert found(path, TWO, "Sort").__name__ == "Sort"
    assert "has no Job 'Srt'. Its Jobs are: Count, Sort" in refusal(path, TWO, "Srt")


def test_a_job_that_others_derive_from_is_not_meant(tmp_path):
    source = ONE + "\nclass More(Count):\n    pass\n"
    assert found(tmp_path / "my_jobs.py", source).__name__ == "More"
    assert found(tmp_path / "my_jobs.py", source, "Count").__name__ == "Count"


def test_a_job_that_a_loop_begins_with_is_not_meant(tmp_path):
    source = ONE + "\nclass Loop(Job):\n    placement = Count\n"
    assert found(tmp_path / "my_loop.py", source).__name__ == "Loop"
    assert found(tmp_path / "my_loop.py", source, "Count").__name__ == "Count"


def test_a_file_without_a_job_shows_what_one_looks_like(tmp_path):
    assert "defines no Job. It needs a class such as" in refusal(tmp_path / "my_job.py", PARTS)


def test_a_syntax_error_names_its_line(tmp_path):
    text = refusal(tmp_path / "my_job.py", "x = 1\ndef f(:\n")
    assert "can't be imported" in text
    assert 'File "my_job.py", line 2' in text
    assert "SyntaxError" in text


def test_an_import_error_has_the_users_frames_only(tmp_path):
    text = refusal(tmp_path / "my_job.py", "def load():\n    import no_such_thing\n\nload()\n")
    assert text.endswith(
        'Traceback (most recent call last):\n  File "my_job.py", line 4, in <module>\n    load()\n'
        '  File "my_job.py", line 2, in load\n    import no_such_thing\n'
        "ModuleNotFoundError: No module named 'no_such_thing'"
    )
    assert "importlib" not in text


def test_a_file_that_exits_is_refused(tmp_path):
    assert "SystemExit: 4" in refusal(tmp_path / "my_job.py", "import sys\nsys.exit(4)\n")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.py", "does not exist"),
        ("folder", "is no file"),
        ("job.txt", "its name must end in .py"),
        ("json.py", "the name of the module 'json', which it would hide"),
        ("pytest.py", "the name of the module 'pytest'"),
        ("starlette.py", "the name of the module 'starlette'"),
    ],
)
def test_what_cannot_be_a_job_file_is_refused(tmp_path, name, message):
    (tmp_path / "folder").mkdir()
    for existing in ("job.txt", "json.py", "pytest.py", "starlette.py"):
        (tmp_path / existing).write_text(ONE)
    with pytest.raises(JobDefinitionError, match=message), loaded_job_file(tmp_path / name):
        pass


def test_names_that_are_no_identifiers_work(tmp_path):
    assert found(tmp_path / "word-count.2.py", ONE).__module__ == "word-count.2"
