import pytest

from blockstore.model import Block, DeleteReplicas, Replica, ReplicaState, Replicate
from blockstore.namenode.blockmap import Kind
from blockstore.namenode.config import NameNodeConfig


def copies(cluster):
    """Who was told to copy which block to whom, since the last time."""
    return [
        (node_id, order.block.id, [target.node_id for target in order.targets])
        for node_id, order in cluster.take_orders()
        if isinstance(order, Replicate)
    ]


def deletions(cluster):
    return sorted(
        (node_id, block.id)
        for node_id, order in cluster.take_orders()
        if isinstance(order, DeleteReplicas)
        for block in order.blocks
    )


def tick(cluster):
    cluster.tick()
    return cluster


def test_a_dead_nodes_replicas_are_made_anew_elsewhere(cluster):
    cluster.add_nodes("wxyz")
    (block,) = cluster.write("/f", 10, on="xyz")
    cluster.pass_time(29, beating="wxy")
    assert copies(cluster) == []
    cluster.pass_time(2, beating="wxy")
    ((source, block_id, targets),) = copies(cluster)
    assert source in "xy"
    assert (block_id, targets) == (block.id, ["w"])
    cluster.report("w", block)
    assert cluster.locations("/f") == [["w", "x", "y"]]
    assert copies(tick(cluster)) == []


def test_a_node_that_comes_back_makes_one_replica_too_many_and_one_goes(cluster):
    cluster.add_nodes("wxyz")
    (block,) = cluster.write("/f", 10, on="xyz")
    cluster.pass_time(31, beating="wxy")
    cluster.report("w", block)
    cluster.take_orders()
    cluster.register("z")
    cluster.full_report("z", Replica(block, ReplicaState.FINALIZED))
    ((victim, block_id),) = deletions(cluster)
    assert block_id == block.id
    assert victim not in cluster.locations("/f")[0]
    assert len(cluster.locations("/f")[0]) == 3
    cluster.report(victim, block, ReplicaState.DELETED)
    assert deletions(tick(cluster)) == []


def test_one_replica_left_is_more_urgent_than_two(make_cluster):
    cluster = make_cluster(NameNodeConfig(block_bytes=1000, block_bytes_min=1, copies_per_source=1))
    cluster.add_nodes("xy")
    with_two = [cluster.write(f"/two{n}", 10, on="xy")[0].id for n in range(3)]
    (with_one,) = cluster.write("/one", 10, replication=1, on="x")
    cluster.take(cluster.core.set_replication("/one", 3))
    cluster.add_node("z")
    first = copies(tick(cluster))
    assert with_one.id in [block_id for _, block_id, _ in first]
    assert len(first) == 2
    assert first[0][1] == with_one.id
    assert first[1][1] in with_two


def test_no_more_copies_leave_a_node_than_its_limit(make_cluster):
    cluster = make_cluster(NameNodeConfig(block_bytes=1000, block_bytes_min=1, copies_per_source=2))
    cluster.add_nodes("x")
    for number in range(5):
        cluster.write(f"/f{number}", 10)
    cluster.add_node("y")
    ordered = copies(tick(cluster))
    assert len(ordered) == 2
    assert copies(tick(cluster)) == []
    cluster.report("y", Block(ordered[0][1], ordered[0][1], 10))
    assert len(copies(cluster)) == 1


def test_no_more_copies_reach_a_node_than_its_limit(cluster):
    cluster.add_nodes("uvwx")
    for number, holder in enumerate("uuvvwwxx"):
        cluster.write(f"/f{number}", 10, replication=1, on=holder)
    for number in range(8):
        cluster.take(cluster.core.set_replication(f"/f{number}", 5))
    cluster.add_node("z")
    cluster.pass_time(11, beating="uvwxz")
    cluster.take_orders()
    arriving = [t for _, _, targets in copies(cluster) for t in targets]
    assert arriving.count("z") <= cluster.config.copies_per_target


def test_a_copy_that_does_not_arrive_is_ordered_anew(cluster):
    cluster.add_nodes("x")
    cluster.write("/f", 10, replication=2)
    cluster.add_node("y")
    assert len(copies(tick(cluster))) == 1
    cluster.pass_time(119)
    assert copies(cluster) == []
    cluster.pass_time(2)
    assert len(copies(cluster)) == 1


def test_a_deletion_that_is_not_reported_is_ordered_again_of_the_same_replica(cluster):
    cluster.add_nodes("xy")
    (block,) = cluster.write("/f", 10, replication=2)
    cluster.take(cluster.core.set_replication("/f", 1))
    ((told, _),) = first = deletions(tick(cluster))
    cluster.pass_time(119)
    assert deletions(cluster) == []
    # The other one is the fuller node by now, and would be chosen if there were a choice.
    (other,) = {"x", "y"} - {told}
    cluster.beat(other, free_bytes=10**6)
    cluster.pass_time(3, beating="")
    assert deletions(cluster) == first
    cluster.report(told, block, state=ReplicaState.DELETED)
    assert cluster.locations("/f") == [[other]]


def test_a_replica_that_was_told_to_go_is_good_again_when_it_is_the_last(cluster):
    cluster.add_nodes("xy")
    (block,) = cluster.write("/f", 10, replication=2)
    cluster.take(cluster.core.set_replication("/f", 1))
    ((told, _),) = deletions(tick(cluster))
    (other,) = {"x", "y"} - {told}
    cluster.report(other, block, ReplicaState.CORRUPT)
    cluster.pass_time(121)
    assert cluster.locations("/f") == [[told]]
    assert told not in dict(deletions(cluster))


def test_a_node_that_returns_may_still_obey_an_old_order_to_delete(cluster):
    cluster.add_nodes("xy")
    (block,) = cluster.write("/f", 10, replication=2)
    cluster.take(cluster.core.set_replication("/f", 1))
    ((told, _),) = first = deletions(tick(cluster))
    (other,) = {"x", "y"} - {told}
    cluster.pass_time(200, beating=other)
    cluster.register(told)
    cluster.full_report(told, Replica(block, ReplicaState.FINALIZED))
    # Were it good, one of the two would be too many, and perhaps the other.
    assert cluster.locations("/f") == [[other]]
    assert deletions(cluster) == []
    cluster.pass_time(121)
    assert deletions(cluster) == first


def test_a_node_whose_process_ended_forgets_its_orders(cluster):
    cluster.add_nodes("xy")
    (block,) = cluster.write("/f", 10, replication=2)
    cluster.take(cluster.core.set_replication("/f", 1))
    ((told, _),) = deletions(tick(cluster))
    cluster.take(cluster.core.set_replication("/f", 2))
    cluster.incarnations[told] += 1
    cluster.register(told)
    cluster.full_report(told, Replica(block, ReplicaState.FINALIZED))
    assert cluster.locations("/f") == [["x", "y"]]


def test_a_copy_to_a_node_that_dies_goes_elsewhere(cluster):
    cluster.add_nodes("x")
    cluster.write("/f", 10, replication=2)
    cluster.add_node("y")
    cluster.pass_time(31, beating="x")
    cluster.add_node("z")
    cluster.take_orders()
    cluster.tick()
    # y is dead: only z can take it.
    assert [t for _, _, targets in copies(cluster) for t in targets] in ([], ["z"])
    assert cluster.core._parts.replication.copies(1) == 1


def test_a_corrupt_replica_is_replaced_first_and_removed_after(cluster):
    cluster.add_nodes("wxyz")
    (block,) = cluster.write("/f", 10, on="xyz")
    cluster.take(cluster.core.report_bad_replica(block, "y", "crc", now=cluster.now))
    ((source, _, targets),) = copies(cluster)
    assert source in "xz"
    assert targets == ["w"]
    assert deletions(tick(cluster)) == []
    cluster.report("w", block)
    assert deletions(cluster) == [("y", block.id)]


def test_a_corrupt_replica_makes_room_when_it_sits_on_the_only_place(cluster):
    cluster.add_nodes("xyz")
    (block,) = cluster.write("/f", 10)
    cluster.report("y", block, ReplicaState.CORRUPT)
    assert deletions(cluster) == [("y", block.id)]
    assert copies(tick(cluster)) == []
    cluster.report("y", block, ReplicaState.DELETED)
    ((_, _, targets),) = copies(cluster)
    assert targets == ["y"]


def test_bad_replicas_make_room_one_after_the_other(cluster):
    cluster.add_nodes("xyz")
    (block,) = cluster.write("/f", 10)
    for node_id in "yz":
        cluster.report(node_id, block, ReplicaState.CORRUPT)
    ((first, _),) = deletions(cluster)
    tick(cluster)
    # What is called good may be none: then the other is all there is.
    assert deletions(cluster) == []
    cluster.report(first, block, ReplicaState.DELETED)
    assert [targets for _, _, targets in copies(cluster)] == [[first]]
    cluster.report(first, block)
    assert {first, *(node_id for node_id, _ in deletions(cluster))} == {"y", "z"}


def test_the_last_replica_is_never_removed_even_when_it_is_called_corrupt(cluster):
    cluster.add_nodes("xyz")
    (block,) = cluster.write("/f", 10)
    for node_id in "xyz":
        cluster.take(cluster.core.report_bad_replica(block, node_id, "crc", now=cluster.now))
    cluster.pass_time(500)
    kept = {n for n, odd in cluster.core._parts.blocks.odd(block.id).items()}
    told = {n for n, _ in deletions(cluster)}
    assert kept - told


def test_a_node_that_says_it_is_fine_does_not_silence_the_reader(cluster):
    cluster.add_nodes("xyz")
    (block,) = cluster.write("/f", 10)
    cluster.take(cluster.core.report_bad_replica(block, "y", "crc", now=cluster.now))
    cluster.full_report("y", Replica(block, ReplicaState.FINALIZED))
    assert cluster.locations("/f") == [["x", "z"]]


def test_fewer_wanted_removes_the_surplus_and_more_wanted_adds(cluster):
    cluster.add_nodes("xyz")
    (block,) = cluster.write("/f", 10)
    cluster.take(cluster.core.set_replication("/f", 1))
    gone = deletions(tick(cluster))
    assert len(gone) == 2
    for node_id, _ in gone:
        cluster.report(node_id, block, ReplicaState.DELETED)
    cluster.take(cluster.core.set_replication("/f", 2))
    assert len(copies(tick(cluster))) == 1


def test_surplus_is_counted_on_live_nodes_only(cluster):
    cluster.add_nodes("xyz")
    cluster.write("/f", 10)
    cluster.pass_time(15, beating="xy")
    cluster.take(cluster.core.set_replication("/f", 2))
    assert deletions(tick(cluster)) == []
    cluster.take(cluster.core.set_replication("/f", 1))
    gone = deletions(tick(cluster))
    assert len(gone) == 1
    assert gone[0][0] in "xy"


def test_surplus_on_a_silent_node_goes_when_the_node_speaks_again(cluster):
    cluster.add_nodes("xyz")
    cluster.write("/f", 10)
    cluster.pass_time(15, beating="xy")
    cluster.take(cluster.core.set_replication("/f", 2))
    assert deletions(tick(cluster)) == []
    cluster.pass_time(2, beating="xyz")
    assert len(deletions(tick(cluster))) == 1


def test_surplus_goes_from_the_rack_with_the_most(cluster):
    cluster.add_node("a", "/r1")
    cluster.add_node("x", "/r2")
    cluster.add_node("y", "/r2")
    cluster.write("/f", 10)
    cluster.take(cluster.core.set_replication("/f", 2))
    ((victim, _),) = deletions(tick(cluster))
    assert victim in "xy"


@pytest.mark.parametrize(
    ("replica", "reason"),
    [
        (Replica(Block(1, 0, 10), ReplicaState.FINALIZED), "generation 0"),
        (Replica(Block(1, 1, 9), ReplicaState.FINALIZED), "9 bytes"),
        (Replica(Block(1, 1, 10), ReplicaState.RWR), "restarted"),
        (Replica(Block(1, 7, 10), ReplicaState.FINALIZED), "never got"),
    ],
)
def test_a_replica_that_does_not_match_is_not_good_and_goes_after_the_good_ones_are_there(
    cluster, replica, reason
):
    cluster.add_nodes("xy")
    (block,) = cluster.write("/f", 10, replication=2)
    assert block == Block(1, 1, 10)
    cluster.report("y", block, ReplicaState.DELETED)
    cluster.add_node("z", replicas=(replica,))
    assert reason in cluster.core._parts.blocks.odd(1)["z"].reason
    assert ("z", 1) not in deletions(cluster)
    cluster.report("y", block)
    assert deletions(cluster) == [("z", 1)]


def test_replicas_of_a_deleted_file_go_in_batches(make_cluster):
    cluster = make_cluster(
        NameNodeConfig(block_bytes=10, block_bytes_min=1, deletions_per_node_max=3)
    )
    cluster.add_nodes("x")
    blocks = cluster.write("/f", *[10] * 5, replication=1)
    cluster.delete("/f")
    assert [len(deletions(tick(cluster))) for _ in range(3)] == [3, 2, 0]
    assert len(blocks) == 5


def test_a_replica_of_a_dropped_block_is_doomed_and_one_of_an_unknown_block_is_left(cluster):
    cluster.add_nodes("x")
    (block,) = cluster.write("/f", 10)
    cluster.delete("/f")
    tick(cluster).take_orders()
    unknown = Replica(Block(1000, 1, 5), ReplicaState.FINALIZED)
    cluster.add_node("y", replicas=(Replica(block, ReplicaState.FINALIZED), unknown))
    assert deletions(cluster) == [("y", block.id)]


def test_nothing_is_copied_or_deleted_in_safe_mode(cluster):
    cluster.add_nodes("xy")
    cluster.write("/f", 10, replication=1)
    (gone,) = cluster.write("/gone", 10, replication=1, on="x")
    cluster.delete("/gone")
    tick(cluster).take_orders()
    cluster.core.safe_mode(enter=True)
    cluster.add_node("z", replicas=(Replica(gone, ReplicaState.FINALIZED),))
    cluster.pass_time(60)
    assert cluster.take_orders() == []
    cluster.core.safe_mode(enter=False)
    assert deletions(tick(cluster)) == [("z", gone.id)]


def test_after_a_restart_nothing_moves_before_missing_nodes_would_be_dead(cluster):
    cluster.add_nodes("xyz")
    (block,) = cluster.write("/f", 10, replication=2, on="xy")
    cluster.restart()
    replica = Replica(block, ReplicaState.FINALIZED)
    for name, found in (("x", [replica]), ("z", [])):
        cluster.register(name)
        cluster.full_report(name, *found)
    assert not cluster.core.safe_mode().reply.on
    cluster.pass_time(29, beating="xz")
    assert cluster.take_orders() == []
    cluster.pass_time(2, beating="xz")
    assert copies(cluster) == [("x", block.id, ["z"])]


def test_a_replica_that_was_told_to_go_is_no_target_until_it_is_gone(cluster):
    cluster.add_nodes("xy")
    (block,) = cluster.write("/f", 10, replication=2)
    cluster.take(cluster.core.set_replication("/f", 1))
    ((victim, _),) = deletions(tick(cluster))
    assert cluster.core._parts.blocks.odd(block.id)[victim].kind is Kind.LEAVING
    cluster.take(cluster.core.set_replication("/f", 2))
    assert copies(tick(cluster)) == []
    cluster.report(victim, block, ReplicaState.DELETED)
    assert [targets for _, _, targets in copies(tick(cluster))] == [[victim]]


def test_numbers_of_short_and_missing_blocks_are_known(cluster):
    cluster.add_nodes("xy")
    cluster.write("/short", 10, replication=3)
    cluster.write("/gone", 10, replication=1, on="x")
    cluster.pass_time(31, beating="y")
    report = cluster.core.report(now=cluster.now).reply
    assert (report.blocks, report.under_replicated, report.missing) == (2, 2, 1)
    assert [(node.node.node_id, node.state) for node in report.nodes] == [
        ("x", "dead"),
        ("y", "live"),
    ]


def left_open(block):
    """What a node has when its pipeline went on without it."""
    return Replica(Block(block.id, block.generation, block.length - 1), ReplicaState.RBW)


def test_a_replica_left_open_by_its_pipeline_makes_room_on_the_only_place(cluster):
    cluster.add_node("x")
    (block,) = cluster.write("/f", 10, replication=2)
    cluster.add_node("y", replicas=(left_open(block),))
    assert deletions(tick(cluster)) == [("y", block.id)]
    cluster.report("y", block, state=ReplicaState.DELETED)
    assert copies(tick(cluster)) == [("x", block.id, ["y"])]


def test_a_replica_that_was_told_to_go_does_not_count_again_before_it_is_gone(cluster):
    cluster.add_node("x")
    (block,) = cluster.write("/f", 10, replication=2)
    cluster.add_node("y", replicas=(left_open(block),))
    assert deletions(tick(cluster)) == [("y", block.id)]
    cluster.report("y", block)
    assert cluster.locations("/f") == [["x"]]
