"""Where real reduces have map outputs from."""

import pytest

from mapred.model import JobState
from tests.cluster.jobs import jobs_on

pytestmark = pytest.mark.cluster

PLACE = "str(self.ctx.scratch).partition('tasktracker-')[2][0]"
# Each map waits until as many trackers run one, and says where it ran.
SPREAD = f"""
import os, time
from pathlib import Path
from mapred import Job, Mapper, Param, Reducer

class Places(Mapper):
    def map(self, offset, line):
        folder = Path(self.ctx.params.meeting)
        (folder / line).touch()
        while len(os.listdir(folder)) < self.ctx.params.trackers:
            time.sleep(0.01)
        yield {PLACE}, 1

class Sums(Reducer):
    def reduce(self, key, values):
        yield key, sum(values)

class Spread(Job):
    meeting: str = Param()
    trackers: int = Param()
    combine_files = False
    mapper, reducer = Places, Sums
"""
SMALL = f"""
from mapred import Job, Mapper, Reducer

class Places(Mapper):
    def map(self, offset, line):
        yield line, {PLACE}

class AndPlaces(Reducer):
    def reduce(self, key, places):
        yield key, "".join(places) + {PLACE}

class Small(Job):
    combine_files = False
    mapper, reducer = Places, AndPlaces
"""


def start_unreachable(cluster, **settings):
    """Two trackers, from which nothing can be fetched."""
    for number in range(2):
        cluster.advertised_trackers[number] = f"127.0.3.{number + 1}"
        cluster.spawn_tasktracker(number, **settings)
        cluster.tasktrackers[number].ready()


def test_reduces_read_outputs_of_trackers_of_their_machine_from_the_files(
    mapreduce_cluster, tmp_path
):
    cluster, meeting = mapreduce_cluster, tmp_path / "meeting"
    meeting.mkdir()
    cluster.start(1, tasktrackers=0)
    start_unreachable(cluster, short_circuit=True)
    with jobs_on(cluster, tmp_path / "jobs") as jobs:
        jobs.put("/in", "a\n", "b\n")
        job = jobs.submit(
            "spread.py", SPREAD, output="/out", reducers=2, meeting=meeting, trackers=2
        )
        status = jobs.ended(job)
        assert status.state is JobState.SUCCEEDED, status.failures
        assert status.attempts_failed == status.attempts_killed == 0
        assert jobs.output("/out") == ["0\t1", "1\t1"]


def test_a_small_job_runs_on_one_of_two_trackers(mapreduce_cluster, eventually, tmp_path):
    cluster = mapreduce_cluster
    super(type(cluster), cluster).start(1)
    cluster.start_jobtracker(small_job_bytes=1_000_000)
    start_unreachable(cluster, slots=2)
    with jobs_on(cluster, tmp_path / "jobs") as jobs:
        eventually(lambda: len(jobs.engine.trackers()) == 2, "both trackers are there")
        jobs.put("/in", "a\nb\nc\nd\n", "a\nb\nc\nd\n")
        job = jobs.submit("small.py", SMALL, output="/out", reducers=2)
        status = jobs.ended(job)
        assert status.state is JobState.SUCCEEDED, status.failures
        places = {line.split("\t")[1] for line in jobs.output("/out")}
        assert places in ({"000"}, {"111"})
