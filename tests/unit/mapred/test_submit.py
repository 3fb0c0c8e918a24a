import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from mapred.errors import (
    InputError,
    JobDefinitionError,
    OutputExistsError,
    ParamError,
    RefusedError,
)
from mapred.model import Split
from mapred.submit import plan

SOURCE = """
from mapred import Job, Mapper, Param, Reducer, Sum

class M(Mapper):
    def map(self, offset, line):
        yield line, 1

class Count(Job):
    minimum: int = Param(1, help="shortest")
    mapper, combiner, reducer = M, Sum, Sum
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory with a job and an input."""
    monkeypatch.chdir(tmp_path)
    Path("count_lines.py").write_text(SOURCE)
    Path("in.txt").write_text("a\nb\n")
    return tmp_path


def planned(job="count_lines.py", inputs=("in.txt",), **more):
    settings = {
        "output": "out",
        "params": {},
        "code_base": f"file://{Path.cwd()}/code",
        "workers": 2,
    }
    return plan(job, inputs, **(settings | more))


def test_a_plan_has_all_that_is_needed_to_schedule_the_job(here):
    spec = planned(params={"minimum": "4", "job.attempts_max": "2", "job.memory_bytes": "5000000"})
    assert (spec.name, spec.module, spec.job_class) == ("Count", "count_lines", "Count")
    assert spec.splits == (Split(f"file://{here}/in.txt", 0, 4),)
    assert spec.output_uri == f"file://{here}/out"
    assert json.loads(spec.params_json) == {"minimum": 4}
    assert (spec.reducers, spec.attempts_max, spec.memory_bytes) == (2, 2, 5_000_000)
    assert spec.python_version == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert spec.code_uri == f"file://{here}/code/{spec.code_sha256}.zip"
    with zipfile.ZipFile(spec.code_uri.removeprefix("file://")) as archive:
        assert archive.namelist() == ["count_lines.py"]


def test_the_same_job_is_the_same_archive(here):
    first = planned()
    written = os.stat(first.code_uri.removeprefix("file://")).st_mtime_ns
    second = planned()
    assert first.code_uri == second.code_uri
    assert os.stat(second.code_uri.removeprefix("file://")).st_mtime_ns == written


def names_in_archive(spec):
    with zipfile.ZipFile(spec.code_uri.removeprefix("file://")) as archive:
        return archive.namelist()


def test_own_modules_travel_also_those_imported_late_and_installed_ones_do_not(here):
    Path("first_part.py").write_text("import json\nfrom own_package import inside\n")
    Path("own_package").mkdir()
    Path("own_package/__init__.py").write_text("")
    Path("own_package/inside.py").write_text("def f():\n    from . import later\n")
    Path("own_package/later.py").write_text("import only_at_run_time_part\n")
    Path("only_at_run_time_part.py").write_text("")
    Path("unrelated_part.py").write_text("")
    Path("count_lines.py").write_text("import first_part, pytest, numpy\n" + SOURCE)
    assert names_in_archive(planned()) == [
        "count_lines.py",
        "first_part.py",
        "only_at_run_time_part.py",
        "own_package/__init__.py",
        "own_package/inside.py",
        "own_package/later.py",
    ]


def test_declared_files_travel_and_must_be_inside(here):
    Path("data").mkdir()
    Path("data/words.txt").write_text("x")
    Path("count_lines.py").write_text(SOURCE + "    files = ['data']\n")
    assert names_in_archive(planned()) == ["count_lines.py", "data/words.txt"]
    Path("count_lines.py").write_text(SOURCE + "    files = ['none']\n")
    with pytest.raises(JobDefinitionError, match=r"Count.files: there is no .*/none"):
        planned()
    Path("count_lines.py").write_text(SOURCE + "    files = ['../..']\n")
    with pytest.raises(JobDefinitionError, match=r"'../..' is outside of the job file's folder"):
        planned()


def test_archives_travel_unpacked_under_their_name_or_another(here):
    with zipfile.ZipFile("words.zip", "w") as archive:
        archive.writestr("deep/a.txt", "a")
    with tarfile.open("model.tar.gz", "w:gz") as archive:
        archive.add("in.txt")
    Path("count_lines.py").write_text(
        SOURCE + "    archives = ['words.zip', 'model.tar.gz#model/v1']\n"
    )
    assert names_in_archive(planned()) == [
        "count_lines.py",
        "model/v1/in.txt",
        "words.zip/deep/a.txt",
    ]


@pytest.mark.parametrize(
    ("archives", "why"),
    [
        ("['none.zip']", r"Count.archives: there is no .*/none.zip"),
        ("['in.txt']", "in.txt can't be unpacked"),
        ("['bad.zip#count_lines.py']", "'count_lines.py', which is no name, or taken"),
        ("['bad.zip#..']", r"'\.\.', which is no name"),
        ("['climbs.tar']", "can't be unpacked.*outside"),
    ],
)
def test_archives_that_can_not_be_sent_are_refused(here, archives, why):
    with zipfile.ZipFile("bad.zip", "w") as archive:
        archive.writestr("a", "a")
    with tarfile.open("climbs.tar", "w") as archive:
        archive.add("in.txt", arcname="../in.txt")
    Path("count_lines.py").write_text(f"{SOURCE}    archives = {archives}\n")
    with pytest.raises(RefusedError, match=why):
        planned()


@pytest.mark.parametrize("late", [False, True])
def test_a_helper_module_named_like_one_of_pythons_own_is_refused_with_its_name(here, late):
    Path("queue.py").write_text("X = 1\n")
    own = "\ndef later():\n    import queue\n" if late else "\nimport queue\n"
    Path("count_lines.py").write_text(SOURCE + own)
    with pytest.raises(JobDefinitionError, match=r"imports 'queue'.*/queue\.py.*Rename it"):
        planned()


def test_a_job_beside_the_engine_does_not_take_the_engine_along():
    root = Path(__file__).parents[3]
    import mapred

    spec = plan(
        str(Path(mapred.__file__).parent / "examples" / "wordcount.py"),
        [str(root / "README.md")],
        output="/nonexistent-output",
        params={},
        code_base="memory://code",
    )
    from mapred.storage import storage_for

    with storage_for(spec.code_uri).open_read(spec.code_uri) as file:
        assert zipfile.ZipFile(file).namelist() == ["wordcount.py"]


def test_inputs_may_be_files_directories_and_patterns(here):
    Path("logs/deep").mkdir(parents=True)
    for name in ("a.txt", "b.log", "_SUCCESS", ".hidden", "deep/c.txt"):
        Path("logs", name).write_text(f"{name}\n")

    def uris(*inputs):
        return [
            split.uri.removeprefix(f"file://{here}/") for split in planned(inputs=inputs).splits
        ]

    assert uris("logs") == ["logs/a.txt", "logs/b.log", "logs/deep/c.txt"]
    assert uris("logs/*.txt") == ["logs/a.txt"]
    assert uris("logs/{b,_S}*", "in.txt") == ["logs/_SUCCESS", "logs/b.log", "in.txt"]
    assert uris("logs/**/*.txt") == ["logs/a.txt", "logs/deep/c.txt"]
    assert uris("logs/_SUCCESS") == ["logs/_SUCCESS"]
    assert uris(f"file://{here}/in.txt", "in.txt") == ["in.txt", "in.txt"]
    Path("a*b").write_text("literal\n")
    assert uris("a*b") == ["a*b"]


def test_splits_follow_the_size_that_is_asked_for(here):
    Path("in.txt").write_bytes(b"x" * 1000)
    sizes = [split.length for split in planned(params={"job.split_bytes": "300"}).splits]
    assert sizes == [250, 250, 250, 250]


def test_empty_files_have_no_split_unless_there_is_nothing_else(here):
    Path("empty.txt").touch()
    assert [split.length for split in planned(inputs=["empty.txt", "in.txt"]).splits] == [4]
    assert [split.length for split in planned(inputs=["empty.txt"]).splits] == [0]


def test_how_many_reducers(here):
    assert planned().reducers == 2
    assert planned(reducers=7).reducers == 7
    Path("count_lines.py").write_text(SOURCE + "    reducers = 5\n")
    assert planned().reducers == 5
    assert planned(reducers=1).reducers == 1
    Path("count_lines.py").write_text(SOURCE + "    combiner = reducer = None\n")
    assert planned().reducers == 0
    with pytest.raises(
        JobDefinitionError, match="Count has no reducer, so -r 3 has nothing to run"
    ):
        planned(reducers=3)


CASES = [
    ({"inputs": ["none.txt"]}, InputError, "input 'file://.*/none.txt' does not exist"),
    ({"inputs": ["*.none"]}, InputError, r"input pattern '.*/\*.none' matches nothing"),
    ({"inputs": []}, InputError, "no input"),
    ({"inputs": ["folder"]}, InputError, "has no files to read"),
    ({"inputs": ["bs:///x"]}, InputError, "names no NameNode"),
    ({"inputs": ["nosuch://x/y"]}, InputError, "nosuch://x can't be opened"),
    ({"output": "in.txt"}, OutputExistsError, "output '.*/in.txt' exists"),
    ({"output": "folder"}, OutputExistsError, "Choose another -o, or remove it:  rm -r folder"),
    ({"output": "begun"}, OutputExistsError, "begun' is unfinished: another job writes it, or was"),
    ({"output": "in.txt/x"}, OutputExistsError, "below something that is a file"),
    ({"params": {"min": "1"}}, ParamError, r"no parameter 'min'. Its parameters are:\n  minimum"),
    ({"params": {"minimum": "x"}}, ParamError, "-D minimum=x: 'x' is not a number"),
    ({"params": {"job.x": "1"}}, ParamError, "no setting 'job.x'. The settings are: job.attempts"),
    ({"params": {"job.stall_s": "x"}}, ParamError, "'x' is no float"),
    ({"params": {"job.attempts_max": "0"}}, ParamError, "job.attempts_max can't be 0"),
    ({"job": "none.py"}, JobDefinitionError, "none.py does not exist"),
    ({"job": "count_lines.py:Nope"}, JobDefinitionError, "has no Job 'Nope'. Its Jobs are: Count"),
    ({"reducers": 0}, JobDefinitionError, "needs at least one reduce task"),
]


@pytest.mark.parametrize(("arguments", "kind", "message"), CASES)
def test_what_is_wrong_is_refused_before_anything_runs(here, arguments, kind, message):
    Path("folder").mkdir()
    Path("begun/_temporary").mkdir(parents=True)
    with pytest.raises(kind, match=message) as refused:
        planned(**arguments)
    assert isinstance(refused.value, RefusedError)


def test_planning_imports_neither_columns_nor_grpc(here):
    program = (
        "import sys\nfrom mapred.submit import plan\n"
        "plan('count_lines.py', ['in.txt'], output='o', params={}, code_base=f'file://{sys.argv[1]}')\n"
        "print([name for name in ('numpy', 'pyarrow', 'grpc', 'fsspec') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(here / "code")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_splits_are_larger_where_columns_fold_what_the_mapper_gives(here):
    with Path("in.txt").open("r+b") as file:
        file.truncate(160 << 20)
    words = "for word in line.split(): yield word, 1"
    Path("words.py").write_text(SOURCE.replace("yield line, 1", words))
    assert len(planned().splits) == 16
    assert len(planned("words.py").splits) == 8
    assert len(planned("words.py", params={"job.split_bytes": str(80 << 20)}).splits) == 2
