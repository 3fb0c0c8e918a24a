"""Found by the simulator: an update that came a second time, late, cut a finalised replica."""

import pytest

from blockstore.checksum import checksums
from blockstore.datanode.blockfiles import MemoryBlockFiles
from blockstore.datanode.store import ReplicaStore
from blockstore.errors import InvalidRequestException
from blockstore.model import Block, Replica, ReplicaState

CHUNK = 64


@pytest.fixture
def store():
    return ReplicaStore(MemoryBlockFiles(), lambda _: None)


def write(writing, offset, data):
    writing.write(offset, checksums(data, CHUNK), data)


def stamped_and_grown(store):
    """Cut to 64 bytes for a rebuilt pipeline, which has written 128 more."""
    writing = store.create(Block(1, 1), CHUNK)
    write(writing, 0, b"a" * 64)
    store.update(Block(1, 1), Block(1, 2, 64), finalize=False)
    again = store.resume(Block(1, 2))
    write(again, 64, b"b" * 128)
    return again


def test_an_update_that_comes_again_late_cuts_nothing(store):
    stamped_and_grown(store)
    store.update(Block(1, 1), Block(1, 2, 64), finalize=False)
    assert store.report() == [Replica(Block(1, 2, 192), ReplicaState.RBW)]


def test_an_update_that_comes_again_late_opens_no_finalised_replica(store):
    stamped_and_grown(store).finish()
    with pytest.raises(InvalidRequestException):
        store.update(Block(1, 1), Block(1, 2, 64), finalize=False)
    assert store.report() == [Replica(Block(1, 2, 192), ReplicaState.FINALIZED)]


def test_an_update_that_comes_again_at_once_is_answered_as_before(store):
    writing = store.create(Block(1, 1), CHUNK)
    write(writing, 0, b"a" * 64)
    first = store.update(Block(1, 1), Block(1, 2, 64), finalize=True)
    assert store.update(Block(1, 1), Block(1, 2, 64), finalize=True) == first
