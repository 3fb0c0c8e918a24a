"""What a writer hands on of its nodes' words counts as their reports do, and never against them."""

import pytest

from blockstore.model import Block, Receipt, Replica, ReplicaState


class Writing:
    """A file of one block that all of three nodes have finalised; they haven't reported it."""

    def __init__(self, cluster):
        self.cluster = cluster
        cluster.add_nodes("xyz")
        self.inode_id = cluster.create("/f", replication=3)
        located = cluster.add_block(self.inode_id)
        self.block = Block(located.block.id, located.block.generation, 10)

    def receipts(self, nodes="xyz", report=7):
        return [Receipt(node, self.cluster.incarnations[node], report) for node in nodes]

    def closes_with(self, receipts, block=None):
        def call():
            self.cluster.core.reporting.take_receipts(block or self.block, receipts)
            return self.cluster.core.complete(
                self.inode_id,
                client_id="ana",
                last=self.block,
                now=self.cluster.now,
                wall=self.cluster.wall,
            )

        return self.cluster.try_(call).done


@pytest.fixture
def writing(cluster):
    return Writing(cluster)


def test_a_file_closes_with_its_nodes_receipts(cluster, writing):
    assert not writing.closes_with([])
    assert writing.closes_with(writing.receipts())
    assert cluster.locations("/f") == [["x", "y", "z"]]
    for node in "xyz":
        cluster.report(node, writing.block, number=7)
    assert cluster.locations("/f") == [["x", "y", "z"]]
    cluster.pass_time(30)
    assert cluster.take_orders() == []


def test_who_gave_no_receipt_is_waited_for(cluster, writing):
    assert not writing.closes_with(writing.receipts("x"))
    cluster.report("y", writing.block)
    assert writing.closes_with([])


@pytest.mark.parametrize("state", [ReplicaState.DELETED, ReplicaState.CORRUPT])
def test_what_a_node_has_said_of_its_replica_since_counts_more(cluster, writing, state):
    cluster.report("x", writing.block, number=7)
    cluster.report("x", writing.block, state, number=8)
    assert not writing.closes_with(writing.receipts("xy"))
    assert not writing.closes_with(writing.receipts("xy", report=8))
    assert writing.closes_with(writing.receipts("xyz"))
    assert cluster.locations("/f") == [["y", "z"]]


def test_what_a_node_says_later_counts_more(cluster, writing):
    assert writing.closes_with(writing.receipts())
    cluster.report("x", writing.block, number=7)
    cluster.report("x", writing.block, ReplicaState.DELETED, number=8)
    assert cluster.locations("/f") == [["y", "z"]]


def test_a_full_report_that_has_not_got_the_replica_counts_more(cluster, writing):
    cluster.full_report("x", number=7)
    assert not writing.closes_with(writing.receipts("xy"))
    assert writing.closes_with(writing.receipts("z"))
    cluster.full_report("y", number=8)
    assert cluster.locations("/f") == [["z"]]


def test_a_full_report_from_before_takes_nothing_from_a_receipt(cluster, writing):
    cluster.full_report("x", number=6)
    assert writing.closes_with(writing.receipts())
    cluster.report("x", writing.block, number=7)
    assert cluster.locations("/f") == [["x", "y", "z"]]


def test_a_full_report_that_was_begun_before_does_not_end_what_came_with_a_receipt(
    cluster, writing
):
    def piece(number, more):
        cluster.take(
            cluster.core.full_report(
                "x",
                incarnation=1,
                epoch=1,
                replicas=[],
                number=6,
                piece=number,
                more=more,
                now=cluster.now,
            )
        )

    piece(0, True)
    assert writing.closes_with(writing.receipts())
    piece(1, False)
    assert cluster.locations("/f") == [["x", "y", "z"]]


def test_a_node_that_was_started_anew_speaks_for_itself(cluster, writing):
    old = writing.receipts("xy")
    cluster.incarnations["x"] += 1
    cluster.register("x")
    assert not writing.closes_with(old)
    cluster.full_report("x", Replica(writing.block, ReplicaState.FINALIZED), number=1)
    assert writing.closes_with([])


def test_a_node_that_was_given_up_registers_before_its_receipts_count(cluster, writing):
    cluster.pass_time(31, beating="yz")
    assert not writing.closes_with(writing.receipts("xy"))
    cluster.register("x")
    assert writing.closes_with(writing.receipts("x"))
    cluster.full_report("x", number=7)
    assert cluster.locations("/f") == [["y"]]


def test_receipts_outlive_a_namenode(cluster, writing):
    cluster.restart()
    assert not writing.closes_with(writing.receipts())
    for node in "xyz":
        cluster.register(node)
        cluster.beat(node)
    assert writing.closes_with(writing.receipts())
    cluster.full_report("x", Replica(writing.block, ReplicaState.FINALIZED), number=7)
    assert cluster.locations("/f") == [["x", "y", "z"]]


def test_a_receipt_is_of_one_stamp_and_of_a_node_that_was_to_write_it(cluster, writing):
    older = Block(writing.block.id, writing.block.generation - 1, 10)
    cluster.add_node("w")
    assert not writing.closes_with(writing.receipts(), older)
    assert not writing.closes_with(writing.receipts("xw"))
    assert cluster.core._parts.blocks.holders(writing.block.id) == {"x"}


def test_receipts_of_a_file_that_is_gone_change_nothing(cluster, writing):
    cluster.delete("/f")
    cluster.core.reporting.take_receipts(writing.block, writing.receipts())
    assert cluster.core._parts.blocks.holders(writing.block.id) == set()
