"""A cluster is operated: nodes go and come, blocks are checked and moved, reasons are told."""

import json
import random

import grpc
import pytest
from mapred_cli.errors import run
from mapred_cli.main import cli

from blockstore.errors import ManualSafeModeException, PlacementException
from blockstore.wire import namenode_pb2, namenode_pb2_grpc, types_pb2

pytestmark = pytest.mark.cluster

BLOCK = 1024 * 1024


def put(store, path, data, **options):
    with store.open(path, "wb", **options) as file:
        file.write(data)


@pytest.fixture
def admin(cluster, capsys):
    """`mapred admin WORDS`, its exit code checked; returns stdout and stderr."""

    def call(*words, code=0):
        capsys.readouterr()
        found = run(cli, ["admin", words[0], "--namenode", cluster.address, *words[1:]])
        out, err = capsys.readouterr()
        assert found == code, f"{out}\n{err}"
        return out, err

    return call


def test_a_node_leaves_for_good_and_another_rests(cluster, admin, eventually):
    cluster.racks = {0: "/r1", 1: "/r1", 2: "/r2", 3: "/r2"}
    cluster.start(4)
    store = cluster.client()
    files = {f"/f{n}": random.Random(n).randbytes(200_000) for n in range(8)}
    for path, data in files.items():
        put(store, path, data)
    assert "on 2 racks" in admin("report")[0]
    leaving = cluster.addresses[0]
    with store.open("/open", "wb") as file:
        file.write(b"begun before")
        file.flush()
        out, _ = admin("decommission", leaving)
        assert "decommissioning" in out
        put(store, "/new", b"after", replication=3)
    out, _ = admin("decommission", leaving, "--wait")
    assert "decommissioned" in out
    assert "decommissioned" in admin("decommission", "status")[0]
    assert leaving not in [node.address for node in store.locate("/new")[0].nodes]
    # Nothing needs it any more, and the namespace remembers that it's gone.
    cluster.datanodes[0].kill()
    cluster.namenode.kill()
    cluster.start_namenode()
    assert {path: cluster.client().open(path).read() for path in files} == files
    admin("safemode", "wait")
    eventually(lambda: "3 live of 4" in admin("report")[0], "the others are back")
    report = json.loads(admin("report", "--json")[0])
    duties = {node["node"]["port"]: node["duty"] for node in report["nodes"]}
    assert duties[int(leaving.rpartition(":")[2])].startswith("decommission")
    # Two of the three that are left: one more can't go for good.
    _, err = admin("decommission", cluster.addresses[1], code=1)
    assert "replicas, and only 2 serving nodes would be left" in err
    out, _ = admin("maintenance", cluster.addresses[1], "--for", "10m", "--wait")
    assert "in maintenance until" in out
    admin("recommission", cluster.addresses[1])
    assert "Every" not in admin("maintenance", "status")[0]


def test_a_file_that_stays_open_lets_its_only_node_go(cluster, admin, eventually):
    cluster.start(2)
    store = cluster.client(lease_renew_s=0.2)
    with store.open("/log", "wb", replication=1) as file:
        file.write(b"before ")
        file.hflush()
        leaving = store.locate("/log")[0].nodes[0].address
        admin("decommission", leaving, "--wait")
        cluster.datanodes[cluster.number_of(leaving)].kill()
        with store.open("/log") as reading:
            assert reading.read() == b"before "
        file.write(b"and after")
    with store.open("/log") as reading:
        assert reading.read() == b"before and after"


def test_damage_is_found_by_fsck_and_mended(cluster, admin, eventually):
    cluster.start(3)
    store = cluster.client()
    put(store, "/d/file", random.Random(1).randbytes(BLOCK // 2))
    put(store, "/d/wide", b"x", replication=3)
    assert "healthy" in admin("fsck", "/", "--files", "--racks")[0]
    out, _ = admin("fsck", "/", "--verify")
    assert "Copies read: 6" in out
    victim = max(cluster.block_files(0), key=lambda path: path.stat().st_size)
    data = bytearray(victim.read_bytes())
    data[1000] ^= 1
    victim.write_bytes(data)
    admin("fsck", "/")
    out, _ = admin("fsck", "/", "--verify", code=1)
    assert f"({cluster.addresses[0]})" in out
    assert "damaged: 1" in out
    eventually(lambda: is_whole(store), "a good copy in place of the bad one")
    store.set_replication("/d/wide", 4)
    lines = admin("fsck", "/", "--json", code=3)[0].splitlines()
    assert [json.loads(line)["path"] for line in lines[:-1]] == ["/d/wide"]
    assert json.loads(lines[-1])["state"] == "lacking copies"


def is_whole(store):
    found = store.fsck("/")
    if any(block.state != "healthy" for file in found.files for block in file.blocks):
        return False
    return not any(verdict.damage or verdict.unread for verdict in store.admin.verify(found))


def test_who_can_not_take_a_block_is_told_with_every_reason(cluster, admin):
    # Nobody dies of silence: the client finds out by itself.
    cluster.start(2, stale_after_s=60.0, dead_after_s=120.0)
    with grpc.insecure_channel(cluster.address) as channel:
        register_full_node(channel)
    admin("decommission", cluster.addresses[1], "--force")
    cluster.datanodes[0].kill()
    store = cluster.client()
    with pytest.raises(PlacementException) as caught:
        put(store, "/f", b"x")
    message = str(caught.value)
    nodes = {n.node.address: n.node for n in store.report().nodes}
    refused, leaving = nodes[cluster.addresses[0]], nodes[cluster.addresses[1]]
    assert "could not place a block of '/f': " in message
    for reason in (
        f"{refused} connection refused from client",
        f"{leaving} decommissioning",
        "dn-full (10.0.0.9:9866) full: 10 bytes free",
    ):
        assert reason in message


def register_full_node(channel):
    """A DataNode that is only words: alive, and full."""
    stub = namenode_pb2_grpc.DataNodeProtocolStub(channel)
    node = types_pb2.Node(node_id="dn-full", host="10.0.0.9", port=9866, rack="/default")
    epoch = stub.Register(namenode_pb2.RegisterRequest(node=node, incarnation=1)).epoch
    stub.Heartbeat(
        namenode_pb2.HeartbeatRequest(
            node_id="dn-full", incarnation=1, epoch=epoch, capacity_bytes=100, free_bytes=10
        )
    )


def test_an_administrators_safe_mode_is_told_at_once_and_a_starts_has_its_reasons(cluster, admin):
    cluster.start(1)
    store = cluster.client()
    put(store, "/d/f", b"x", replication=1)
    admin("safemode", "enter")
    with pytest.raises(ManualSafeModeException, match="safemode leave"):
        store.mkdir("/other")
    admin("safemode", "leave")
    address = cluster.addresses[0]
    cluster.datanodes[0].kill()
    cluster.namenode.kill()
    cluster.start_namenode()
    out, _ = admin("safemode", "why")
    assert "/d/f" in out
    assert f"({address})" in out
    _, err = admin("safemode", "leave", code=1)
    assert "1 blocks are missing" in err
    assert "Safe mode is off" in admin("safemode", "leave", "--yes")[0]


def test_the_balancer_fills_a_new_node(cluster, admin, eventually):
    cluster.start(1)
    store = cluster.client()
    for number in range(6):
        put(store, f"/f{number}", random.Random(number).randbytes(BLOCK), replication=1)
    cluster.start_datanode(1)
    # Some bytes of a whole disk are a small share.
    out, _ = admin("balancer", "start", "--threshold", "0.00001", "--bandwidth", "50MiB")
    assert "The balancer runs" in out

    def status():
        return json.loads(admin("balancer", "status", "--json")[0])

    eventually(lambda: not status()["running"], "the balancer is done")
    assert status()["bytes_moved"] >= 2 * BLOCK
    assert len(cluster.block_files(0)) + len(cluster.block_files(1)) == 6
    assert len(cluster.block_files(1)) in (2, 3)
    assert all(len(store.open(f"/f{number}").read()) == BLOCK for number in range(6))
    admin("balancer", "start", "--threshold", "101", code=2)
