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


GATED = """
import os, time
from mapred import Job, Mapper, Param, Reducer

class Words(Mapper):
    def map(self, offset, line):
        while line == "last" and not os.path.exists(self.ctx.params.gate):
            time.sleep(0.02)
        yield line, 1

class Sums(Reducer):
    def reduce(self, key, values):
        yield key, sum(values)

class Gated(Job):
    gate: str = Param()
    # No reduce has fetched anything before the gate is open.
    slowstart, combine_files = 1.0, False
    mapper, reducer = Words, Sums
"""


def test_maps_whose_directory_goes_away_in_mid_job_run_again(
    mapreduce_cluster, eventually, tmp_path
):
    cluster, gate = mapreduce_cluster, tmp_path / "gate"
    cluster.start(1, tasktrackers=0)
    roots = [tmp_path / "disk-a", tmp_path / "disk-b"]
    cluster.spawn_tasktracker(0, *roots, first=False, disk_check_interval_s=0.2)
    cluster.tasktrackers[0].ready()
    with jobs_on(cluster, tmp_path / "jobs") as jobs:
        jobs.put("/in", *(f"word{n}\n" for n in range(6)), "last\n")
        job_id = jobs.submit("gated.py", GATED, output="/out", reducers=2, gate=gate)
        for status in jobs.statuses(job_id):
            if status.maps_done == 6:
                break
        lost = [len(list(root.glob("job_*/attempt_*/map*"))) for root in roots]
        assert min(lost) > 0, "each directory has outputs"
        roots[0].rename(tmp_path / "away")
        # What is below a disk that is unmounted.
        roots[0].mkdir()
        log, words = cluster.tasktrackers[0].log, f"directory {roots[0]} takes no attempts"
        eventually(lambda: words in log.read_text(), "the tracker has noticed")
        gate.touch()
        assert jobs.ended(job_id).state is JobState.SUCCEEDED
        assert jobs.output("/out") == ["last\t1", *(f"word{n}\t1" for n in range(6))]
