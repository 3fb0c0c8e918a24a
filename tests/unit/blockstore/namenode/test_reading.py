import pytest

from blockstore.errors import InvalidRequestException, IsADirectoryException
from blockstore.model import Block, Replica, ReplicaState


def order_of(cluster, path, host):
    location = cluster.core.locate(path, client_host=host, now=cluster.now).reply
    return [node.node_id for node in location.blocks[0].nodes]


def test_nodes_come_nearest_first(cluster):
    cluster.add_node("far", "/r2")
    cluster.add_node("same-rack", "/r1")
    cluster.add_node("here", "/r1")
    cluster.write("/f", 10)
    for _ in range(10):
        assert order_of(cluster, "/f", "host-here") == ["here", "same-rack", "far"]


def test_equally_near_nodes_take_turns(cluster):
    cluster.add_nodes("xyz")
    cluster.write("/f", 10)
    assert {order_of(cluster, "/f", "")[0] for _ in range(50)} == set("xyz")


def test_silent_nodes_come_last(cluster):
    cluster.add_nodes("xyz")
    cluster.write("/f", 10)
    cluster.pass_time(11, beating="yz")
    assert order_of(cluster, "/f", "host-x")[-1] == "x"


def test_only_blocks_of_the_wanted_range_come(cluster):
    cluster.add_nodes("x")
    blocks = cluster.write("/f", 1000, 1000, 10)

    def ids(offset, length):
        located = cluster.core.locate("/f", offset=offset, length=length, now=cluster.now).reply
        return [(found.block.id - blocks[0].id, found.offset) for found in located.blocks]

    assert ids(0, 0) == [(0, 0), (1, 1000), (2, 2000)]
    assert ids(0, 1000) == [(0, 0)]
    assert ids(999, 2) == [(0, 0), (1, 1000)]
    assert ids(1000, 1) == [(1, 1000)]
    assert ids(2010, 5) == []
    with pytest.raises(InvalidRequestException):
        ids(-1, 5)


def test_a_block_without_a_good_replica_comes_with_who_held_it_last_and_why(cluster):
    cluster.add_nodes("xyz")
    (block,) = cluster.write("/f", 10)
    cluster.report("y", block, ReplicaState.DELETED)
    cluster.report("z", block, ReplicaState.CORRUPT)
    cluster.pass_time(31, beating="yz")
    (located,) = cluster.core.locate("/f", now=cluster.now).reply.blocks
    reasons = {e.node.node_id: e.reason for e in located.last_holders}
    assert "is dead" in reasons["x"]
    assert "deleted" in reasons["y"]
    assert "checksums" in reasons["z"]
    assert located.nodes == ()


def test_replicas_that_a_reader_called_bad_are_offered_when_there_is_no_other(cluster):
    cluster.add_nodes("xy")
    (block,) = cluster.write("/f", 10)
    for node_id in "xy":
        cluster.take(cluster.core.report_bad_replica(block, node_id, "crc", now=cluster.now))
    (located,) = cluster.core.locate("/f", now=cluster.now).reply.blocks
    assert {node.node_id for node in located.nodes} == set("xy")
    assert {e.reason for e in located.last_holders} == {"crc"}


def test_an_open_block_is_read_from_its_pipeline(cluster):
    cluster.add_nodes("xy")
    located = cluster.add_block(cluster.create("/f"))
    (found,) = cluster.core.locate("/f", now=cluster.now).reply.blocks
    assert found.under_construction
    assert {node.node_id for node in found.nodes} == {"x", "y"}
    cluster.full_report("x", Replica(Block(located.block.id, 1, 5), ReplicaState.RWR))
    (found,) = cluster.core.locate("/f", now=cluster.now).reply.blocks
    assert [node.node_id for node in found.nodes] == ["y"]


def test_directories_have_no_blocks(cluster):
    cluster.mkdirs("/d")
    with pytest.raises(IsADirectoryException):
        cluster.core.locate("/d", now=cluster.now)


def test_fsck_tells_every_blocks_state(cluster):
    cluster.add_nodes("xyz")
    cluster.write("/d/healthy", 10)
    cluster.write("/d/short", 10, replication=5)
    (missing,) = cluster.write("/d/missing", 10, replication=1, on="x")
    (corrupt,) = cluster.write("/d/corrupt", 10, replication=1, on="y")
    cluster.add_block(cluster.create("/d/open"))
    cluster.report("x", missing, ReplicaState.DELETED)
    cluster.report("y", corrupt, ReplicaState.CORRUPT)
    tree = cluster.core.admin.fsck_page("/", now=cluster.now).reply
    assert {file.path: file.blocks[0].state for file in tree.files} == {
        "/d/healthy": "healthy",
        "/d/short": "under-replicated",
        "/d/missing": "missing",
        "/d/corrupt": "corrupt",
        "/d/open": "open",
    }
    assert tree.state == "corrupt"
    assert cluster.core.admin.fsck_page("/d/healthy", now=cluster.now).reply.state == "healthy"
