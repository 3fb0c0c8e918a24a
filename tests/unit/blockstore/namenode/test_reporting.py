import pytest

from blockstore.errors import ConfigException, InvalidRequestException, StaleEpochException
from blockstore.model import Block, Node, NodeLoad, Replica, ReplicaState, SendReport
from blockstore.namenode.blockmap import Kind, judge
from blockstore.namenode.config import NameNodeConfig
from blockstore.namenode.namespace import StoredBlock


def test_a_node_of_another_cluster_is_refused(cluster):
    cluster.nodes["x"] = Node("x", "h", 1)
    cluster.incarnations["x"] = 1
    with pytest.raises(ConfigException, match="cluster other"):
        cluster.register("x", cluster_id="other")
    cluster.register("x", cluster_id="c")


def test_an_older_incarnation_is_refused(cluster):
    cluster.add_node("x")
    cluster.incarnations["x"] = 0
    with pytest.raises(StaleEpochException, match="two processes"):
        cluster.register("x")


def test_an_unknown_node_and_an_old_epoch_register_again(cluster):
    cluster.add_node("x")
    load = NodeLoad()
    known = cluster.core.heartbeat("x", incarnation=1, epoch=0, load=load, now=cluster.now)
    assert not known.reply
    known = cluster.core.heartbeat("x", incarnation=2, epoch=1, load=load, now=cluster.now)
    assert not known.reply
    cluster.restart()
    assert not cluster.beat("x")
    with pytest.raises(StaleEpochException):
        cluster.full_report("x")


def test_a_dead_node_registers_again(cluster):
    cluster.add_node("x")
    cluster.pass_time(31, beating="")
    assert not cluster.beat("x")
    cluster.register("x")
    assert cluster.beat("x")


def test_a_full_report_is_all_that_a_node_has(cluster):
    cluster.add_nodes("xy")
    (one,) = cluster.write("/f", 10)
    (two,) = cluster.write("/g", 10)
    cluster.full_report("x", Replica(two, ReplicaState.FINALIZED))
    assert cluster.locations("/f") == [["y"]]
    assert cluster.locations("/g") == [["x", "y"]]
    cluster.report("x", one)
    assert cluster.locations("/f") == [["x", "y"]]


def test_a_restarted_node_has_nothing_before_its_report(cluster):
    cluster.add_nodes("xy")
    (block,) = cluster.write("/f", 10)
    cluster.incarnations["x"] += 1
    cluster.register("x")
    assert cluster.locations("/f") == [["y"]]
    cluster.full_report("x", Replica(block, ReplicaState.FINALIZED))
    assert cluster.locations("/f") == [["x", "y"]]


def test_another_node_at_the_same_address_replaces_the_old_one(cluster):
    cluster.add_node("x", host="h")
    cluster.write("/f", 10, replication=1)
    cluster.add_node("y", host="h")
    report = cluster.core.report(now=cluster.now).reply
    assert [node.node.node_id for node in report.nodes] == ["y"]
    assert cluster.locations("/f") == [[]]


def test_a_replica_reported_before_its_block_was_committed_counts_from_then_on(cluster):
    cluster.add_nodes("x")
    inode_id = cluster.create("/f")
    located = cluster.add_block(inode_id)
    block = Block(located.block.id, located.block.generation, 10)
    cluster.report("x", block)
    assert cluster.complete(inode_id, block).done


def test_a_deleted_replica_is_gone(cluster):
    cluster.add_nodes("xy")
    (block,) = cluster.write("/f", 10)
    cluster.report("x", block, ReplicaState.DELETED)
    assert cluster.locations("/f") == [["y"]]


def test_the_wall_clock_kills_nobody(cluster):
    cluster.add_node("x")
    cluster.take(cluster.core.tick(now=cluster.now, wall=cluster.wall + 1e6))
    assert cluster.beat("x")


def test_a_report_that_was_overtaken_is_ignored(cluster):
    cluster.add_nodes("xy")
    (block,) = cluster.write("/f", 10)
    cluster.report("x", block, ReplicaState.DELETED, number=7)
    cluster.report("x", block, number=6)
    assert cluster.locations("/f") == [["y"]]
    cluster.report("x", block, number=8)
    cluster.full_report("x", number=8)
    assert cluster.locations("/f") == [["x", "y"]]


def test_the_numbers_begin_anew_with_an_incarnation(cluster):
    cluster.add_nodes("xy")
    (block,) = cluster.write("/f", 10)
    cluster.report("x", block, number=100)
    cluster.incarnations["x"] += 1
    cluster.register("x")
    cluster.full_report("x", Replica(block, ReplicaState.FINALIZED), number=1)
    assert cluster.locations("/f") == [["x", "y"]]


def test_a_full_report_is_asked_for_again_from_time_to_time(make_cluster):
    cluster = make_cluster(NameNodeConfig(full_report_interval_s=60))
    cluster.add_node("x")
    cluster.pass_time(59)
    assert cluster.take_orders() == []
    cluster.pass_time(59)
    assert cluster.take_orders() == [("x", SendReport())]
    cluster.full_report("x")
    cluster.pass_time(61)
    assert cluster.take_orders() == [("x", SendReport())]


def test_a_pause_of_the_namenode_itself_kills_nobody(cluster):
    cluster.add_nodes("xy")
    cluster.write("/f", 10)
    cluster.now += 100
    cluster.tick()
    assert cluster.locations("/f") == [["x", "y"]]
    assert cluster.beat("x")
    cluster.pass_time(31, beating="x")
    assert cluster.locations("/f") == [["x"]]


def test_a_late_heartbeat_of_a_node_that_was_not_given_up_is_enough(cluster):
    cluster.add_node("x")
    cluster.now += 31
    assert cluster.beat("x")


@pytest.mark.parametrize("wrong", [Node("", "h", 1), Node("x", "", 1), Node("x", "h", 0)])
def test_a_node_that_can_not_be_dialled_is_refused(cluster, wrong):
    with pytest.raises(InvalidRequestException):
        cluster.core.register(wrong, incarnation=1, now=cluster.now)


def test_every_start_has_a_new_epoch(cluster):
    epochs = [cluster.state.epoch]
    for _ in range(3):
        cluster.restart()
        epochs.append(cluster.state.epoch)
    assert epochs == [1, 2, 3, 4]


@pytest.mark.parametrize("committed", [True, False])
def test_a_replica_of_an_older_stamp_is_stale_and_never_one_of_the_block(committed):
    stored = StoredBlock(Block(1, 5, 100), 7, committed=committed)
    for state in (ReplicaState.FINALIZED, ReplicaState.RBW, ReplicaState.RWR):
        odd = judge(stored, Replica(Block(1, 4, 100), state))
        assert (odd.kind, odd.reason) == (Kind.STALE, "has generation 4, the block is at 5")
