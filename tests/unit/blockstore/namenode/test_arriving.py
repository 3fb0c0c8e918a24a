from blockstore.model import Block, ReplicaState, Replicate
from blockstore.namenode.arriving import EXPECTED_S


def copies(cluster):
    """Who was told to copy which block to whom, since the last time."""
    return [
        (node_id, order.block.id, [target.node_id for target in order.targets])
        for node_id, order in cluster.take_orders()
        if isinstance(order, Replicate)
    ]


def with_a_late_replica(cluster):
    """A closed file's block, and its pipeline, of which the last node has not reported."""
    inode_id = cluster.create("/f")
    located = cluster.add_block(inode_id)
    block = Block(located.block.id, located.block.generation, 10)
    nodes = [node.node_id for node in located.nodes]
    for node_id in nodes[:-1]:
        cluster.report(node_id, block)
    assert cluster.complete(inode_id, block).done
    return block, nodes


def test_what_a_node_is_about_to_report_is_not_copied_to_another(cluster):
    cluster.add_nodes("wxyz")
    block, nodes = with_a_late_replica(cluster)
    cluster.pass_time(EXPECTED_S / 2)
    cluster.report(nodes[-1], block)
    cluster.pass_time(EXPECTED_S)
    assert copies(cluster) == []


def test_what_a_node_has_reported_as_damaged_is_not_waited_for(cluster):
    cluster.add_nodes("wxyz")
    block, nodes = with_a_late_replica(cluster)
    cluster.report(nodes[-1], block, ReplicaState.CORRUPT)
    ((_, _, targets),) = copies(cluster)
    assert set(targets) == set("wxyz").difference(nodes)


def test_a_replica_that_is_never_reported_is_made_anew_after_a_while(cluster):
    cluster.add_nodes("wxyz")
    block, nodes = with_a_late_replica(cluster)
    cluster.pass_time(EXPECTED_S - 1)
    assert copies(cluster) == []
    cluster.pass_time(1)
    ((source, block_id, _),) = copies(cluster)
    assert (source in nodes[:-1], block_id) == (True, block.id)
