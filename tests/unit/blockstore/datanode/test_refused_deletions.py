"""Found by the simulator: a deletion that named an older stamp was refused, ordered, refused…"""

from blockstore.datanode.blockfiles import MemoryBlockFiles
from blockstore.datanode.store import ReplicaStore
from blockstore.model import Block, Replica, ReplicaState


def test_a_deletion_that_names_an_older_stamp_is_answered_with_what_is_here():
    reports = []
    store = ReplicaStore(MemoryBlockFiles(), reports.append)
    store.create(Block(1, 1), 64)
    store.update(Block(1, 1), Block(1, 3, 0), finalize=False)
    reports.clear()
    store.delete([Block(1, 2)])
    assert reports == [Replica(Block(1, 3, 0), ReplicaState.RBW)]


def test_a_deletion_of_what_is_not_here_is_answered_as_done():
    reports = []
    ReplicaStore(MemoryBlockFiles(), reports.append).delete([Block(1, 2)])
    assert reports == [Replica(Block(1, 2), ReplicaState.DELETED)]
