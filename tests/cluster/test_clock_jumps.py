"""The clock of one machine jumps by an hour, there and back: real processes recover by themselves.

Each process finds how far its clock is off in a file of its own.
"""

import random

import pytest

pytestmark = pytest.mark.cluster

CLOCK = """
import os, time
right, place = time.time, os.environ.get("CLOCK_OFF_BY")

def wrong():
    with open(place) as file:
        return right() + float(file.read() or 0)

if place:
    time.time = wrong
"""
HOUR_S = 3600.0
DATA = random.Random(1).randbytes(1_500_000)


@pytest.fixture
def jump(cluster, tmp_path, monkeypatch):
    """Of the NameNode's clock ("namenode") or a DataNode's (its number), by so many seconds."""
    (tmp_path / "clock").mkdir()
    (tmp_path / "clock" / "sitecustomize.py").write_text(CLOCK)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "clock"))

    def set_clock(who, seconds):
        # As one step: a process never reads half of it.
        (tmp_path / "new").write_text(str(seconds))
        (tmp_path / "new").replace(tmp_path / f"clock-{who}")

    def with_clock(who):
        set_clock(who, 0.0)
        monkeypatch.setenv("CLOCK_OFF_BY", str(tmp_path / f"clock-{who}"))

    with_clock("namenode")
    cluster.start_namenode()
    for number in range(3):
        with_clock(number)
        cluster.spawn_datanode(number)
    monkeypatch.delenv("CLOCK_OFF_BY")
    for number in range(3):
        cluster.await_datanode(number)
    return set_clock


def put(store, path):
    with store.open(path, "wb", replication=3) as file:
        file.write(DATA)


def get(store, path):
    with store.open(path) as file:
        return file.read()


def states(store):
    return {node.state for node in store.report().nodes}


def test_a_jump_by_an_hour_stops_nobody_and_nothing_is_lost(cluster, jump):
    store = cluster.client()
    with store.open("/open", "wb") as file:
        file.write(DATA)
        file.hflush()
        for number, (who, by_s) in enumerate(
            [("namenode", HOUR_S), ("namenode", -HOUR_S), (0, HOUR_S), (0, -HOUR_S)]
        ):
            jump(who, by_s)
            put(store, f"/during-{number}")
            file.write(DATA)
            file.hflush()
            jump(who, 0.0)
            put(store, f"/after-{number}")
    assert get(store, "/open") == DATA * 5
    for number in range(4):
        assert get(store, f"/during-{number}") == get(store, f"/after-{number}") == DATA
    hour_s = store.stat("/during-0").modified_at_s - store.stat("/after-0").modified_at_s
    assert HOUR_S - 120 < hour_s < HOUR_S
    assert states(store) == {"live"}
    assert "is dead" not in (cluster.root / "namenode.log").read_text()


@pytest.fixture
def secret(monkeypatch):
    monkeypatch.setenv("MAPRED_SECRET", "s" * 32)


def test_with_a_secret_a_machine_of_another_time_is_refused_until_its_clock_is_right(
    cluster, secret, jump, eventually
):
    store = cluster.client()
    put(store, "/before")
    jump(0, HOUR_S)
    eventually(lambda: states(store) == {"live", "dead"}, "nobody believes it")
    assert "clocks" in cluster.datanodes[0].log.read_text()
    assert get(store, "/before") == DATA
    with store.open("/during", "wb", replication=2) as file:
        file.write(DATA)
    assert cluster.datanodes[0].process.poll() is None
    jump(0, 0.0)
    eventually(lambda: states(store) == {"live"}, "its return")
    put(store, "/after")
    assert get(store, "/before") == get(store, "/during") == get(store, "/after") == DATA
    eventually(lambda: store.fsck("/").state == "healthy", "health")
