"""Loops on real daemons: a tracker dies in a round, the client dies and the loop goes on."""

import json
import signal
import subprocess
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

import mapred.examples
from blockstore import BlockStore
from blockstore.runtime.retry import RetryPolicy
from mapred.client import ClusterEngine
from mapred.iterative.ledger import Ledger
from mapred.iterative.loopengine import LoopEngine
from mapred.model import JobState
from mapred.storage.uris import join
from mapred.submit import own_place, plan
from tests.cluster.daemons import eventually
from tests.cluster.loopcommands import command, id_of, wait_for_round

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

EXAMPLE = Path(mapred.examples.__file__).with_name("kmeans.py")
CLUSTERS = 6
ROUNDS = 16


@pytest.fixture
def loops(mapreduce_cluster, tmp_path):
    """A cluster with a table in it, and the first centres beside."""
    mapreduce_cluster.start()
    rng = np.random.default_rng(5)
    # Not well apart: centres move for long.
    points = rng.normal(size=(60_000, 4))
    np.save(tmp_path / "points.npy", points)
    np.save(tmp_path / "start.npy", points[:CLUSTERS])
    with mapreduce_cluster.client().open("/points.npy", "wb") as file:
        file.write((tmp_path / "points.npy").read_bytes())
    return Loops(mapreduce_cluster, tmp_path)


# In the third round the first attempt at the first split stands still until it is ended.
STUCK = """
import time
from mapred.ml.lloyd import Assign, Lloyd

class Stuck(Assign):
    def map(self, first, rows):
        at = self.ctx.round, self.ctx.split_number, self.ctx.attempt.number
        while at == (3, 0, 0):
            time.sleep(0.1)
            self.ctx.status("stuck")
        super().map(first, rows)

class StuckOnce(Lloyd):
    mapper = Stuck
"""


# The driver stands still in the twelfth round, beside which it writes the checkpoint of the tenth,
# until there is a file.
GATED = """
import os, time
from mapred import Param
from mapred.ml.lloyd import Lloyd

class Gated(Lloyd):
    gate: str = Param()

    def step(self, state, output):
        while self.ctx.round == 11 and not os.path.exists(self.ctx.params.gate):
            time.sleep(0.02)
        return super().step(state, output)
"""


class Loops:
    """Submits the k-means example as the command line does."""

    def __init__(self, cluster, folder: Path) -> None:
        self.cluster = cluster
        self._folder = folder
        self.gate = folder / "gate"

    def start(self, output: str, job: Path = EXAMPLE, **more: str) -> "subprocess.Popen[str]":
        pairs = (self._parameters() | more).items()
        settings = [word for pair in pairs for word in ("-D", "{}={}".format(*pair))]
        return command(self.cluster, "submit", str(job), "/points.npy", "-o", output, *settings)

    def start_gated(self, output: str) -> "subprocess.Popen[str]":
        """Until the gate is there it comes no further than a round behind its checkpoint."""
        return self.start(output, self._gated(), gate=str(self.gate))

    def _gated(self) -> Path:
        job = self._folder / "gated.py"
        job.write_text(GATED)
        return job

    def _parameters(self) -> dict[str, str]:
        init = str(self._folder / "start.npy")
        numbers = {"clusters": CLUSTERS, "tol": 0, "max_iter": ROUNDS, "job.split_bytes": 600_000}
        return {"init": init, **{name: str(value) for name, value in numbers.items()}}

    def driven(self, output: str, patience_s: float) -> tuple[LoopEngine, str]:
        """A gated loop whose driver is here, and gives a JobTracker up that is away for so long."""
        filesystem = f"bs://{self.cluster.address}"
        spec = plan(
            str(self._gated()),
            ["/points.npy"],
            output=output,
            params=self._parameters() | {"gate": str(self.gate)},
            default_filesystem=filesystem,
        )
        patience = RetryPolicy(deadline_s=patience_s)
        engine = ClusterEngine(self.cluster.jobtracker_address, later=patience)
        driver = LoopEngine(engine, ledger=Ledger(join(own_place(filesystem), "loops")))
        return driver, driver.submit(spec)

    def resume(self, loop_id: str) -> dict:
        self.gate.touch()
        resumed = self.finish(command(self.cluster, "resume", loop_id))
        assert resumed["job_id"] == loop_id
        assert resumed["rounds"] == ROUNDS
        assert resumed["counters"]["task"]["map_input_records"] < ROUNDS * 60_000
        return resumed

    def finish(self, process: "subprocess.Popen[str]") -> dict:
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err[-4000:]
        return json.loads(out.splitlines()[-1])

    def run(self, output: str) -> dict:
        return self.finish(self.start(output))

    def centres(self, output: str) -> bytes:
        store: BlockStore = self.cluster.client()
        with store.open(f"{output}/part-r-00000", "rb") as file:
            return file.read()


def test_a_tracker_that_dies_in_mid_loop_changes_no_bit(loops):
    whole = loops.run("/whole")
    assert whole["rounds"] == ROUNDS

    process = loops.start("/hurt")
    wait_for_round(process, 3)
    loops.cluster.tasktrackers[1].kill()
    hurt = loops.finish(process)
    assert hurt["rounds"] == ROUNDS
    assert loops.centres("/hurt") == loops.centres("/whole")


def test_a_second_attempt_at_a_slow_map_changes_no_bit(loops, tmp_path):
    loops.run("/whole")
    job = tmp_path / "stuck.py"
    job.write_text(STUCK)
    slow = loops.finish(loops.start("/slow", job))
    assert slow["rounds"] == ROUNDS
    assert slow["attempts_killed"] >= 1
    assert loops.centres("/slow") == loops.centres("/whole")


def test_a_loop_whose_client_died_is_resumed_by_its_id_to_the_same_bits(loops):
    loops.run("/whole")

    process = loops.start_gated("/again")
    loop_id = id_of(process)
    store = loops.cluster.client()
    eventually(lambda: _has_checkpoint(store, "/again"), "a checkpoint", within_s=120)
    process.send_signal(signal.SIGKILL)
    process.communicate()

    loops.resume(loop_id)
    assert loops.centres("/again") == loops.centres("/whole")
    assert sorted(entry.name for entry in store.list("/again")) == [
        "_SUCCESS",
        "_checkpoints",
        "part-r-00000",
    ]


def _has_checkpoint(store: BlockStore, output: str) -> bool:
    try:
        entries = list(store.list(f"{output}/_checkpoints"))
    except FileNotFoundError:
        return False
    return any(entry.name.endswith(".json") for entry in entries)


def test_a_loop_outlives_the_jobtracker_and_is_resumed_after_the_death_of_the_whole_cluster(loops):
    loops.run("/whole")
    cluster, store = loops.cluster, loops.cluster.client()

    process = loops.start("/orphaned")
    wait_for_round(process, 3)
    cluster.jobtracker.kill()
    cluster.start_jobtracker()
    assert loops.finish(process)["rounds"] == ROUNDS
    assert loops.centres("/orphaned") == loops.centres("/whole")

    process = loops.start_gated("/buried")
    loop_id = id_of(process)
    eventually(lambda: _has_checkpoint(store, "/buried"), "a checkpoint", within_s=120)
    process.send_signal(signal.SIGKILL)
    for daemons in (cluster.tasktrackers, {0: cluster.jobtracker}, cluster.datanodes):
        for daemon in daemons.values():
            daemon.kill()
    cluster.namenode.kill()
    process.communicate()
    cluster.start_namenode()
    for number in cluster.datanodes:
        cluster.start_datanode(number)
    cluster.start_jobtracker()
    for number in cluster.tasktrackers:
        cluster.start_tasktracker(number)

    loops.resume(loop_id)
    assert loops.centres("/buried") == loops.centres("/whole")


def test_a_loop_whose_driver_gave_the_jobtracker_up_is_resumed_to_the_same_bits(loops):
    loops.run("/whole")
    driver, loop_id = loops.driven("/given-up", patience_s=2.0)
    with closing(driver):
        status, version = driver.status(loop_id)
        while status.rounds_done < 11:
            assert not status.state.ended
            status, version = driver.status(loop_id, known_version=version, wait_s=60)
        loops.cluster.jobtracker.kill()
        loops.gate.touch()
        while not status.state.ended:
            status, version = driver.status(loop_id, known_version=version, wait_s=60)
    assert (status.state, ROUNDS > status.rounds_done >= 11) == (JobState.FAILED, True)
    assert "JobTracker" in status.failures[0].reason

    loops.cluster.start_jobtracker()
    loops.resume(loop_id)
    assert loops.centres("/given-up") == loops.centres("/whole")
