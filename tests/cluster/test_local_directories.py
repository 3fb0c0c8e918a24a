"""A real TaskTracker whose disks fill up, or weren't left tidy."""

import subprocess

import pytest

from mapred.model import JobState
from tests.cluster.jobs import jobs_on

pytestmark = pytest.mark.cluster

MIB = 1024 * 1024
SETTINGS = {"reserved_bytes": 2 * MIB, "disk_check_interval_s": 0.2}

COUNT = """
from mapred import Job, Mapper, Reducer

class Words(Mapper):
    def map(self, offset, line):
        yield line, 1

class Sums(Reducer):
    def reduce(self, key, values):
        yield key, sum(values)

class Count(Job):
    mapper, reducer = Words, Sums
"""
GREEDY = """
from mapred import Job, Mapper

class Fills(Mapper):
    def map(self, offset, line):
        self.ctx.scratch.mkdir(exist_ok=True)
        with open(self.ctx.scratch / "big", "wb", buffering=0) as file:
            while file.write(bytes(1 << 20)) == 1 << 20:
                pass
            file.write(bytes(1 << 20))
        yield line, 1

class Greedy(Job):
    mapper = Fills
"""


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 8 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(place)]
    if subprocess.run(words, capture_output=True, check=False, timeout=30).returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True, timeout=30)


def test_a_directory_that_fills_up_is_left_out_and_used_again(
    mapreduce_cluster, eventually, small_disk, tmp_path
):
    cluster = mapreduce_cluster
    cluster.start(1, tasktrackers=0)
    left = small_disk / "job_20260101000000_0001" / "attempt"
    left.mkdir(parents=True)
    cluster.spawn_tasktracker(0, small_disk, first=False, **SETTINGS)
    cluster.tasktrackers[0].ready()
    assert not left.exists()
    with jobs_on(cluster, tmp_path / "jobs") as jobs:

        def state():
            (status,) = jobs.engine.trackers()
            return status.state, status.reason

        jobs.put("/in", "a\nb\na\n")
        assert state() == ("live", "")
        failed = jobs.ended(jobs.submit("greedy.py", GREEDY, output="/none"))
        assert failed.state is JobState.FAILED
        words = f"local directory {small_disk} on 127.0.0.1: No space left on device. Make room"
        assert words in failed.failures[0].reason
        eventually(lambda: state() == ("live", ""), "the disk is used again")
        other = small_disk / "other"
        other.write_bytes(bytes(7 * MIB))
        eventually(lambda: state()[0] == "unhealthy", "the tracker says that its disk is full")
        assert f"{small_disk}: less than the reserve of 2,097,152 bytes" in state()[1]
        job = jobs.submit("count.py", COUNT, output="/out")
        eventually(
            lambda: str(small_disk) in jobs.engine.status(job)[0].waiting_for, "why it waits"
        )
        # A second disk: the job goes on there.
        cluster.tasktrackers[0].stop()
        cluster.spawn_tasktracker(0, small_disk, **SETTINGS)
        cluster.tasktrackers[0].ready()
        assert jobs.ended(job).state is JobState.SUCCEEDED
        assert jobs.output("/out") == ["a\t2", "b\t1"]
        assert state()[0] == "live"
        assert str(small_disk) in state()[1]
        other.unlink()
        eventually(lambda: state() == ("live", ""), "room again")
