import pytest

from blockstore.errors import (
    AlreadyBeingCreatedException,
    FileAlreadyExistsException,
    FileNotFoundException,
    InvalidRequestException,
    IsADirectoryException,
    LeaseExpiredException,
    ParentNotDirectoryException,
    PlacementException,
)
from blockstore.model import Block, DeleteReplicas, Excluded, ReplicaState
from blockstore.namenode.arriving import EXPECTED_S
from blockstore.namenode.config import NameNodeConfig
from blockstore.namenode.entries import BlockAdded, FileCreated


def of(located, length):
    return Block(located.block.id, located.block.generation, length)


# --- create ----------------------------------------------------------------------------


def test_create_is_exclusive(cluster):
    cluster.write("/f")
    with pytest.raises(FileAlreadyExistsException):
        cluster.create("/f")


def test_a_file_that_another_writes_is_named_with_its_writer(cluster):
    cluster.create("/f", "ana")
    with pytest.raises(AlreadyBeingCreatedException, match="ana"):
        cluster.create("/f", "ben")


def test_overwrite_takes_the_name_and_the_old_writer_learns_it(cluster):
    cluster.add_nodes("x")
    old = cluster.create("/f", "ana")
    new = cluster.create("/f", "ben", overwrite=True)
    assert cluster.core.stat("/f").reply.inode_id == new
    with pytest.raises(LeaseExpiredException, match="deleted"):
        cluster.add_block(old, client="ana")


def test_overwrite_dooms_the_old_blocks_in_the_same_entry(cluster):
    cluster.add_nodes("x")
    (block,) = cluster.write("/f", 10)
    before = len(cluster.entries)
    cluster.create("/f", overwrite=True)
    assert len(cluster.entries) == before + 1
    cluster.tick()
    ((node, order),) = cluster.take_orders()
    assert node == "x"
    assert [b.id for b in order.blocks] == [block.id]


def test_create_makes_directories_above_only_when_asked(cluster):
    with pytest.raises(FileNotFoundException):
        cluster.create("/a/b/f", parents=False)
    cluster.create("/a/b/f")
    assert cluster.paths("/a/b") == ["/a/b/f"]


def test_directories_are_no_files(cluster):
    cluster.mkdirs("/d")
    with pytest.raises(FileAlreadyExistsException):
        cluster.create("/d")
    with pytest.raises(IsADirectoryException):
        cluster.create("/d", overwrite=True)
    cluster.write("/f")
    with pytest.raises(ParentNotDirectoryException):
        cluster.create("/f/g")


@pytest.mark.parametrize(
    "wrong", [{"replication": 513}, {"block_bytes": 1 << 40}], ids=["replication", "block size"]
)
def test_values_out_of_range_are_refused(cluster, wrong):
    with pytest.raises(InvalidRequestException):
        cluster.create("/f", **wrong)


def test_a_repeated_create_gets_the_first_answer_also_after_a_restart(cluster):
    first = cluster.create("/f", request_id="r")
    assert cluster.create("/f", request_id="r") == first
    cluster.restart()
    assert cluster.create("/f", request_id="r") == first
    assert sum(isinstance(e, FileCreated) for e in cluster.entries) == 1


# --- blocks ----------------------------------------------------------------------------


def test_the_first_replica_is_on_the_writers_host(cluster):
    cluster.add_nodes("xyz")
    inode_id = cluster.create("/f")
    located = cluster.core.add_block(
        inode_id, client_id="ana", client_host="host-y", now=cluster.now
    ).reply
    assert located.nodes[0].node_id == "y"
    assert {node.node_id for node in located.nodes} == set("xyz")


def test_adding_a_block_commits_the_one_before(cluster):
    cluster.add_nodes("x")
    inode_id = cluster.create("/f")
    first = cluster.add_block(inode_id)
    second = cluster.add_block(inode_id, of(first, 700))
    assert second.offset == 700
    assert cluster.core.stat("/f").reply.length == 700


def test_a_repeated_add_block_gets_the_first_answer_also_after_a_restart(cluster):
    cluster.add_nodes("xy")
    inode_id = cluster.create("/f")

    def ask():
        return cluster.try_(
            lambda: cluster.core.add_block(
                inode_id, client_id="ana", request_id="r", now=cluster.now
            )
        )

    first = ask()
    assert ask() == first
    cluster.restart()
    assert ask() == first
    assert sum(isinstance(e, BlockAdded) for e in cluster.entries) == 1


@pytest.mark.parametrize("length", [-1, 1001])
def test_a_block_can_not_be_longer_than_the_files_block_size(cluster, length):
    cluster.add_nodes("x")
    inode_id = cluster.create("/f")
    first = cluster.add_block(inode_id)
    with pytest.raises(InvalidRequestException):
        cluster.add_block(inode_id, of(first, length))


def test_the_block_before_must_be_the_last_one(cluster):
    cluster.add_nodes("x")
    inode_id = cluster.create("/f")
    with pytest.raises(InvalidRequestException, match="no block"):
        cluster.add_block(inode_id, Block(99, 1, 5))
    first = cluster.add_block(inode_id)
    with pytest.raises(InvalidRequestException, match="must be named"):
        cluster.add_block(inode_id)
    with pytest.raises(InvalidRequestException, match="last block"):
        cluster.add_block(inode_id, Block(first.block.id, first.block.generation + 1, 5))


def test_without_any_node_the_error_says_how_to_start_one(cluster):
    inode_id = cluster.create("/f")
    with pytest.raises(PlacementException, match="mapred datanode"):
        cluster.add_block(inode_id)


def test_excluded_nodes_are_not_chosen_and_the_error_has_all_reasons(cluster):
    x, y = cluster.add_node("x"), cluster.add_node("y", free_bytes=10)
    inode_id = cluster.create("/f")
    with pytest.raises(PlacementException) as caught:
        cluster.core.add_block(
            inode_id,
            client_id="ana",
            excluded=[Excluded(x, "connection refused")],
            now=cluster.now,
        )
    assert f"{x} connection refused" in str(caught.value)
    assert f"{y} full: 10 bytes free" in str(caught.value)


def test_only_the_lease_holder_writes(cluster):
    cluster.add_nodes("x")
    inode_id = cluster.create("/f", "ana")
    with pytest.raises(LeaseExpiredException, match="another client"):
        cluster.add_block(inode_id, client="ben")


def test_an_abandoned_block_is_gone_and_its_replicas_are_doomed(cluster):
    cluster.add_nodes("x")
    inode_id = cluster.create("/f")
    located = cluster.add_block(inode_id)
    for _ in range(2):
        cluster.take(
            cluster.core.abandon_block(
                inode_id, client_id="ana", block=located.block, now=cluster.now
            )
        )
    cluster.tick()
    assert cluster.take_orders() == [
        ("x", DeleteReplicas((Block(located.block.id, cluster.state.next_generation),)))
    ]
    assert cluster.complete(inode_id, None).done


def test_acknowledged_bytes_can_not_be_abandoned(cluster):
    cluster.add_nodes("x")
    inode_id = cluster.create("/f")
    block = of(cluster.add_block(inode_id), 5)
    cluster.take(cluster.core.sync(inode_id, client_id="ana", block=block, now=cluster.now))
    with pytest.raises(InvalidRequestException, match="5 bytes of it are acknowledged"):
        cluster.core.abandon_block(inode_id, client_id="ana", block=block, now=cluster.now)


def test_synced_bytes_count_and_never_shrink(cluster):
    cluster.add_nodes("x")
    inode_id = cluster.create("/f")
    located = cluster.add_block(inode_id)
    for length in (5, 9, 5):
        block = of(located, length)
        cluster.take(cluster.core.sync(inode_id, client_id="ana", block=block, now=cluster.now))
    assert cluster.core.stat("/f").reply.length == 9


# --- close ---------------------------------------------------------------------------------


def test_a_file_closes_when_two_replicas_of_every_block_are_durable(cluster):
    cluster.add_nodes("xyz")
    inode_id = cluster.create("/f")
    first = of(cluster.add_block(inode_id), 1000)
    second = of(cluster.add_block(inode_id, first), 10)
    cluster.report("x", second)
    cluster.report("y", second)
    assert "blk_1" in cluster.complete(inode_id, second).waiting_for
    cluster.report("x", first)
    assert not cluster.complete(inode_id, second).done
    cluster.report("z", first)
    assert cluster.complete(inode_id, second).done


def test_who_waits_for_a_replica_hears_why_no_other_node_takes_one(cluster):
    cluster.add_nodes("xy")
    inode_id = cluster.create("/f")
    block = of(cluster.add_block(inode_id), 1000)
    cluster.report("x", block)
    cluster.beat("y", free_bytes=999)
    why = cluster.complete(inode_id, block).waiting_for
    assert "2 are needed (y (host-y:9866) full: 999 bytes free" in why
    assert "host-x" not in why
    cluster.add_nodes("z")
    assert "full" not in cluster.complete(inode_id, block).waiting_for


def test_a_replica_that_is_still_being_written_does_not_close_a_file(cluster):
    cluster.add_nodes("x")
    inode_id = cluster.create("/f")
    block = of(cluster.add_block(inode_id), 10)
    cluster.report("x", block, ReplicaState.RBW)
    assert not cluster.complete(inode_id, block).done
    assert not cluster.complete(inode_id, block).done
    cluster.report("x", block)
    assert cluster.complete(inode_id, block).done


@pytest.mark.parametrize(("replication", "live", "wanted"), [(3, 3, 2), (1, 3, 1), (3, 1, 1)])
def test_a_close_asks_for_no_more_than_there_can_be(cluster, replication, live, wanted):
    cluster.add_nodes("xyz"[:live])
    inode_id = cluster.create("/f", replication=replication)
    block = of(cluster.add_block(inode_id), 10)
    for reported in range(wanted):
        assert not cluster.complete(inode_id, block).done
        cluster.report("xyz"[reported], block)
    assert cluster.complete(inode_id, block).done


def test_a_replica_on_a_silent_node_does_not_close_a_file(cluster):
    cluster.add_nodes("xyz")
    inode_id = cluster.create("/f")
    block = of(cluster.add_block(inode_id), 10)
    cluster.report("x", block)
    cluster.report("y", block)
    cluster.pass_time(11, beating="xz")
    assert not cluster.complete(inode_id, block).done


def test_a_block_with_too_few_replicas_is_copied_so_that_its_file_can_close(cluster):
    cluster.add_nodes("xyz")
    inode_id = cluster.create("/f")
    block = of(cluster.add_block(inode_id), 10)
    cluster.report("x", block)
    assert not cluster.complete(inode_id, block).done
    cluster.tick()
    # The others have it, too, by the writer's word, and may be about to report it.
    assert cluster.take_orders() == []
    cluster.pass_time(EXPECTED_S)
    orders = cluster.take_orders()
    assert {node for node, _ in orders} == {"x"}
    cluster.report(orders[0][1].targets[0].node_id, block)
    assert cluster.complete(inode_id, block).done


def test_a_repeated_complete_is_done_again(cluster):
    cluster.add_nodes("x")
    (block,) = cluster.write("/f", 10)
    inode_id = cluster.core.stat("/f").reply.inode_id
    assert cluster.complete(inode_id, block).done
    with pytest.raises(LeaseExpiredException, match="closed"):
        cluster.complete(inode_id, Block(block.id, block.generation, 11))


def test_an_empty_file_closes_at_once(cluster):
    assert cluster.complete(cluster.create("/f"), None).done
    assert not cluster.core.stat("/f").reply.under_construction


def test_reports_tell_which_open_files_came_nearer_to_their_close(cluster):
    cluster.add_nodes("x")
    inode_id = cluster.create("/f")
    block = of(cluster.add_block(inode_id), 10)
    cluster.report("x", block)
    assert cluster.progressed == {inode_id}


def test_a_writer_goes_on_where_its_file_was_moved_to(cluster):
    cluster.add_nodes("x")
    cluster.mkdirs("/a")
    inode_id = cluster.create("/a/f")
    block = of(cluster.add_block(inode_id), 10)
    cluster.rename("/a", "/b")
    cluster.report("x", block)
    assert cluster.complete(inode_id, block).done
    assert cluster.core.stat("/b/f").reply.length == 10


def test_a_node_that_is_given_many_open_blocks_runs_out_of_promises(make_cluster):
    cluster = make_cluster(NameNodeConfig(block_bytes=1000, block_bytes_min=1))
    cluster.add_node("x", free_bytes=2500)
    for number in range(2):
        cluster.add_block(cluster.create(f"/f{number}"))
    with pytest.raises(PlacementException, match="2 blocks being written"):
        cluster.add_block(cluster.create("/f2"))
    cluster.delete("/f0")
    cluster.add_block(cluster.create("/f3"))


# --- create and close in one step ----------------------------------------------------------


def test_a_file_that_stays_empty_is_closed_as_it_is_created_and_nobody_has_a_lease(cluster):
    inode = cluster.create("/a/f", "ana", close=True, request_id="r")
    assert [type(entry).__name__ for entry in cluster.entries[-2:]] == [
        "DirectoryMade",
        "FileCreated",
    ]
    status = cluster.core.stat("/a/f").reply
    assert (status.inode_id, status.length, status.under_construction) == (inode, 0, False)
    assert not cluster.core.state.open_files
    cluster.restart()
    assert cluster.core.stat("/a/f").reply == status
    with pytest.raises(LeaseExpiredException, match="is closed"):
        cluster.add_block(inode, client="ana")
    with pytest.raises(FileAlreadyExistsException):
        cluster.create("/a/f", "ben", close=True, request_id="s")


def test_a_repeat_of_such_a_request_is_told_the_same_and_does_nothing(cluster):
    first = cluster.create("/f", "ana", close=True, request_id="r")
    before = len(cluster.entries)
    again = cluster.core.create(
        "/f", client_id="ana", close=True, request_id="r", now=cluster.now, wall=1.0
    ).reply
    assert (again.inode_id, again.under_construction) == (first, False)
    assert len(cluster.entries) == before
