"""Wires between the roles of jobs that are cut in mid-job and mended: the job ends as ever."""

import random
import threading
from collections import Counter
from contextlib import contextmanager

import pytest

from mapred.client import ClusterEngine
from mapred.submit import plan
from tests.cluster.killjobs import JOB, REDUCERS, judge, watch
from tests.cluster.proxy import Wire

pytestmark = pytest.mark.cluster

WORDS = [f"word{n}" for n in range(500)]
CUT_S = 2.0


@contextmanager
def dialled(cluster, **addresses):
    """What is started meanwhile dials these addresses."""
    direct = {name: getattr(cluster, name) for name in addresses}
    try:
        for name, address in addresses.items():
            setattr(cluster, name, address)
        yield
    finally:
        for name, address in direct.items():
            setattr(cluster, name, address)


@pytest.fixture
def wires(mapreduce_cluster):
    """By the pair of roles that they join; one of two trackers is behind two of them."""
    cluster, found = mapreduce_cluster, {}
    try:
        super(type(cluster), cluster).start(2)
        found["jobtracker-namenode"] = Wire(cluster.address)
        with dialled(cluster, address=found["jobtracker-namenode"].address):
            cluster.start_jobtracker()
        found["tasktracker-namenode"] = Wire(cluster.address)
        found["tasktracker-jobtracker"] = Wire(cluster.jobtracker_address)
        with dialled(
            cluster,
            address=found["tasktracker-namenode"].address,
            jobtracker_address=found["tasktracker-jobtracker"].address,
        ):
            cluster.start_tasktracker(0)
        cluster.start_tasktracker(1)
        yield found
    finally:
        for wire in found.values():
            wire.close()


def cut_in_mid_job(cluster, wire, output):
    """How the job ended, and whether the wire was cut while it ran."""
    with ClusterEngine(cluster.jobtracker_address) as engine:
        spec = plan(
            str(JOB),
            ["/in"],
            output=output,
            params={},
            reducers=REDUCERS,
            default_filesystem=f"bs://{cluster.address}",
        )
        job_id, healing = engine.submit(spec), None
        for status in watch(engine, job_id, float("inf")):
            if healing is None and status.maps_done and not status.state.ended:
                wire.cut()
                healing = threading.Timer(CUT_S, wire.heal)
                healing.start()
    if healing is not None:
        healing.join()
    return status, healing is not None


def test_a_job_outlives_a_partition_between_any_two_roles(mapreduce_cluster, wires):
    cluster, rng = mapreduce_cluster, random.Random(1)
    text = "\n".join(" ".join(rng.choices(WORDS, k=10)) for _ in range(60_000)).encode()
    oracle = Counter(text.decode().split())
    with cluster.client().open("/in", "wb", block_bytes=1024 * 1024) as file:
        file.write(text)
    for pair, wire in wires.items():
        # A job that has ended before anybody heard of its first map is no test.
        for output in (f"/out-{pair}-{number}" for number in range(5)):
            status, was_cut = cut_in_mid_job(cluster, wire, output)
            if was_cut:
                break
        assert was_cut, pair
        assert judge(cluster, status, output, oracle) == "", pair
