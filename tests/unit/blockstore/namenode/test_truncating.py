import pytest

from blockstore.errors import AlreadyBeingCreatedException, InvalidRequestException
from blockstore.model import Block, DeleteReplicas, RecoverBlock, Replica, ReplicaState


def truncate(cluster, length, path="/f", request_id=""):
    return cluster.try_(
        lambda: cluster.core.changes.truncate(
            path, length, request_id=request_id, now=cluster.now, wall=cluster.wall
        )
    )


def cut(cluster, length, nodes="xyz"):
    """The primary answers that the block was cut on these nodes; returns the order."""
    ((primary, order),) = [o for o in cluster.take_orders() if isinstance(o[1], RecoverBlock)]
    cluster.try_(
        lambda: cluster.core.commit_recovery(
            primary,
            epoch=cluster.state.epoch,
            old=order.block,
            new=Block(order.block.id, order.new_generation, length),
            node_ids=list(nodes),
            wall=cluster.wall,
        )
    )
    return order


@pytest.mark.parametrize(("length", "kept"), [(0, 0), (1000, 1), (2000, 2), (2500, 3)])
def test_at_a_block_border_it_is_done_at_once(cluster, length, kept):
    cluster.add_nodes("xyz")
    blocks = cluster.write("/f", 1000, 1000, 500)
    assert truncate(cluster, length).done
    status = cluster.core.stat("/f").reply
    assert (status.length, status.under_construction) == (length, False)
    cluster.tick()
    deleted = [o.blocks for _, o in cluster.take_orders() if isinstance(o, DeleteReplicas)]
    assert {block.id for batch in deleted for block in batch} == {b.id for b in blocks[kept:]}


def test_within_a_block_its_nodes_cut_it_to_just_that_length(cluster):
    cluster.add_nodes("xyz")
    _, second, _ = cluster.write("/f", 1000, 1000, 500)
    completion = truncate(cluster, 1300, request_id="r")
    assert not completion.done
    assert f"recovers {second}" in completion.waiting_for
    assert not truncate(cluster, 1300, request_id="r").done
    order = cut(cluster, 300)
    assert (order.block, order.cut_to) == (Block(second.id, second.generation, 300), 300)
    assert {node.node_id for node in order.nodes} == set("xyz")
    assert truncate(cluster, 1300, request_id="r").done
    status = cluster.core.stat("/f").reply
    assert (status.length, status.under_construction) == (1300, False)
    assert cluster.locations("/f") == [["x", "y", "z"]] * 2


def test_readers_see_the_new_length_while_it_is_cut(cluster):
    cluster.add_nodes("xyz")
    cluster.write("/f", 1000)
    truncate(cluster, 300)
    (located,) = cluster.core.locate("/f", now=cluster.now).reply.blocks
    assert (located.block.length, located.under_construction) == (300, False)
    assert {node.node_id for node in located.nodes} == set("xyz")


def test_nobody_writes_a_file_that_is_being_cut(cluster):
    cluster.add_nodes("xyz")
    cluster.write("/f", 1000)
    truncate(cluster, 300)
    with pytest.raises(AlreadyBeingCreatedException, match="is being truncated"):
        truncate(cluster, 100)


def test_a_replica_that_missed_the_cut_is_stale(cluster):
    cluster.add_nodes("xyz")
    (block,) = cluster.write("/f", 1000)
    truncate(cluster, 300)
    cut(cluster, 300, nodes="xy")
    cluster.report("z", block)
    assert cluster.locations("/f") == [["x", "y"]]


def test_a_cut_to_another_length_is_not_taken(cluster):
    cluster.add_nodes("xyz")
    cluster.write("/f", 1000)
    truncate(cluster, 300)
    cut(cluster, 400)
    assert cluster.core.stat("/f").reply.under_construction
    cluster.tick()
    cut(cluster, 300)
    assert not cluster.core.stat("/f").reply.under_construction


def test_when_the_primary_falls_silent_another_node_cuts(cluster):
    cluster.add_nodes("xyz")
    cluster.write("/f", 1000)
    truncate(cluster, 300)
    ((silent, _),) = cluster.take_orders()
    others = "".join(sorted(set("xyz") - {silent}))
    cluster.pass_time(4, beating=others)
    ((primary, order),) = [o for o in cluster.take_orders() if isinstance(o[1], RecoverBlock)]
    assert primary in others
    assert order.cut_to == 300


def test_a_cut_goes_on_after_a_restart(cluster, image_of):
    cluster.add_nodes("xyz")
    (block,) = cluster.write("/f", 1000)
    truncate(cluster, 300)
    assert image_of(cluster.replayed()) == image_of(cluster.state)
    cluster.restart()
    cluster.take_orders()
    for node_id in "xyz":
        cluster.add_node(node_id, replicas=(Replica(block, ReplicaState.FINALIZED),))
    cluster.tick()
    assert cut(cluster, 300).cut_to == 300
    assert cluster.core.stat("/f").reply.length == 300


def test_a_cut_can_not_make_a_file_longer(cluster):
    cluster.add_nodes("x")
    cluster.write("/f", 500)
    with pytest.raises(InvalidRequestException, match="has 500 bytes"):
        truncate(cluster, 501)
