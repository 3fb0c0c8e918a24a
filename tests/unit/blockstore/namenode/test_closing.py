import pytest

from blockstore.errors import (
    AlreadyBeingCreatedException,
    FileAlreadyExistsException,
    LeaseExpiredException,
    StaleEpochException,
)
from blockstore.model import Block, RecoverBlock, Replica, ReplicaState
from blockstore.namenode.config import NameNodeConfig


def open_file(cluster, path="/f", client="ana"):
    """An open file with one open block; returns inode id and the block."""
    inode_id = cluster.create(path, client)
    return inode_id, cluster.add_block(inode_id, client=client).block


def recovery_order(cluster):
    ((node_id, order),) = [o for o in cluster.take_orders() if isinstance(o[1], RecoverBlock)]
    return node_id, order


def answer(cluster, node_id, order, length, nodes):
    new = Block(order.block.id, order.new_generation, length) if length else None
    cluster.try_(
        lambda: cluster.core.commit_recovery(
            node_id,
            epoch=cluster.state.epoch,
            old=order.block,
            new=new,
            node_ids=nodes,
            wall=cluster.wall,
        )
    )
    return new


def test_a_writer_that_is_heard_of_keeps_its_lease(cluster):
    cluster.add_nodes("x")
    inode_id, block = open_file(cluster)
    for _ in range(10):
        cluster.pass_time(200)
        cluster.take(cluster.core.changes.renew_lease("ana", now=cluster.now))
    cluster.report("x", block)
    assert cluster.complete(inode_id, block).done


def test_after_the_hard_limit_the_namenode_closes_the_file_at_the_agreed_length(cluster):
    cluster.add_nodes("xyz")
    inode_id, block = open_file(cluster)
    cluster.pass_time(301)
    node_id, order = recovery_order(cluster)
    assert order.block == block
    assert {node.node_id for node in order.nodes} == set("xyz")
    assert order.new_generation > block.generation
    answer(cluster, node_id, order, 77, ["x", "y"])
    status = cluster.core.stat("/f").reply
    assert (status.length, status.under_construction) == (77, False)
    assert cluster.locations("/f") == [["x", "y"]]
    with pytest.raises(LeaseExpiredException):
        cluster.complete(inode_id, block)


def test_before_the_soft_limit_another_writer_has_to_wait(cluster):
    cluster.add_nodes("x")
    open_file(cluster)
    cluster.pass_time(59)
    with pytest.raises(AlreadyBeingCreatedException):
        cluster.create("/f", "ben")
    cluster.tick()
    assert cluster.take_orders() == []


def test_after_the_soft_limit_another_writers_create_starts_the_close(cluster):
    cluster.add_nodes("x")
    open_file(cluster)
    cluster.pass_time(61)
    with pytest.raises(AlreadyBeingCreatedException):
        cluster.create("/f", "ben")
    cluster.tick()
    node_id, order = recovery_order(cluster)
    answer(cluster, node_id, order, 5, ["x"])
    with pytest.raises(FileAlreadyExistsException):
        cluster.create("/f", "ben")


def test_a_node_that_was_left_out_of_a_rebuilt_pipeline_has_no_say_in_the_length(cluster):
    """It may have carried out the update, and only its word was lost: the stamp says nothing.
    Bytes that were acknowledged, even synced, were cut away on all nodes for its sake.
    """
    cluster.add_nodes("xyz")
    inode_id, block = open_file(cluster)
    now = cluster.now
    core = cluster.core
    grant = cluster.try_(
        lambda: core.recover_pipeline(
            inode_id, client_id="ana", block=block, survivors=list("xyz"), now=now
        )
    )
    new = Block(block.id, grant.new_generation, 1)
    cluster.try_(
        lambda: core.update_pipeline(
            inode_id, client_id="ana", old=block, new=new, node_ids=list("xy"), now=now
        )
    )
    cluster.report("z", new, ReplicaState.RBW)
    cluster.recover_lease("/f")
    _, order = recovery_order(cluster)
    assert {node.node_id for node in order.nodes} == set("xy")
    located = core.locate("/f", now=now).reply.blocks[0]
    assert {node.node_id for node in located.nodes} == set("xy")


def test_a_whole_replica_that_comes_late_is_asked_as_well(cluster):
    cluster.add_nodes("xyz")
    (block,) = cluster.write("/f", 600)
    cluster.pass_time(31, beating="x")
    now, wall = cluster.now, cluster.wall
    cluster.try_(lambda: cluster.core.changes.truncate("/f", 100, now=now, wall=wall))
    _, order = recovery_order(cluster)
    assert {node.node_id for node in order.nodes} == {"x"}
    cluster.add_node("y", replicas=(Replica(block, ReplicaState.FINALIZED),))
    cluster.pass_time(30, beating="xy")
    orders = [o for _, o in cluster.take_orders() if isinstance(o, RecoverBlock)]
    assert {node.node_id for node in orders[-1].nodes} == set("xy")


def test_recover_lease_takes_the_file_from_a_living_writer(cluster):
    cluster.add_nodes("x")
    inode_id, block = open_file(cluster)
    assert "recovers" in cluster.recover_lease("/f").waiting_for
    with pytest.raises(LeaseExpiredException, match="closed by the NameNode"):
        cluster.complete(inode_id, block)
    node_id, order = recovery_order(cluster)
    answer(cluster, node_id, order, 5, ["x"])
    assert cluster.recover_lease("/f").done


def test_recover_lease_of_a_closed_or_empty_file_is_done_at_once(cluster):
    cluster.add_nodes("x")
    cluster.write("/f", 10)
    cluster.create("/empty")
    assert cluster.recover_lease("/f").done
    assert cluster.recover_lease("/empty").done


def test_a_committed_block_with_a_replica_needs_no_recovery(cluster):
    cluster.add_nodes("xyz")
    inode_id, block = open_file(cluster)
    last = Block(block.id, block.generation, 10)
    cluster.report("x", last)
    assert not cluster.complete(inode_id, last).done
    assert cluster.recover_lease("/f").done
    assert cluster.core.stat("/f").reply.length == 10


def test_a_committed_block_without_a_replica_is_recovered(cluster):
    cluster.add_nodes("xyz")
    inode_id, block = open_file(cluster)
    assert not cluster.complete(inode_id, Block(block.id, block.generation, 10)).done
    assert not cluster.recover_lease("/f").done
    node_id, order = recovery_order(cluster)
    answer(cluster, node_id, order, 10, ["y"])
    assert cluster.recover_lease("/f").done
    assert cluster.locations("/f") == [["y"]]


def test_an_unanswered_recovery_is_given_to_another_node_with_another_stamp(cluster):
    cluster.add_nodes("xyz")
    open_file(cluster)
    cluster.recover_lease("/f")
    tried = [recovery_order(cluster)]
    for _ in range(2):
        cluster.pass_time(16)
        tried.append(recovery_order(cluster))
    assert {node_id for node_id, _ in tried} == set("xyz")
    generations = [order.new_generation for _, order in tried]
    assert generations == sorted(set(generations))


def test_an_answer_that_comes_after_the_next_try_began_is_refused(cluster):
    cluster.add_nodes("xy")
    open_file(cluster)
    cluster.recover_lease("/f")
    late = recovery_order(cluster)
    cluster.pass_time(16)
    timely = recovery_order(cluster)
    with pytest.raises(StaleEpochException):
        answer(cluster, *late, 5, ["x"])
    answer(cluster, *timely, 5, ["x"])
    assert cluster.recover_lease("/f").done


def test_a_repeated_answer_is_fine(cluster):
    cluster.add_nodes("x")
    open_file(cluster)
    cluster.recover_lease("/f")
    order = recovery_order(cluster)
    answer(cluster, *order, 5, ["x"])
    before = len(cluster.entries)
    answer(cluster, *order, 5, ["x"])
    assert len(cluster.entries) == before


def test_synced_bytes_are_never_cut_away(cluster):
    cluster.add_nodes("xy")
    inode_id, block = open_file(cluster)
    synced = Block(block.id, block.generation, 50)
    cluster.take(cluster.core.sync(inode_id, client_id="ana", block=synced, now=cluster.now))
    cluster.recover_lease("/f")
    first, order = recovery_order(cluster)
    answer(cluster, first, order, 49, ["x"])
    answer_none_to = cluster.core.stat("/f").reply
    assert (answer_none_to.under_construction, answer_none_to.length) == (True, 50)
    cluster.tick()
    second, order = recovery_order(cluster)
    assert second != first
    answer(cluster, second, order, 50, ["y"])
    assert cluster.core.stat("/f").reply.length == 50


def test_a_block_that_nobody_has_a_byte_of_is_dropped(cluster):
    cluster.add_nodes("xyz")
    open_file(cluster)
    cluster.recover_lease("/f")
    answer(cluster, *recovery_order(cluster), 0, [])
    status = cluster.core.stat("/f").reply
    assert (status.length, status.under_construction) == (0, False)
    assert cluster.state.blocks == {}


def test_a_block_whose_nodes_are_all_dead_is_dropped_when_nothing_was_synced(cluster):
    cluster.add_nodes("xy")
    open_file(cluster)
    cluster.pass_time(40, beating="")
    assert cluster.recover_lease("/f").done


def test_a_block_with_synced_bytes_waits_for_its_nodes(cluster):
    cluster.add_nodes("xy")
    inode_id, block = open_file(cluster)
    synced = Block(block.id, block.generation, 50)
    cluster.take(cluster.core.sync(inode_id, client_id="ana", block=synced, now=cluster.now))
    cluster.pass_time(40, beating="")
    waiting = cluster.recover_lease("/f")
    assert not waiting.done
    assert "host-x" in waiting.waiting_for
    cluster.register("x")
    cluster.full_report("x", Replica(synced, ReplicaState.RWR))
    cluster.tick()
    node_id, order = recovery_order(cluster)
    answer(cluster, node_id, order, 50, ["x"])
    assert cluster.recover_lease("/f").done


def test_a_recovery_goes_on_after_a_restart_with_a_new_stamp(cluster):
    cluster.add_nodes("xyz")
    open_file(cluster)
    cluster.recover_lease("/f")
    _, before = recovery_order(cluster)
    cluster.restart()
    cluster.tick()
    assert cluster.take_orders() == []
    cluster.register("x")
    cluster.full_report("x")
    cluster.tick()
    node_id, after = recovery_order(cluster)
    assert node_id == "x"
    assert after.new_generation > before.new_generation
    answer(cluster, node_id, after, 5, ["x"])
    assert cluster.recover_lease("/f").done


def test_a_restart_gives_every_writer_its_full_time_again(cluster):
    cluster.add_nodes("x")
    inode_id, _ = open_file(cluster)
    cluster.pass_time(299)
    cluster.restart()
    cluster.register("x")
    cluster.pass_time(299)
    assert cluster.state.open_files[inode_id].writer == "ana"
    cluster.pass_time(3)
    assert cluster.state.open_files[inode_id].writer == ""


def test_a_silent_clients_other_files_are_closed_too(cluster):
    cluster.add_nodes("x")
    cluster.create("/f", "ana")
    cluster.create("/g", "ana")
    cluster.create("/h", "ben")
    cluster.pass_time(200)
    cluster.take(cluster.core.changes.renew_lease("ben", now=cluster.now))
    cluster.pass_time(101)
    cluster.pass_time(1)
    assert [file.writer for file in cluster.state.open_files.values()] == ["ben"]


def test_the_times_are_settings(make_cluster):
    cluster = make_cluster(NameNodeConfig(block_bytes=1000, block_bytes_min=1, lease_hard_s=61))
    cluster.create("/f")
    cluster.pass_time(63)
    assert cluster.state.open_files == {}
