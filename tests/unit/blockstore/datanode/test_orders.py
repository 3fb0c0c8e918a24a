"""Orders that can't be carried out are told of; verification reads everything."""

import pytest

from blockstore import checksum
from blockstore.codec import block_to_wire
from blockstore.datanode import layout
from blockstore.datanode.orders import OrderDesk
from blockstore.model import Block, Node, ReplicaState, Replicate
from blockstore.runtime.clock import SYSTEM_CLOCK
from blockstore.wire import datanode_pb2, datanode_pb2_grpc

BLOCK = Block(1, 1, 5)


@pytest.fixture
def holder(datanodes):
    """A DataNode with one finalised replica, and another without."""
    one, other = datanodes(2)
    writing = one.store.create(BLOCK, 512)
    writing.write(0, checksum.checksums(b"hello", 512), b"hello")
    writing.finish()
    return one, other


def replicate(holder, order):
    """Performs one order; returns the failures that the NameNode would hear of."""
    failures = []
    desk = OrderDesk(
        holder.store,
        own_id=holder.node.node_id,
        dial=holder.peers.dial,
        streams=holder.packets,
        copies_at_once=1,
        copy_bytes_per_s=0,
        clock=SYSTEM_CLOCK,
        send_report=lambda: None,
        copy_failed=failures.append,
        commit_recovery=lambda *_: None,
    )
    desk._perform(order)
    desk.close()
    return failures


def test_a_copy_arrives_and_nothing_is_told(holder):
    one, other = holder
    assert replicate(one, Replicate(BLOCK, (other.node,), bytes_per_s=10**9)) == []
    assert other.store.info(1).state is ReplicaState.FINALIZED


def test_a_target_that_is_not_there_is_told_of(holder):
    one, _ = holder
    gone = Node("gone", "127.0.0.1", 1)
    (failure,) = replicate(one, Replicate(BLOCK, (gone,)))
    assert (failure.target, failure.by_source) == (gone, False)


def test_a_replica_that_is_not_here_is_the_sources_fault(holder):
    one, other = holder
    (failure,) = replicate(one, Replicate(Block(9, 9, 1), (other.node,)))
    assert failure.by_source


def verify(datanode, block):
    stub = datanode_pb2_grpc.DataNodeStub(datanode.peers.dial(datanode.node))
    return stub.VerifyReplica(
        datanode_pb2.VerifyReplicaRequest(block=block_to_wire(block)), timeout=10
    )


def test_a_whole_replica_is_verified(holder):
    assert verify(holder[0], BLOCK).length == 5


def test_a_damaged_replica_is_told_of_and_reported(holder, tmp_path):
    one, _ = holder
    (tmp_path / "0" / "current" / layout.data_name(1)).write_bytes(b"hellO")
    assert "blk_1_1" in verify(one, BLOCK).damage
    assert one.reports[-1].state is ReplicaState.CORRUPT
