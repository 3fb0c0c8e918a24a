"""A large state of a loop on real daemons: trackers have it from each other."""

import json

import numpy as np
import pytest

from mapred.iterative.chunks import CHUNK_BYTES
from tests.cluster.loopcommands import command

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

TRACKERS = 3
ROUNDS = 2
NUMBERS = 5 * CHUNK_BYTES // 8

# Each gives the other trackers time to get one, too: who has no task gathers nothing.
JOB = f"""
import time
import numpy as np
from mapred import Mapper, Reducer
from mapred.iterative import IterativeJob
from mapred.iterative.conditions import max_rounds

class Look(Mapper):
    def map(self, key, value):
        time.sleep(0.3)
        yield 0, float(self.ctx.state["weights"].sum())

class Gather(Reducer):
    def reduce(self, key, values):
        yield key, list(values)

class Large(IterativeJob):
    mapper, reducer, until = Look, Gather, max_rounds({ROUNDS})

    def initial_state(self):
        return {{"weights": np.zeros({NUMBERS}), "sums": []}}

    def step(self, state, output):
        ((_, sums),) = output
        return {{"weights": state["weights"] + 1, "sums": state["sums"] + sums}}

    def result(self, state):
        yield "sums", state["sums"]
"""


def test_a_large_state_comes_from_the_store_and_from_other_trackers(mapreduce_cluster, tmp_path):
    mapreduce_cluster.start(tasktrackers=TRACKERS)
    (tmp_path / "large.py").write_text(JOB)
    splits = 2 * TRACKERS
    with mapreduce_cluster.client().open("/lines", "wb") as file:
        file.write(b"x\n" * splits)
    process = command(
        mapreduce_cluster,
        "submit",
        str(tmp_path / "large.py"),
        "/lines",
        "-o",
        "/sums",
        "-D",
        "job.split_bytes=2",
    )
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err[-4000:]

    with mapreduce_cluster.client().open("/sums/part-r-00000", "rb") as file:
        sums = json.loads(file.read().split(b"\t")[1])
    assert sums == [float(NUMBERS * done) for done in range(ROUNDS) for _ in range(splits)]
    read = json.loads(out.splitlines()[-1])["counters"]["state"]
    nbytes = np.zeros(NUMBERS).nbytes
    # How much from whom depends on the machine's speed; test_swarm.py has a clock of its own.
    assert read["bytes_from_store"] >= nbytes * ROUNDS
    assert read["bytes_from_peers"] > 0
    assert read["bytes_from_store"] + read["bytes_from_peers"] < (TRACKERS * ROUNDS + 1) * nbytes
