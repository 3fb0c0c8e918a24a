import pytest

from blockstore.errors import (
    AlreadyBeingCreatedException,
    BlockMissingException,
    LeaseExpiredException,
)
from blockstore.model import Block, RecoverBlock, Replica, ReplicaState
from blockstore.namenode.leaselist import LeaseLook


def append(cluster, path="/f", client="ana", request_id=""):
    return cluster.try_(
        lambda: cluster.core.changes.append(
            path, client_id=client, request_id=request_id, now=cluster.now, wall=cluster.wall
        )
    )


def update(cluster, inode_id, old, length, nodes, client="ana"):
    """The writer brings the block to a new stamp on these nodes."""
    now = cluster.now
    grant = cluster.try_(
        lambda: cluster.core.recover_pipeline(
            inode_id, client_id=client, block=old, survivors=list(nodes), now=now
        )
    )
    new = Block(old.id, grant.new_generation, length)
    cluster.try_(
        lambda: cluster.core.update_pipeline(
            inode_id, client_id=client, old=old, new=new, node_ids=list(nodes), now=now
        )
    )
    return new


def test_a_last_block_that_is_not_full_is_open_again_on_its_nodes(cluster):
    cluster.add_nodes("xyz")
    (block,) = cluster.write("/f", 600)
    appended = append(cluster)
    assert appended.status.under_construction
    assert (appended.last.block, appended.last.offset) == (block, 0)
    assert appended.last.under_construction
    assert {node.node_id for node in appended.last.nodes} == set("xyz")
    assert cluster.state.committed_blocks == 0
    assert cluster.core.stat("/f").reply.length == 600


def test_a_full_last_block_stays_as_it_is_and_the_next_one_follows(cluster):
    cluster.add_nodes("xyz")
    (block,) = cluster.write("/f", 1000)
    appended = append(cluster)
    assert (appended.last.block, appended.last.under_construction) == (block, False)
    located = cluster.add_block(appended.status.inode_id, block)
    assert located.offset == 1000


def test_an_empty_file_has_no_block_to_reopen(cluster):
    cluster.add_nodes("x")
    cluster.write("/f")
    assert append(cluster).last is None


def test_a_repeated_request_gets_the_same_answer(cluster):
    cluster.add_nodes("xyz")
    cluster.write("/f", 600)
    first = append(cluster, request_id="r")
    assert append(cluster, request_id="r") == first
    with pytest.raises(AlreadyBeingCreatedException, match="being written by ana"):
        append(cluster, client="ben", request_id="s")


def test_a_replica_of_the_old_stamp_is_stale_once_the_block_has_a_new_one(cluster):
    cluster.add_nodes("xyz")
    (block,) = cluster.write("/f", 600)
    inode_id = append(cluster).status.inode_id
    new = update(cluster, inode_id, block, 600, "xy")
    longer = Block(new.id, new.generation, 700)
    for node_id in "xy":
        cluster.report(node_id, longer)
    cluster.report("z", block)
    assert cluster.complete(inode_id, longer).done
    assert cluster.locations("/f") == [["x", "y"]]


@pytest.mark.parametrize("length", [600, 1000, 0], ids=["a part", "a whole block", "no block"])
def test_a_late_request_of_before_the_append_changes_nothing(cluster, length):
    """It would close the file under its writer, or give the block its old stamp for good."""
    cluster.add_nodes("xyz")
    blocks = cluster.write("/f", length, client="ana/1") if length else cluster.write("/f")
    block = blocks[-1] if blocks else None
    inode_id = append(cluster, client="ana/2").status.inode_id
    here = {"now": cluster.now, "wall": cluster.wall}
    late = {"client_id": "ana/1", "now": cluster.now}
    some = block or Block(1, 1, 0)
    core = cluster.core
    for request in (
        lambda: core.complete(inode_id, last=block, client_id="ana/1", **here),
        lambda: core.add_block(inode_id, previous=block, **late),
        lambda: core.abandon_block(inode_id, block=some, **late),
        lambda: core.sync(inode_id, block=some, **late),
        lambda: core.recover_pipeline(inode_id, block=some, survivors=["x"], **late),
        lambda: core.update_pipeline(inode_id, old=some, new=some, node_ids=["x"], **late),
    ):
        with pytest.raises(LeaseExpiredException, match="opened anew by this client"):
            request()
    for discard in (False, True):
        core.changes.release_lease(inode_id, client_id="ana/1", discard=discard, **here)
    assert cluster.core.stat("/f").reply.under_construction
    assert cluster.state.names.file(inode_id).writer == "ana/2"
    assert cluster.core.take_ready().entries == ()


def test_a_lease_is_the_clients_whatever_it_has_opened(cluster):
    cluster.add_nodes("x")
    cluster.create("/f", client="ana/1")
    cluster.create("/g", client="ana/2")
    cluster.pass_time(250, beating="x")
    cluster.take(cluster.core.changes.renew_lease("ana", now=cluster.now))
    cluster.pass_time(250, beating="x")
    leases = cluster.core.changes.leases(look=LeaseLook(), now=cluster.now).reply.leases
    assert [lease.holder for lease in leases] == ["ana", "ana"]
    cluster.pass_time(60, beating="x")
    assert not any(cluster.core.stat(path).reply.under_construction for path in ("/f", "/g"))


def test_a_writer_that_discards_removes_its_own_file_wherever_it_is(cluster):
    cluster.add_nodes("xyz")
    inode_id = cluster.create("/f", client="ana/1")
    cluster.rename("/f", "/g")
    cluster.write("/f", 600)
    discard = {"client_id": "ana/1", "discard": True, "now": cluster.now, "wall": cluster.wall}
    for _ in range(2):
        cluster.try_(lambda: cluster.core.changes.release_lease(inode_id, **discard))
    assert [entry.path for entry in cluster.core.listing("/").reply.entries] == ["/f"]


def test_a_writer_that_adds_nothing_leaves_the_file_as_it_was(cluster):
    cluster.add_nodes("xyz")
    (block,) = cluster.write("/f", 600)
    inode_id = append(cluster).status.inode_id
    new = update(cluster, inode_id, block, 600, "xyz")
    for node_id in "xyz":
        cluster.report(node_id, new)
    assert cluster.complete(inode_id, new).done
    assert cluster.locations("/f") == [["x", "y", "z"]]
    assert cluster.state.committed_blocks == 1


def test_closing_waits_for_the_blocks_of_this_writer_only(cluster):
    cluster.add_nodes("xyz")
    old, last = cluster.write("/f", 1000, 1000)
    inode_id = append(cluster).status.inode_id
    block = cluster.add_block(inode_id, last).block
    for node_id in "yz":
        cluster.report(node_id, Block(block.id, block.generation, 5))
    for node_id in "xyz":
        cluster.report(node_id, old, ReplicaState.DELETED)
    assert cluster.complete(inode_id, Block(block.id, block.generation, 5)).done


def test_a_writer_that_dies_before_the_new_stamp_leaves_the_old_length(cluster):
    cluster.add_nodes("xyz")
    (block,) = cluster.write("/f", 600)
    append(cluster)
    cluster.recover_lease("/f")
    ((primary, order),) = [o for o in cluster.take_orders() if isinstance(o[1], RecoverBlock)]
    assert (order.block, {n.node_id for n in order.nodes}) == (block, set("xyz"))
    new = Block(block.id, order.new_generation, 600)
    cluster.try_(
        lambda: cluster.core.commit_recovery(
            primary,
            epoch=cluster.state.epoch,
            old=block,
            new=new,
            node_ids=["x", "y", "z"],
            wall=cluster.wall,
        )
    )
    status = cluster.core.stat("/f").reply
    assert (status.length, status.under_construction) == (600, False)


def test_a_writer_that_gives_up_after_a_full_block_leaves_a_closed_file_at_once(cluster):
    cluster.add_nodes("x")
    (block,) = cluster.write("/f", 1000)
    inode_id = append(cluster).status.inode_id
    cluster.report("x", block, ReplicaState.DELETED)
    release = cluster.core.changes.release_lease
    for client, is_open in (("ben", True), ("ana", False)):
        cluster.try_(
            lambda client=client: release(
                inode_id, client_id=client, now=cluster.now, wall=cluster.wall
            )
        )
        assert cluster.core.stat("/f").reply.under_construction is is_open
    with pytest.raises(LeaseExpiredException):
        cluster.add_block(inode_id, block)


def test_a_block_without_a_live_replica_is_not_reopened_and_every_reason_is_told(cluster):
    cluster.add_nodes("xy")
    (block,) = cluster.write("/f", 600)
    cluster.report("x", block, ReplicaState.CORRUPT)
    cluster.pass_time(31, beating="x")
    with pytest.raises(BlockMissingException) as refusal:
        append(cluster)
    assert "x its node found wrong checksums" in str(refusal.value)
    assert "y is dead" in str(refusal.value)
    assert not cluster.core.stat("/f").reply.under_construction


def test_a_replica_that_a_reader_called_bad_does_not_take_part(cluster):
    cluster.add_nodes("xyz")
    (block,) = cluster.write("/f", 600)
    cluster.take(cluster.core.report_bad_replica(block, "x", "bits", now=cluster.now))
    appended = append(cluster)
    assert {node.node_id for node in appended.last.nodes} == {"y", "z"}
    cluster.recover_lease("/f")
    ((_, order),) = [o for o in cluster.take_orders() if isinstance(o[1], RecoverBlock)]
    assert {node.node_id for node in order.nodes} == {"y", "z"}


def test_an_open_block_again_is_known_after_a_restart_and_does_not_hold_up_safe_mode(
    cluster, image_of
):
    cluster.add_nodes("xyz")
    (block,) = cluster.write("/f", 600)
    inode_id = append(cluster, client="ana/2").status.inode_id
    assert image_of(cluster.replayed()) == image_of(cluster.state)
    cluster.restart()
    for node_id in "xyz":
        cluster.add_node(node_id, replicas=(Replica(block, ReplicaState.FINALIZED),))
    assert not cluster.core.safe_mode().reply.on
    with pytest.raises(LeaseExpiredException, match="opened anew by this client"):
        cluster.complete(inode_id, block, client="ana/1")


def test_a_replica_told_to_go_does_not_count_again_under_another_stamp(cluster):
    cluster.add_nodes("wxyz")
    (block,) = cluster.write("/f", 600, on="wxyz")
    cluster.pass_time(1)
    victims = [node_id for node_id, _ in cluster.take_orders()]
    assert len(victims) == 1
    keepers = "".join(sorted(set("wxyz") - set(victims)))
    inode_id = append(cluster).status.inode_id
    new = update(cluster, inode_id, block, 600, keepers)
    cluster.pass_time(cluster.config.order_timeout_s + 1)
    longer = Block(new.id, new.generation, 700)
    for node_id in keepers:
        cluster.report(node_id, longer)
    assert cluster.complete(inode_id, longer).done
    assert cluster.locations("/f") == [list(keepers)]
