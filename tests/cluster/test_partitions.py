"""Wires that are cut and processes that are paused: each recovers by itself, nothing is lost or
done twice."""

import random
import signal
import threading

import pytest

from blockstore import BlockStore
from blockstore.client.callstreams import CALLS_BEFORE
from blockstore.client.settings import ClientSettings
from tests.cluster.daemons import CLIENT_SETTINGS
from tests.cluster.proxy import Wire, free_port

pytestmark = pytest.mark.cluster

DATA = random.Random(1).randbytes(3 * 1024 * 1024 + 5)


@pytest.fixture
def wire(cluster):
    """To the NameNode, whose clients have no other way."""
    cluster.start_namenode(call_port=-1)
    found = Wire(cluster.address)
    yield found
    found.close()


@pytest.fixture
def ways(cluster):
    """To the NameNode's port and to its call port, on a host of the client's own."""
    call_port = free_port()
    cluster.start_namenode(call_port=call_port)
    host = "127.0.2.9"
    found = [
        Wire(cluster.address, f"{host}:0"),
        Wire(f"127.0.0.1:{call_port}", f"{host}:{call_port}"),
    ]
    yield found
    for each in found:
        each.close()


def put(store, path, data, **options):
    with store.open(path, "wb", **options) as file:
        file.write(data)


def get(store, path):
    with store.open(path) as file:
        return file.read()


def start_behind(cluster, number, address):
    direct, cluster.address = cluster.address, address
    try:
        cluster.start_datanode(number)
    finally:
        cluster.address = direct


def sever(wire, how):
    """`how`: what gets lost without a word; or that nobody is let in."""
    if how == "refused":
        wire.refuse()
    else:
        wire.cut(forth=how != "replies", back=how != "requests")


def states(cluster, store):
    return {cluster.number_of(n.node.address): n.state for n in store.report().nodes}


@pytest.mark.parametrize("how", ["both", "replies", "refused"])
def test_a_datanode_that_cant_reach_the_namenode_is_replaced_and_taken_back(
    cluster, wire, eventually, how
):
    start_behind(cluster, 0, wire.address)
    cluster.start_datanode(1)
    cluster.start_datanode(2)
    store = cluster.client()
    put(store, "/file", DATA, replication=2)
    sever(wire, how)
    eventually(lambda: states(cluster, store)[0] == "dead", "the lost node's death")
    eventually(lambda: store.fsck("/file").state == "healthy", "copies of what it had")
    assert get(store, "/file") == DATA
    put(store, "/meanwhile", DATA, replication=2)
    wire.heal()
    eventually(lambda: states(cluster, store)[0] == "live", "its return")
    assert get(store, "/file") == get(store, "/meanwhile") == DATA


@pytest.mark.parametrize("how", ["both", "requests", "replies", "refused"])
def test_a_client_that_lost_the_namenode_goes_on_and_does_nothing_twice(cluster, wire, how):
    for number in range(2):
        cluster.start_datanode(number)
    with BlockStore(wire.address, settings=ClientSettings(**CLIENT_SETTINGS)) as store:
        store.mkdir("/from")
        with store.open("/file", "wb", replication=2) as file:
            file.write(DATA[:1_500_000])
            sever(wire, how)
            healing = threading.Timer(1.5, wire.heal)
            healing.start()
            file.write(DATA[1_500_000:])
        healing.join()
        sever(wire, how)
        healing = threading.Timer(1.0, wire.heal)
        healing.start()
        store.rename("/from", "/to")
        healing.join()
        assert get(store, "/file") == DATA
        assert sorted(entry.path for entry in store.list("/")) == ["/file", "/to"]


@pytest.mark.parametrize("how", ["both", "requests", "replies", "refused"])
def test_a_client_that_asks_at_the_call_port_outlives_a_partition_too(ways, how):
    with BlockStore(ways[0].address, settings=ClientSettings(**CLIENT_SETTINGS)) as store:
        for number in range(2 * CALLS_BEFORE):
            store.mkdir(f"/{number}")
        for wire in ways:
            sever(wire, how)
        healing = threading.Timer(1.0, lambda: [wire.heal() for wire in ways])
        healing.start()
        store.rename("/0", "/to")
        healing.join()
        assert how == "refused" or ways[1].felt.is_set()
        wanted = {f"/{number}" for number in range(1, 2 * CALLS_BEFORE)} | {"/to"}
        assert {entry.path for entry in store.list("/")} == wanted


def test_a_call_port_that_is_closed_to_a_client_is_one_that_he_does_without(ways):
    with BlockStore(ways[0].address, settings=ClientSettings(**CLIENT_SETTINGS)) as store:
        for number in range(4 * CALLS_BEFORE):
            if number == 2 * CALLS_BEFORE:
                ways[1].refuse()
            store.mkdir(f"/{number}")
        assert len(list(store.list("/"))) == 4 * CALLS_BEFORE


def test_a_pause_of_the_namenode_that_is_longer_than_a_death_kills_nobody(cluster, eventually):
    cluster.start(3)
    store = cluster.client()
    put(store, "/file", DATA, replication=2)
    cluster.namenode.freeze()
    wake = cluster.namenode.process.send_signal
    waking = threading.Timer(5.0, wake, (signal.SIGCONT,))
    waking.start()
    put(store, "/during", DATA, replication=2)
    waking.join()
    assert get(store, "/file") == get(store, "/during") == DATA
    eventually(lambda: set(states(cluster, store).values()) == {"live"}, "all live")
    assert "is dead" not in (cluster.root / "namenode.log").read_text()
