"""The cluster in containers: it comes up healthy, works for clients inside and outside, and
gives the right answer when containers are killed in the middle of a job."""

import json
import os
import random
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from mapred.model import JobState

pytestmark = [pytest.mark.compose, pytest.mark.timeout(900)]

DEADLINE_S = 240
ROOT = Path(__file__).resolve().parents[2]

# Word count, with maps long enough that a kill hits some of them.
JOB = '''\
"""Word count, slowly."""
import time
from mapred import Job, Mapper, Reducer

class Words(Mapper):
    def setup(self):
        time.sleep(3.0)
    def map(self, offset, line):
        for word in line.split():
            yield word, 1

class Total(Reducer):
    def reduce(self, word, counts):
        yield word, sum(counts)

class WordCount(Job):
    mapper, combiner, reducer = Words, Total, Total
'''


def _text(size):
    rng = random.Random(20261123)
    vocabulary = [f"word{number}é" if number % 7 == 0 else f"w{number}" for number in range(5000)]
    lines = []
    while size > 0:
        line = " ".join(rng.choices(vocabulary, k=rng.randint(0, 14)))
        lines.append(line)
        size -= len(line.encode()) + 1
    return "\n".join(lines) + "\n"


TEXT = _text(8 << 20)
ORACLE = Counter(TEXT.split())


def _counted(output):
    pairs = (line.split("\t") for line in output.decode().splitlines())
    return {word: int(count) for word, count in pairs}


def _await(condition):
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.3)
    raise AssertionError("not in time")


@pytest.fixture(scope="module")
def loaded(stack):
    """The stack with the job file in the JobTracker's container and the text in the store."""
    stack.execute("jobtracker", "sh", "-c", "cat > wordcount.py", typed=JOB.encode())
    stack.mapred(
        *("fs", "put", "--block-bytes", str(512 * 1024), "-", "/in/text.txt"), typed=TEXT.encode()
    )
    return stack


def test_every_container_becomes_healthy_and_nobody_is_root(stack):
    for service in ("namenode", "datanode1", "datanode2", "datanode3", "jobtracker"):
        _await(lambda service=service: stack.health(service) == "healthy")
    for service in ("tasktracker1", "tasktracker2", "tasktracker3"):
        _await(lambda service=service: stack.health(service) == "healthy")
        assert stack.execute(service, "id", "-u").strip() == b"10001"
    _await(lambda: b"DataNodes: 3 live of 3" in stack.mapred("admin", "report"))


def test_the_readmes_commands_count_hamlet(stack):
    stack.mapred("fs", "put", "examples/hamlet.txt", "/books/hamlet.txt")
    stack.mapred("submit", "examples/wordcount.py", "/books", "-o", "/counts")

    hamlet = (ROOT / "mapred" / "examples" / "hamlet.txt").read_text()
    assert _counted(stack.mapred("fs", "cat", "/counts/part-*")) == Counter(hamlet.split())


def test_a_client_on_the_host_reads_writes_and_submits(stack, tmp_path):
    (tmp_path / "small.txt").write_text("b a\na\n")

    stack.on_host("fs", "put", str(tmp_path / "small.txt"), "/host/small.txt")
    assert stack.on_host("fs", "cat", "/host/small.txt").stdout == b"b a\na\n"

    python = stack.execute("jobtracker", "python", "-c", "import sys; print(sys.version_info[:2])")
    if python.decode().strip() != str(sys.version_info[:2]):
        pytest.skip("this Python's minor version isn't the image's")
    (tmp_path / "wordcount.py").write_text(JOB)
    stack.on_host(
        "submit", str(tmp_path / "wordcount.py"), "/host/small.txt", "-o", "/host/out", "-r", "1"
    )
    assert stack.on_host("fs", "cat", "/host/out/part-r-00000").stdout == b"a\t2\nb\t1\n"


def test_a_client_without_the_secret_is_refused(stack):
    environment = {**os.environ, "MAPRED_NAMENODE": f"127.0.0.1:{stack.ports['namenode']}"}
    environment.pop("MAPRED_SECRET", None)

    done = subprocess.run(
        [sys.executable, "-P", "-m", "mapred_cli.main", "fs", "ls", "/"],
        env=environment,
        capture_output=True,
        timeout=60,
    )

    assert done.returncode == 1
    assert b"secret is wrong or missing" in done.stderr


def test_word_count_survives_a_datanode_and_a_tasktracker(loaded, tmp_path):
    with open(tmp_path / "stderr", "wb") as stderr:
        job = loaded.start_mapred(
            *("submit", "wordcount.py", "/in", "-o", "/out", "-r", "2", "--json"), stderr=stderr
        )
    try:
        _await(lambda: _maps_are_running(tmp_path / "stderr") or job.poll() is not None)
        assert job.poll() is None, (tmp_path / "stderr").read_text()
        loaded.kill("datanode2")
        loaded.kill("tasktracker2")
        assert job.poll() is None, "the job was faster than the kills"
        output, _ = job.communicate(timeout=DEADLINE_S)
    finally:
        job.kill()
        job.communicate()

    assert job.returncode == 0, (tmp_path / "stderr").read_text()
    assert json.loads(output)["state"] == JobState.SUCCEEDED.value
    files = loaded.mapred("fs", "cat", "/out/part-r-*")
    assert _counted(files) == ORACLE


def _maps_are_running(progress):
    """Some maps are done, and some aren't."""
    return any(int(done) > 0 for done in re.findall(r" map (\d+)%", progress.read_text()))


def test_files_survive_the_killed_datanode(loaded):
    assert loaded.mapred("fs", "cat", "/in/text.txt").decode() == TEXT


def test_a_killed_namenode_comes_back_with_every_file(loaded):
    loaded.kill("namenode")
    loaded.compose("start", "namenode")
    _await(lambda: loaded.health("namenode") == "healthy")

    assert _counted(loaded.mapred("fs", "cat", "/out/part-r-*")) == ORACLE
