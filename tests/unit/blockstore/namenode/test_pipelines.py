import pytest

from blockstore.errors import InvalidRequestException
from blockstore.model import Block


def of(located, length):
    return Block(located.block.id, located.block.generation, length)


def broken(cluster, inode_id, located, survivors, wanted=True):
    return cluster.try_(
        lambda: cluster.core.recover_pipeline(
            inode_id,
            client_id="ana",
            block=located.block,
            survivors=survivors,
            want_replacement=wanted,
            now=cluster.now,
        )
    )


def rebuilt(cluster, inode_id, located, generation, nodes, length=0):
    new = Block(located.block.id, generation, length)
    cluster.try_(
        lambda: cluster.core.update_pipeline(
            inode_id,
            client_id="ana",
            old=located.block,
            new=new,
            node_ids=nodes,
            now=cluster.now,
        )
    )
    return new


def test_every_rebuilt_pipeline_has_a_stamp_of_its_own_also_after_a_restart(cluster):
    cluster.add_nodes("xyz")
    inode_id = cluster.create("/f")
    located = cluster.add_block(inode_id)
    first = broken(cluster, inode_id, located, ["x", "y"]).new_generation
    cluster.restart()
    second = broken(cluster, inode_id, located, ["x", "y"]).new_generation
    assert located.block.generation < first < second


def test_a_replacement_comes_when_half_of_the_replicas_or_fewer_are_left(cluster):
    cluster.add_nodes("wxyz")
    inode_id = cluster.create("/f")
    located = cluster.add_block(inode_id)
    a, b, c = (node.node_id for node in located.nodes)
    (spare,) = set("wxyz") - {a, b, c}
    assert broken(cluster, inode_id, located, [a, b]).replacement is None
    assert broken(cluster, inode_id, located, [a], wanted=False).replacement is None
    assert broken(cluster, inode_id, located, [a]).replacement.node_id == spare


def test_without_a_spare_node_writing_goes_on_with_who_is_left(cluster):
    cluster.add_nodes("xyz")
    inode_id = cluster.create("/f")
    located = cluster.add_block(inode_id)
    assert broken(cluster, inode_id, located, [located.nodes[0].node_id]).replacement is None


def test_a_rebuilt_pipeline_may_be_told_twice(cluster):
    cluster.add_nodes("xyz")
    inode_id = cluster.create("/f")
    located = cluster.add_block(inode_id)
    generation = broken(cluster, inode_id, located, ["x", "y"]).new_generation
    for _ in range(2):
        rebuilt(cluster, inode_id, located, generation, ["x", "y"])
    assert cluster.state.blocks[located.block.id].generation == generation


def test_a_stamp_that_was_never_handed_out_is_refused(cluster):
    cluster.add_nodes("xyz")
    inode_id = cluster.create("/f")
    located = cluster.add_block(inode_id)
    with pytest.raises(InvalidRequestException):
        rebuilt(cluster, inode_id, located, 99, ["x"])


def test_a_rebuilt_pipeline_never_cuts_synced_bytes(cluster):
    cluster.add_nodes("xyz")
    inode_id = cluster.create("/f")
    located = cluster.add_block(inode_id)
    block = of(located, 9)
    cluster.take(cluster.core.sync(inode_id, client_id="ana", block=block, now=cluster.now))
    generation = broken(cluster, inode_id, located, ["x"]).new_generation
    with pytest.raises(InvalidRequestException, match="9 are synced"):
        rebuilt(cluster, inode_id, located, generation, ["x"], length=8)


def test_a_replica_of_the_old_stamp_never_counts(cluster):
    cluster.add_nodes("xyz")
    inode_id = cluster.create("/f")
    located = cluster.add_block(inode_id)
    generation = broken(cluster, inode_id, located, ["x", "y"]).new_generation
    new = rebuilt(cluster, inode_id, located, generation, ["x", "y"], length=5)
    cluster.report("z", of(located, 5))
    assert not cluster.complete(inode_id, new).done
    cluster.report("x", new)
    cluster.report("y", new)
    assert cluster.complete(inode_id, new).done
    assert cluster.locations("/f") == [["x", "y"]]


def test_a_node_that_has_not_registered_since_a_restart_is_in_the_pipeline_all_the_same(cluster):
    """It was left out of the entry: what it acknowledged from then on was looked for in vain."""
    cluster.add_nodes("xyz")
    inode_id = cluster.create("/f", replication=2)
    located = cluster.add_block(inode_id)
    spare = (set("xyz") - {node.node_id for node in located.nodes}).pop()
    first = located.nodes[0].node_id
    assert broken(cluster, inode_id, located, [first]).replacement.node_id == spare
    cluster.restart()
    for node_id in set("xyz") - {spare}:
        cluster.add_node(node_id)
    generation = broken(cluster, inode_id, located, [first]).new_generation
    rebuilt(cluster, inode_id, located, generation, [first, spare])
    pipeline = cluster.state.blocks[located.block.id].pipeline
    assert [node.node_id for node in pipeline] == [first, spare]
    generation = broken(cluster, inode_id, located, [first]).new_generation
    with pytest.raises(InvalidRequestException, match="no DataNode of that name"):
        rebuilt(cluster, inode_id, located, generation, ["nobody"])


def test_readers_and_recovery_look_where_the_rebuilt_pipeline_writes(cluster):
    cluster.add_nodes("xyz")
    inode_id = cluster.create("/f")
    located = cluster.add_block(inode_id)
    generation = broken(cluster, inode_id, located, ["x", "y"]).new_generation
    rebuilt(cluster, inode_id, located, generation, ["x", "y"])
    assert cluster.locations("/f") == [["x", "y"]]
    cluster.recover_lease("/f")
    ((_, order),) = cluster.take_orders()
    assert {node.node_id for node in order.nodes} == {"x", "y"}
    assert order.block.generation == generation
