"""Machines die while files are written and read; nothing acknowledged is lost."""

import random
import threading

import pytest

from blockstore import BlockStore
from blockstore.errors import StoreError
from tests.cluster.daemons import Daemon

pytestmark = pytest.mark.cluster

BLOCK = 1024 * 1024


def put(store: BlockStore, path: str, data: bytes, **options) -> None:
    with store.open(path, "wb", **options) as file:
        file.write(data)


def get(store: BlockStore, path: str) -> bytes:
    with store.open(path) as file:
        return file.read()


def pipeline(cluster, store, path) -> list[int]:
    """Numbers of the DataNodes that the open last block is written to, first hop first."""
    located = store.locate(path)[-1]
    return [cluster.number_of(node.address) for node in located.nodes]


@pytest.mark.parametrize("hop", [0, 1, 2])
@pytest.mark.parametrize("acknowledged", [True, False], ids=["mid-block", "before-any-ack"])
def test_a_datanode_dies_in_mid_block_and_writing_goes_on(cluster, eventually, hop, acknowledged):
    cluster.start(3)
    store = cluster.client()
    data = random.Random(hop).randbytes(5 * BLOCK + 1234)
    with store.open("/file", "wb", block_bytes=3 * BLOCK) as file:
        file.write(data[: BLOCK + 10_000])
        if acknowledged:
            file.flush()
        nodes = {0: 0, 1: 1, 2: 2}
        if acknowledged:
            nodes = dict(enumerate(pipeline(cluster, store, "/file")))
        cluster.datanodes[nodes[hop]].kill()
        file.write(data[BLOCK + 10_000 :])
    assert get(store, "/file") == data
    assert store.fsck("/").state == "healthy"
    cluster.start_datanode(nodes[hop])
    eventually(
        lambda: all(len(block.nodes) == 3 for block in store.locate("/file")),
        "the dead node's replicas made anew",
    )
    assert get(cluster.client(short_circuit=False), "/file") == data


def test_two_of_three_datanodes_die_one_after_the_other(cluster):
    cluster.start(3)
    store = cluster.client()
    data = random.Random(1).randbytes(4 * BLOCK)
    with store.open("/file", "wb", block_bytes=8 * BLOCK) as file:
        file.write(data[:BLOCK])
        file.sync()
        first, second, _ = pipeline(cluster, store, "/file")
        cluster.datanodes[first].kill()
        file.write(data[BLOCK : 2 * BLOCK])
        file.sync()
        cluster.datanodes[second].kill()
        file.write(data[2 * BLOCK :])
    assert get(store, "/file") == data


def test_when_too_few_nodes_are_left_in_a_pipeline_another_joins(cluster):
    cluster.start(5)
    store = cluster.client()
    data = random.Random(9).randbytes(3 * BLOCK)
    with store.open("/file", "wb", block_bytes=8 * BLOCK) as file:
        file.write(data[: BLOCK + 12_345])
        file.flush()
        first, second, third = pipeline(cluster, store, "/file")
        cluster.datanodes[first].kill()
        cluster.datanodes[third].kill()
        file.write(data[BLOCK + 12_345 : 2 * BLOCK])
        file.flush()
        now = pipeline(cluster, store, "/file")
        assert second in now
        assert set(now) - {first, second, third}
        assert not {first, third} & set(now)
        file.write(data[2 * BLOCK :])
    # What joined has all of it, from the first byte.
    cluster.datanodes[second].kill()
    assert get(store, "/file") == data


def test_a_frozen_datanode_is_left_behind(cluster):
    cluster.start(3)
    store = cluster.client()
    data = random.Random(2).randbytes(3 * BLOCK)
    with store.open("/file", "wb", block_bytes=8 * BLOCK) as file:
        file.write(data[:BLOCK])
        file.flush()
        cluster.datanodes[pipeline(cluster, store, "/file")[1]].freeze()
        file.write(data[BLOCK:])
    assert get(store, "/file") == data


def test_the_only_datanode_restarts_in_mid_block(cluster):
    cluster.start(1)
    store = cluster.client()
    data = random.Random(3).randbytes(3 * BLOCK)
    with store.open("/file", "wb", replication=1, block_bytes=8 * BLOCK) as file:
        file.write(data[: BLOCK + 77])
        file.flush()
        cluster.datanodes[0].kill()
        cluster.start_datanode(0)
        file.write(data[BLOCK + 77 :])
    assert get(store, "/file") == data


def test_the_namenode_restarts_in_mid_write(cluster):
    cluster.start(3)
    store = cluster.client()
    data = random.Random(4).randbytes(4 * BLOCK + 5)
    with store.open("/file", "wb") as file:
        file.write(data[: BLOCK // 2])
        file.flush()
        cluster.namenode.kill()
        restart = threading.Timer(1.0, cluster.start_namenode)
        restart.start()
        file.write(data[BLOCK // 2 :])
    restart.join()
    assert get(store, "/file") == data
    assert store.fsck("/").state == "healthy"


def test_everything_is_killed_and_started_again(cluster):
    cluster.start(3)
    store = cluster.client()
    files = {f"/d/{n}": random.Random(n).randbytes(n * 300_000) for n in range(6)}
    for path, data in files.items():
        put(store, path, data)
    cluster.namenode.kill()
    for daemon in cluster.datanodes.values():
        daemon.kill()
    cluster.start_namenode()
    for number in range(3):
        cluster.spawn_datanode(number)
    for number in range(3):
        cluster.await_datanode(number)
    assert {path: get(store, path) for path in files} == files
    put(store, "/after", b"still writable")
    assert get(store, "/after") == b"still writable"


def test_a_reader_goes_on_when_its_datanode_dies(cluster):
    cluster.start(3)
    data = random.Random(5).randbytes(24 * BLOCK)
    put(cluster.client(), "/file", data, block_bytes=32 * BLOCK)
    store = cluster.client(short_circuit=False)
    with store.open("/file") as file:
        got = [file.read(100_000)]
        serving = store.locate("/file")[0].nodes[0].address
        cluster.datanodes[cluster.number_of(serving)].kill()
        got.append(file.read())
    assert b"".join(got) == data


def test_a_slow_replica_is_raced_by_another(cluster):
    cluster.start(3)
    data = random.Random(6).randbytes(BLOCK)
    put(cluster.client(), "/file", data)
    store = cluster.client(short_circuit=False, hedge_after_s=0.2, read_stall_s=30.0)
    first = store.locate("/file")[0].nodes[0].address
    cluster.datanodes[cluster.number_of(first)].freeze()
    assert get(store, "/file") == data


def test_a_dead_nodes_blocks_are_copied_to_others(cluster, eventually):
    cluster.start(4)
    store = cluster.client()
    data = random.Random(7).randbytes(5 * BLOCK)
    put(store, "/file", data)
    dead = cluster.number_of(store.locate("/file")[0].nodes[0].address)
    cluster.datanodes[dead].kill()

    def whole() -> bool:
        nodes = [block.nodes for block in store.locate("/file")]
        addresses = {node.address for found in nodes for node in found}
        return cluster.addresses[dead] not in addresses and all(len(n) == 3 for n in nodes)

    eventually(whole, "three replicas of every block on living nodes")
    assert get(cluster.client(short_circuit=False), "/file") == data


def test_a_dead_writers_file_is_closed_at_its_last_acknowledged_byte(cluster):
    cluster.start(3)
    store = cluster.client()
    data = random.Random(8).randbytes(BLOCK + 999)
    other = cluster.client()
    file = other.open("/file", "wb", block_bytes=4 * BLOCK)
    file.write(data)
    file.flush()
    victim = pipeline(cluster, store, "/file")[0]
    cluster.datanodes[victim].kill()
    cluster.start_datanode(victim)
    store.recover_lease("/file", timeout_s=60.0)
    assert get(store, "/file") == data
    with pytest.raises(StoreError):
        file.close()


def test_sigterm_ends_daemons_cleanly_within_seconds(cluster):
    cluster.start(1)
    store = cluster.client()
    put(store, "/file", b"x", replication=1)
    file = store.open("/open", "wb", replication=1)
    file.write(b"y" * BLOCK)
    assert cluster.datanodes[0].stop() == 0
    assert cluster.namenode.stop() == 0
    with pytest.raises(StoreError):
        cluster.client().stat("/")
    file.discard()


def test_a_second_datanode_on_one_directory_is_refused(cluster):
    cluster.start(1)
    second = Daemon(
        "blockstore.datanode.daemon",
        [[str(cluster.directory(0))], cluster.address, "127.0.0.1", 0],
        {},
        cluster.root / "second.log",
    )
    with pytest.raises(AssertionError, match="another DataNode uses"):
        second.ready()
    assert second.stop() == 2


def test_a_datanode_of_another_cluster_is_refused(cluster):
    cluster.start(1)
    cluster.datanodes[0].stop()
    cluster.namenode.kill()
    (cluster.root / "namenode").rename(cluster.root / "another")
    cluster.start_namenode()
    cluster.spawn_datanode(0)
    with pytest.raises(AssertionError, match="cluster"):
        cluster.datanodes[0].ready()
    assert cluster.datanodes[0].stop() == 2


def test_a_datanode_may_be_started_before_its_namenode(cluster):
    cluster.start(1)
    cluster.datanodes[0].stop()
    cluster.namenode.kill()
    cluster.spawn_datanode(0)
    cluster.start_namenode()
    cluster.await_datanode(0)
    put(cluster.client(), "/file", b"x", replication=1)
