"""Where real reduces have map outputs from."""

import pytest

from mapred.model import JobState
from tests.cluster.jobs import jobs_on

pytestmark = pytest.mark.cluster

# Each map waits until as many trackers run one, and says where it ran.
SPREAD = """
import os, time
from pathlib import Path
from mapred import Job, Mapper, Param, Reducer

class Places(Mapper):
    def map(self, offset, line):
        folder = Path(self.ctx.params.meeting)
        (folder / line).touch()
        while len(os.listdir(folder)) < self.ctx.params.trackers:
            time.sleep(0.01)
        yield str(self.ctx.scratch).partition("tasktracker-")[2][0], 1

class Sums(Reducer):
    def reduce(self, key, values):
        yield key, sum(values)

class Spread(Job):
    meeting: str = Param()
    trackers: int = Param()
    combine_files = False
    mapper, reducer = Places, Sums
"""


def test_reduces_read_outputs_of_trackers_of_their_machine_from_the_files(
    mapreduce_cluster, tmp_path
):
    cluster, meeting = mapreduce_cluster, tmp_path / "meeting"
    meeting.mkdir()
    cluster.start(1, tasktrackers=0)
    for number in range(2):
        # Nothing can be fetched there.
        cluster.advertised_trackers[number] = f"127.0.3.{number + 1}"
        cluster.spawn_tasktracker(number, short_circuit=True)
        cluster.tasktrackers[number].ready()
    with jobs_on(cluster, tmp_path / "jobs") as jobs:
        jobs.put("/in", "a\n", "b\n")
        job = jobs.submit(
            "spread.py", SPREAD, output="/out", reducers=2, meeting=meeting, trackers=2
        )
        status = jobs.ended(job)
        assert status.state is JobState.SUCCEEDED, status.failures
        assert status.attempts_failed == status.attempts_killed == 0
        assert jobs.output("/out") == ["0\t1", "1\t1"]
