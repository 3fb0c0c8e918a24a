"""mrjob's own example jobs, as its hadoop runner would submit them, step by step."""

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from mapred.streaming.request import Request
from tests.unit.mapred.streaming.conftest import PYTHON, Streams

pytestmark = pytest.mark.packages

MRJOB = "mrjob==0.7.4"
DOWNLOAD_S = 60
TEXT = "the king of the dead\nand the queen\n\nthe ghost of the king, again\n" * 20
# Asks a job for its steps, as Hadoop would have to be told them.
STEPS = """
import json, sys
from importlib import import_module
from mrjob.runner import _SORT_VALUES_JOBCONF, _SORT_VALUES_PARTITIONER
sys.path.insert(0, sys.argv[1])
job = getattr(import_module(sys.argv[2]), sys.argv[3])(sys.argv[4:])
sorts = job.sort_values()
print(json.dumps({
    "steps": job._steps_desc(),
    "jobconf": _SORT_VALUES_JOBCONF if sorts else {},
    "partitioner": _SORT_VALUES_PARTITIONER if sorts else "",
}))
"""


@pytest.fixture(scope="module")
def mrjob(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """mrjob's source distribution, unpacked."""
    folder = tmp_path_factory.mktemp("mrjob")
    words = ["download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest", folder, MRJOB]
    try:
        subprocess.run(
            [sys.executable, "-m", "pip", *map(str, words)],
            check=True,
            capture_output=True,
            timeout=DOWNLOAD_S,
        )
    except (subprocess.SubprocessError, OSError) as error:
        pytest.skip(f"mrjob can't be had from the package index: {error}")
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    (source,) = folder.glob("mrjob-*/mrjob")
    return source


@pytest.mark.parametrize(
    ("module", "job", "options"),
    [
        ("mr_most_used_word", "MRMostUsedWord", []),
        ("mr_next_word_stats", "MRNextWordStats", []),
        ("mr_grep", "MRGrepJob", ["-e", "king"]),
    ],
)
def test_mrjobs_examples_agree_with_its_inline_runner(
    streams: Streams, mrjob: Path, module: str, job: str, options: list[str]
) -> None:
    examples = mrjob / "examples"
    environment = {"PYTHONPATH": str(mrjob.parent), "PYTHONWARNINGS": "ignore"}

    def told(*words: str) -> bytes:
        return subprocess.run(
            [PYTHON, *words],
            env={**os.environ, **environment},
            cwd=streams.home,
            capture_output=True,
            check=True,
            timeout=120,
        ).stdout

    script = str(examples / f"{module}.py")
    source = streams.file("text.txt", TEXT)
    # Commands are for a real shell: mrjob's inline runner has none.
    runner = "local" if module == "mr_grep" else "inline"
    expected = told(script, "--runner", runner, *options, "text.txt")
    plan = json.loads(told("-c", STEPS, str(examples), module, job, *options))

    lines: list[str] = []
    for number, step in enumerate(plan["steps"]):
        request = Request(
            **_commands(step, number, f"{module}.py", options),
            partitioner=plan["partitioner"],
            reduces=2 if "reducer" in step else None,
            properties={name: str(value) for name, value in plan["jobconf"].items()},
            environment=environment,
        )
        files = (script, str(examples / "stop_words.txt"))
        lines = streams.run(request, source, files=files)
        source = f"{streams.home}/out-{streams.runs}"

    # Where a line has no tab, Hadoop Streaming writes one behind it.
    assert sorted(line.rstrip("\t") for line in lines) == sorted(expected.decode().splitlines())
    assert lines


def _commands(step: Any, number: int, script: str, options: list[str]) -> dict[str, str]:
    """As mrjob's hadoop runner puts them."""
    found = {"mapper": "cat", "reducer": "NONE"}
    for role in ("mapper", "combiner", "reducer"):
        if role not in step:
            continue
        own = [PYTHON, script, f"--step-num={number}", f"--{role}", *options]
        found[role] = step[role].get("command") or " ".join(own)
    return found
