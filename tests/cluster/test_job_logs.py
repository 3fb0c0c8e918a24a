"""What attempts have said can be had when they and their tracker are gone; some end by hand."""

import json

import pytest

from mapred.client import ClusterEngine
from mapred.joblogs import logs_of
from mapred.keptlogs import LOGS_DIRECTORY
from mapred.model import JobState
from mapred.submit import plan
from tests.cluster.users import User, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

TALKING = """\
import logging, os, sys, time
from mapred import Job, Mapper, Param

class Talks(Mapper):
    def map(self, offset, line):
        print("said", line)
        os.system("echo by a child >&2")
        logging.getLogger("mine").info("logged %s", line)
        if line == "wait":
            while not os.path.exists(self.ctx.params.go):
                time.sleep(0.05)
        yield line, 1

class Talking(Job):
    go: str = Param(help="a file")
    mapper = Talks
"""


def submitted(cluster, tmp_path, text):
    job = tmp_path / "talking.py"
    job.write_text(TALKING)
    for number, line in enumerate(text.split()):
        with cluster.client().open(f"/in/{number}", "wb") as file:
            file.write(f"{line}\n".encode())
    with ClusterEngine(cluster.jobtracker_address) as engine:
        spec = plan(
            str(job),
            ["/in"],
            output="/out",
            params={"go": str(tmp_path / "go"), "job.combine_files": "false"},
            default_filesystem=f"bs://{cluster.address}",
        )
        return engine.submit(spec)


def test_logs_outlive_the_tracker_and_a_killed_attempt_is_made_again(mapreduce_cluster, tmp_path):
    cluster = mapreduce_cluster
    cluster.start(1, tasktrackers=1)
    user = User(tmp_path, MAPRED_JOBTRACKER=cluster.jobtracker_address)
    job_id = submitted(cluster, tmp_path, "first wait")

    def said(*, kept_alone=False):
        with ClusterEngine(cluster.jobtracker_address) as engine:
            trackers = () if kept_alone else engine.trackers()
            found = logs_of(job_id, trackers, engine.namenode())
        return {str(attempt)[-10:]: one.texts for attempt, one in found.logs.items()}

    def state():
        with ClusterEngine(cluster.jobtracker_address) as engine:
            return engine.status(job_id)[0].state

    # The first one is kept while the job runs; the second is read where it runs.
    wait_for(lambda: [*cluster.client().list(LOGS_DIRECTORY)])
    # Its own logging is the last that an attempt says.
    talks = wait_for(
        lambda: two if len(two := said()) == 2 and two["m_000000_0"].get("log") else None
    )
    assert talks["m_000000_0"]["stdout"] == "said first\n"
    assert talks["m_000000_0"]["stderr"] == "by a child\n"
    assert "INFO mine: logged first" in talks["m_000000_0"]["log"]
    assert talks["m_000001_0"]["stdout"] == "said wait\n"

    attempt = f"attempt_{job_id.removeprefix('job_')}_m_000001_0"
    assert user.mapred("job", "-list-attempt-ids", job_id, "MAP", "running")[0] == f"{attempt}\n"
    assert attempt in user.mapred("job", "-events", job_id)[0]
    assert "running" in user.mapred("job", "-history", job_id)[0]
    assert "is killed" in user.mapred("job", "-kill-task", attempt)[0]
    wait_for(lambda: "m_000001_1" in said())
    assert "had ended before" in user.mapred("job", "fail-task", attempt, code=1)[0]
    (tmp_path / "go").touch()
    wait_for(lambda: state() is JobState.SUCCEEDED)

    # What was said in the last seconds is kept a moment later.
    wait_for(lambda: len(said(kept_alone=True)) == 3)
    cluster.tasktrackers[0].kill()
    out, _ = user.mapred("job", "logs", job_id, "--json")
    kept = {one.pop("attempt")[-10:]: one for one in map(json.loads, out.splitlines())}
    assert sorted(kept) == ["m_000000_0", "m_000001_0", "m_000001_1"]
    assert kept["m_000000_0"] == talks["m_000000_0"]
    out, _ = user.mapred("job", "-logs", job_id, "m_1_1", "--stream", "stdout")
    assert out == f"== {attempt[:-1]}1 stdout\nsaid wait\n"
    assert "has said nothing" in user.mapred("job", "logs", job_id, "m_7", code=1)[1]
