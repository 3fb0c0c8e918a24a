"""Records that kill their process are set aside, on real processes."""

import json
import time
from pathlib import Path

import pytest

from mapred.embedded import EmbeddedEngine
from mapred.model import JobState
from mapred.submit import plan

JOB = """
import os
from mapred import Job, Mapper

class Crashes(Mapper):
    def map(self, offset, line):
        if line == "exits":
            os._exit(3)
        if line == "crashes":
            os.kill(os.getpid(), 11)
        if line == "raises":
            raise ValueError("no")
        yield line, offset

class Skipping(Job):
    mapper = Crashes
    on_error = "skip"
    skipped_share = 1.0
"""


@pytest.fixture
def run(tmp_path: Path):
    (tmp_path / "skipping.py").write_text(JOB)
    with EmbeddedEngine(1) as engine:

        def run(*texts: str, **settings: int):
            for number, text in enumerate(texts):
                (tmp_path / f"in-{number}").write_text(text)
            spec = plan(
                str(tmp_path / "skipping.py"),
                [str(tmp_path / "in-*")],
                output=str(tmp_path / "out"),
                params={f"job.{name}": str(value) for name, value in settings.items()},
                code_base=f"file://{tmp_path}/code",
            )
            job_id, version, until = engine.submit(spec), 0, time.monotonic() + 60
            while True:
                status, version = engine.status(job_id, known_version=version, wait_s=1.0)
                if status.state.ended:
                    return status
                assert time.monotonic() < until, status

        yield run


def test_records_that_kill_their_process_are_set_aside_and_all_others_are_mapped(run, tmp_path):
    good = [f"good{n}\n" for n in range(50)]
    first = "".join([*good[:20], "crashes\n", *good[20:], "raises\n", "exits\n"])
    status = run(first, "good50\nexits\ngood51\n")
    assert status.state is JobState.SUCCEEDED, status.failures
    parts = (tmp_path / "out").glob("part-*")
    lines = [line for part in parts for line in part.read_text().splitlines()]
    assert sorted(line.split("\t")[0] for line in lines) == sorted(f"good{n}" for n in range(52))
    skipped = (tmp_path / "out" / "_skipped").iterdir()
    found = [json.loads(line) for file in skipped for line in file.read_text().splitlines()]
    seen = sorted((one["file"][-4:], one["offset"], one["record"]) for one in found)
    assert seen == [
        ("in-0", first.index("crashes"), "crashes"),
        ("in-0", first.index("raises"), "raises"),
        ("in-0", first.index("exits"), "exits"),
        ("in-1", len("good50\n"), "exits"),
    ]
    assert {one["reason"] for one in found if one["record"] != "raises"} == {
        "killed the task's process"
    }
    assert status.counters["skipped", "failed_records"] == 4


def test_beyond_the_budget_the_job_fails_and_names_it(run, tmp_path):
    status = run("exits\nfine\nexits\nfine\nexits\n", skipped_max=2)
    assert status.state is JobState.FAILED
    assert "more than 2 records of this task kill its process" in status.failures[0].reason
    assert not (tmp_path / "out").exists()
