"""The floors hold: import contracts, and what a fresh process really imports."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# 88 MB and a tenth of a second: only task processes pay that.
DATA_PLANE = {"numpy", "pyarrow"}


def _modules_after(code):
    """The top-level modules that a process has imported when `code` is done."""
    script = (
        "import sys\n"
        "try:\n"
        f"    {code}\n"
        "except SystemExit:\n"
        "    pass\n"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stderr.split())


def test_the_import_contracts_hold():
    command = "from importlinter.cli import lint_imports_command as run; run()"
    done = subprocess.run([sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [[], ["cluster"], ["fs"]])
def test_help_imports_no_heavy_module(arguments):
    code = f"from mapred_cli.main import main; main({[*arguments, '--help']!r})"
    assert _modules_after(code) & (DATA_PLANE | {"grpc", "google", "rich", "fsspec"}) == set()


@pytest.mark.parametrize(
    "daemon",
    [
        "blockstore.namenode.daemon",
        "blockstore.datanode.daemon",
        "mapred.jobtracker.daemon",
        "mapred.tasktracker.daemon",
    ],
)
def test_a_daemon_leaves_the_data_plane_to_its_tasks(daemon):
    assert _modules_after(f"import {daemon}") & DATA_PLANE == set()


def test_the_client_of_an_embedded_job_imports_nothing_that_the_job_does_not_need():
    code = (
        "import mapred_cli.submit, mapred.oneprogram, mapred_cli.submission, mapred.versions; "
        "from mapred.examples.wordcount_blocks import WordCount; mapred.versions.engine_version()"
    )
    needless = {"grpc", "msgspec", "psutil", "tomllib", "google_crc32c", "tarfile", "email", "rich"}
    assert _modules_after(code) & (DATA_PLANE | needless) == set()


def test_what_task_processes_are_forked_from_leaves_loops_to_those_that_run_one():
    assert _modules_after("import mapred.task.child") & {"grpc", "msgspec", "email"} == set()
