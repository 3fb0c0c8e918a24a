"""Found by the simulator: an open replica left behind by its pipeline kept whole copies out."""

import pytest

from blockstore.datanode.core import Event, Replicas
from blockstore.errors import InvalidRequestException
from blockstore.model import Block, Replica, ReplicaState


def left_open() -> Replicas:
    """Stamped for a pipeline that went on without this node, since the answer was lost."""
    replicas = Replicas()
    replicas.apply(Event.CREATE, Block(1, 1))
    replicas.grow(Block(1, 1, 96))
    replicas.apply(Event.UPDATE, Block(1, 2, 96))
    return replicas


def test_a_whole_copy_replaces_an_open_replica_of_its_stamp_that_nobody_writes():
    replicas = left_open()
    replicas.check(Event.COPY, Block(1, 2))
    assert replicas.apply(Event.COPY, Block(1, 2, 176)) == (
        Replica(Block(1, 2, 176), ReplicaState.FINALIZED),
    )


def test_no_copy_replaces_an_open_replica_of_its_stamp_while_a_stream_writes_it():
    with pytest.raises(InvalidRequestException):
        left_open().check(Event.COPY, Block(1, 2), written=True)
