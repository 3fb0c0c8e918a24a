"""Wires between the roles of jobs that are cut in mid-job and mended: the job ends as ever."""

import random
import threading
import time
from collections import Counter
from contextlib import contextmanager

import pytest

from mapred.client import ClusterEngine
from mapred.submit import plan
from tests.cluster.killjobs import JOB, REDUCERS, judge, watch
from tests.cluster.proxy import Wire

pytestmark = pytest.mark.cluster

WORDS = [f"word{n}" for n in range(500)]
CUT_S = 1.5
JOB_S = 120.0


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
    """By the pair of roles that they join; one of two nodes of a kind is behind all of its own."""
    cluster, found = mapreduce_cluster, {}
    try:
        cluster.advertised[0], cluster.advertised_trackers[0] = "127.0.2.1", "127.0.2.2"
        # Their only way to the NameNode is one that can be cut.
        super(type(cluster), cluster).start(2, call_port=-1)
        found["tasktracker-datanode"] = wire_at(cluster.advertised[0], cluster.addresses[0])
        found["jobtracker-namenode"] = Wire(cluster.address)
        with dialled(cluster, address=found["jobtracker-namenode"].address):
            cluster.start_jobtracker()
        found["client-jobtracker"] = Wire(cluster.jobtracker_address)
        found["tasktracker-namenode"] = Wire(cluster.address)
        found["tasktracker-jobtracker"] = Wire(cluster.jobtracker_address)
        with dialled(
            cluster,
            address=found["tasktracker-namenode"].address,
            jobtracker_address=found["tasktracker-jobtracker"].address,
        ):
            cluster.start_tasktracker(0)
        found["tasktracker-tasktracker"] = wire_at(
            cluster.advertised_trackers[0], cluster.tasktrackers[0].address
        )
        cluster.start_tasktracker(1)
        yield found
    finally:
        for wire in found.values():
            wire.close()


def wire_at(host, address):
    port = address.rpartition(":")[2]
    return Wire(f"127.0.0.1:{port}", at=f"{host}:{port}")


def cut_in_mid_job(all_wires, wires, output, **ways):
    """How the job ended, and whether each wire held something back while it ran."""
    healing = []
    with ClusterEngine(all_wires["client-jobtracker"].address) as engine:
        spec = plan(
            str(JOB),
            ["/in"],
            output=output,
            params={},
            reducers=REDUCERS,
            # Tasks dial the NameNode as their files name it.
            default_filesystem=f"bs://{all_wires['tasktracker-namenode'].address}",
        )
        job_id = engine.submit(spec)
        for status in watch(engine, job_id, time.monotonic() + JOB_S):
            if not healing and status.maps_done and not status.state.ended:
                for wire in wires:
                    wire.cut(**ways)
                    healing.append(threading.Thread(target=heal_later, args=(wire,)))
                    healing[-1].start()
    felt = bool(healing) and all(wire.felt.is_set() for wire in wires)
    for wire, thread in zip(wires, healing, strict=False):
        wire.felt.set()
        thread.join()
    return status, felt


def heal_later(wire):
    wire.felt.wait(JOB_S)
    time.sleep(CUT_S)
    wire.heal()


ALL = (
    "jobtracker-namenode",
    "tasktracker-namenode",
    "tasktracker-jobtracker",
    "tasktracker-datanode",
    "tasktracker-tasktracker",
    "client-jobtracker",
)
CUTS = (
    *(((pair,), {}) for pair in ALL),
    # What is asked, or what is answered, is lost between several at once.
    (ALL[3:], {"back": False}),
    (ALL[3:], {"forth": False}),
)


def test_a_job_outlives_a_partition_between_any_two_roles(mapreduce_cluster, wires):
    cluster, rng = mapreduce_cluster, random.Random(1)
    text = "\n".join(" ".join(rng.choices(WORDS, k=10)) for _ in range(60_000)).encode()
    oracle = Counter(text.decode().split())
    with cluster.client().open("/in", "wb", block_bytes=1024 * 1024) as file:
        file.write(text)
    for number, (pairs, ways) in enumerate(CUTS):
        # A job that has ended before anybody missed anything is no test.
        for output in (f"/out-{number}-{again}" for again in range(5)):
            chosen = [wires[pair] for pair in pairs]
            status, felt = cut_in_mid_job(wires, chosen, output, **ways)
            assert judge(cluster, status, output, oracle) == "", (pairs, ways)
            if felt:
                break
        assert felt, (pairs, ways)
