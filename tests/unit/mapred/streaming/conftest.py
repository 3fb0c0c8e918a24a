"""Streaming jobs on the embedded engine, from request to output."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mapred.embedded import EmbeddedEngine
from mapred.model import JobState, JobStatus
from mapred.streaming.jobfolder import JOB_CLASS, job_folder
from mapred.streaming.request import Request, meaning_of
from mapred.submit import plan

WAIT_S = 60.0
PYTHON = sys.executable


class Streams:
    """Runs requests in a folder; `status` is how the last one ended."""

    def __init__(self, engine: EmbeddedEngine, home: Path) -> None:
        self.engine = engine
        self.home = home
        self.runs = 0
        self.status: JobStatus

    def run(
        self,
        request: Request,
        *inputs: str,
        files: tuple[str, ...] = (),
        archives: tuple[str, ...] = (),
    ) -> list[str]:
        """Lines of the output, part after part."""
        self.try_(request, *inputs, files=files, archives=archives)
        assert self.status.state is JobState.SUCCEEDED, self.status.failures
        parts = [Path(uri.removeprefix("file://")) for uri in self.status.output_files]
        return [line for part in parts for line in part.read_text().splitlines()]

    def try_(
        self,
        request: Request,
        *inputs: str,
        files: tuple[str, ...] = (),
        archives: tuple[str, ...] = (),
    ) -> JobStatus:
        self.runs += 1
        with job_folder(meaning_of(request), files, archives) as (job_file, meaning):
            spec = plan(
                f"{job_file}:{JOB_CLASS}",
                inputs,
                output=f"{self.home}/out-{self.runs}",
                params=meaning.settings,
                reducers=meaning.reducers or None,
                code_base=f"file://{self.home}/code",
                workers=2,
            )
            job_id = self.engine.submit(replace(spec, name=meaning.name))
        status, version = self.engine.status(job_id)
        while not status.state.ended:
            before = version
            status, version = self.engine.status(job_id, known_version=before, wait_s=WAIT_S)
            assert version > before, "nothing happens any more"
        self.status = status
        return status

    def file(self, name: str, text: str) -> str:
        path = self.home / name
        path.write_text(text)
        return str(path)


@pytest.fixture(scope="session")
def streaming_engine() -> Iterator[EmbeddedEngine]:
    with EmbeddedEngine(2) as engine:
        yield engine


@pytest.fixture
def streams(streaming_engine: EmbeddedEngine, tmp_path: Path) -> Streams:
    return Streams(streaming_engine, tmp_path)
