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


# A pair for each of 64 keys; the last map waits at a gate.
TINY = """
import os, time
from mapred import Job, Mapper, Param, Reducer

class Pairs(Mapper):
    def map(self, offset, line):
        while line == "11" and not os.path.exists(self.ctx.params.gate):
            time.sleep(0.02)
        for key in range(64):
            yield key, line

class InOrder(Reducer):
    def reduce(self, key, lines):
        yield key, " ".join(lines)

class Tiny(Job):
    gate: str = Param()
    combine_files = False
    slowstart = 0.0
    mapper, reducer = Pairs, InOrder
"""


@pytest.mark.parametrize("killed", [False, True])
def test_tiny_partitions_of_all_trackers_come_in_order_of_the_maps(
    mapreduce_cluster, eventually, tmp_path, killed
):
    cluster = mapreduce_cluster
    super(type(cluster), cluster).start(1)
    cluster.start_jobtracker(dead_after_s=3)
    for number in range(3):
        cluster.spawn_tasktracker(number)
        cluster.tasktrackers[number].ready()
    gate = tmp_path / "gate"
    with jobs_on(cluster, tmp_path / "jobs") as jobs:
        eventually(lambda: len(jobs.engine.trackers()) == 3, "all trackers are there")
        jobs.put("/in", *(f"{number:02}\n" for number in range(12)))
        job = jobs.submit("tiny.py", TINY, output="/out", reducers=32, gate=gate)
        for status in jobs.statuses(job):
            if status.maps_done == 11 and not gate.exists():
                if killed:
                    cluster.tasktrackers[2].kill()
                gate.touch()
        assert status.state is JobState.SUCCEEDED, status.failures
        # Maps are numbered as the names of their files are sorted.
        lines = " ".join(f"{number:02}" for number in sorted(range(12), key=str))
        assert jobs.output("/out") == sorted(f"{key}\t{lines}" for key in range(64))
