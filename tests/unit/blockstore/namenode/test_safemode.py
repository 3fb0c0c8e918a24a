import pytest

from blockstore.errors import ManualSafeModeException, SafeModeException
from blockstore.model import Replica, ReplicaState
from blockstore.namenode.config import NameNodeConfig
from blockstore.namenode.safemode import SafeMode


def whole(block):
    return Replica(block, ReplicaState.FINALIZED)


def test_a_namespace_without_blocks_is_never_in_safe_mode(cluster):
    assert not cluster.core.safe_mode().reply.on


def test_safe_mode_ends_in_the_moment_when_enough_blocks_are_reported(cluster):
    cluster.add_nodes("xy")
    (one,) = cluster.write("/f", 10, replication=1, on="x")
    (two,) = cluster.write("/g", 10, replication=1, on="y")
    cluster.restart()
    with pytest.raises(SafeModeException, match="0 of 2 blocks are reported"):
        cluster.mkdirs("/d")
    cluster.register("x")
    cluster.full_report("x", whole(one))
    assert cluster.core.safe_mode().reply.on
    cluster.register("y")
    cluster.full_report("y")
    assert cluster.core.safe_mode().reply.on
    cluster.report("y", two)
    assert not cluster.core.safe_mode().reply.on
    cluster.mkdirs("/d")


def test_reads_work_in_safe_mode(cluster):
    cluster.add_nodes("x")
    cluster.write("/f", 10)
    cluster.restart()
    assert cluster.core.stat("/f").reply.length == 10
    assert cluster.paths() == ["/f"]
    assert cluster.locations("/f") == [[]]


def test_open_blocks_do_not_keep_safe_mode_on(cluster):
    cluster.add_nodes("x")
    cluster.add_block(cluster.create("/f"))
    cluster.restart()
    assert not cluster.core.safe_mode().reply.on


def test_bad_replicas_do_not_end_safe_mode(cluster):
    cluster.add_nodes("x")
    (block,) = cluster.write("/f", 10)
    cluster.restart()
    cluster.register("x")
    cluster.full_report("x", Replica(block, ReplicaState.RWR))
    assert cluster.core.safe_mode().reply.on


def test_what_an_administrator_entered_only_they_end(cluster):
    cluster.core.safe_mode(enter=True)
    cluster.pass_time(100)
    with pytest.raises(SafeModeException, match="safemode leave"):
        cluster.create("/f")
    cluster.core.safe_mode(enter=False)
    cluster.create("/f")


def test_an_administrator_can_leave_before_all_blocks_are_there(cluster):
    cluster.add_nodes("x")
    cluster.write("/f", 10)
    cluster.restart()
    cluster.core.safe_mode(enter=False)
    cluster.mkdirs("/d")


@pytest.mark.parametrize(("blocks", "needed"), [(1, 1), (999, 999), (1000, 999), (0, 0)])
def test_the_threshold_is_rounded_up(blocks, needed):
    mode = SafeMode(NameNodeConfig().safe_mode_threshold, blocks=lambda: blocks, reported=lambda: 0)
    assert mode.status().blocks_needed == needed
    assert mode.on == (needed > 0)


def test_an_administrators_safe_mode_is_told_from_a_starts(cluster):
    cluster.core.safe_mode(enter=True)
    with pytest.raises(ManualSafeModeException):
        cluster.create("/f")


def test_a_starts_safe_mode_is_no_manual_one(cluster):
    cluster.add_nodes("x")
    cluster.write("/f", 10)
    cluster.restart()
    with pytest.raises(SafeModeException) as caught:
        cluster.create("/g")
    assert type(caught.value) is SafeModeException
    assert str(caught.value).count("mapred admin safemode why") == 1
    assert "mapred admin" not in cluster.core.safe_mode().reply.reason


def test_why_names_the_blocks_their_files_and_the_nodes_it_waits_for(cluster):
    cluster.add_nodes("xyz")
    (one,) = cluster.write("/d/one", 10, replication=1, on="x")
    (two,) = cluster.write("/d/two", 10, replication=1, on="y")
    cluster.restart()
    cluster.register("x")
    cluster.register("z")
    cluster.full_report("z")
    cluster.pass_time(11, beating="x")
    why = cluster.core.admin.why(now=cluster.now).reply
    assert (why.mode.on, why.missing) == (True, 2)
    assert [(w.block.id, w.path) for w in why.sample] == [(one.id, "/d/one"), (two.id, "/d/two")]
    names = [[n.node_id for n in nodes] for nodes in (why.absent, why.unreported, why.silent)]
    assert names == [["y"], ["x"], ["z"]]


def test_why_says_who_has_a_bad_copy_when_nobody_is_left_to_wait_for(cluster):
    cluster.add_nodes("x")
    (block,) = cluster.write("/f", 10)
    cluster.restart()
    cluster.register("x")
    cluster.full_report("x")
    cluster.report("x", block, ReplicaState.CORRUPT)
    why = cluster.core.admin.why(now=cluster.now).reply
    ((waited),) = why.sample
    assert [str(holder) for holder in waited.last_holders] == [
        "x (host-x:9866) its node found wrong checksums"
    ]
    assert (why.absent, why.silent, why.unreported) == ((), (), ())


def test_a_forgotten_node_is_not_waited_for(cluster):
    cluster.add_nodes("xy")
    cluster.write("/f", 10, replication=1, on="x")
    cluster.restart()
    cluster.take(cluster.core.admin.forget("y", now=cluster.now))
    why = cluster.core.admin.why(now=cluster.now).reply
    assert [node.node_id for node in why.absent] == ["x"]
