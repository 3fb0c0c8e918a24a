"""What nodes agree on when a block's writer is gone."""

import pytest

from blockstore import checksum
from blockstore.datanode.recovery import Recovery, agreed_length, participants
from blockstore.errors import NotReadyException
from blockstore.model import Block, Node, RecoverBlock, Replica, ReplicaState

BLOCK = Block(1, 5)
SYNCED = 60
A, B, C = (Node(f"dn-{name}", "127.0.0.1", 1) for name in "abc")
STATES = {
    "F": ReplicaState.FINALIZED,
    "B": ReplicaState.RBW,
    "R": ReplicaState.RWR,
    "-": ReplicaState.ABSENT,
}


def replica(words: str) -> Replica:
    """ "B5:100": state, stamp, length."""
    generation, _, length = words[1:].partition(":")
    return Replica(Block(1, int(generation or 0), int(length or 0)), STATES[words[0]])


@pytest.mark.parametrize(
    ("found", "length", "who"),
    [
        # A finalised replica decides; an open one that is long enough follows.
        ("F5:100 B5:120 B5:80", 100, "ab"),
        # Running nodes have every acknowledged byte: the shortest decides.
        ("B5:100 B5:120 B5:80", 80, "abc"),
        # A restarted node follows if it has kept enough, and doesn't decide.
        ("B5:100 R5:120 R5:80", 100, "ab"),
        # Only restarted nodes: the longest decides.
        ("R5:100 R5:120 -", 120, "b"),
        # Older stamps missed a rebuilt pipeline; newer ones saw an unfinished one.
        ("B4:200 B5:100 B6:90", 90, "bc"),
        ("F4:200 B5:100 -", 100, "b"),
        # Who lacks synced bytes isn't of the pipeline, or has lost them: he doesn't decide.
        ("B5:100 B5:59 R5:60", 100, "a"),
        ("R5:59 R5:60 B5:1", 60, "b"),
        ("F5:1 B5:100 F6:1", 100, "b"),
        # Nobody has a byte.
        ("B5:0 - -", 0, "a"),
        ("- - -", 0, ""),
    ],
)
def test_the_agreed_length_and_who_follows(found, length, who):
    replicas = dict(zip((A, B, C), map(replica, found.split()), strict=True))
    synced = Block(BLOCK.id, BLOCK.generation, SYNCED if length else 0)
    assert agreed_length(synced, list(replicas.values())) == length
    assert "".join(n.node_id[-1] for n in participants(BLOCK, length, replicas)) == who


CHUNK = 1024


def write(node, data: bytes) -> None:
    writing = node.store.create(BLOCK, CHUNK)
    writing.write(0, checksum.checksums(data, CHUNK), data)


def recover(nodes, peers, generation: int = 9, cut_to: int | None = None):
    order = RecoverBlock(BLOCK, generation, tuple(node.node for node in nodes), cut_to)
    first = nodes[0]
    return Recovery(first.store, order, own_id=first.node.node_id, dial=peers.dial).run()


def test_open_replicas_become_one_finalised_block(datanodes, peers):
    trio = datanodes(3)
    for node, length in zip(trio, (3000, 2500, 2800), strict=True):
        write(node, b"x" * length)
    new, who = recover(trio, peers)
    assert (new, set(who)) == (Block(1, 9, 2500), {"dn-0", "dn-1", "dn-2"})
    for node in trio:
        assert node.store.report() == [Replica(new, ReplicaState.FINALIZED)]
        assert node.reports == [Replica(new, ReplicaState.FINALIZED)]


def test_a_dead_peer_is_left_out(datanodes, peers):
    pair = datanodes(2)
    for node in pair:
        write(node, b"x" * 3000)
    pair[1].server.stop(0).wait(10)
    assert recover(pair, peers) == (Block(1, 9, 3000), ("dn-0",))


def test_a_block_without_a_byte_is_dropped(datanodes, peers):
    assert recover(datanodes(2), peers) == (None, ())


def test_a_block_isnt_dropped_while_a_peer_could_not_be_asked(datanodes, peers):
    pair = datanodes(2)
    pair[1].server.stop(0).wait(10)
    with pytest.raises(NotReadyException):
        recover(pair, peers)


def test_two_recoveries_leave_the_later_ones_result(datanodes, peers):
    pair = datanodes(2)
    for node in pair:
        write(node, b"x" * 3000)
    assert recover(pair, peers, 9)[0] == Block(1, 9, 3000)
    assert recover(pair, peers, 12)[0] == Block(1, 12, 3000)
    with pytest.raises(NotReadyException):
        recover(pair, peers, 11)
    for node in pair:
        assert node.store.report() == [Replica(Block(1, 12, 3000), ReplicaState.FINALIZED)]


def test_a_truncation_cuts_finalised_replicas_and_may_be_tried_again(datanodes, peers):
    trio = datanodes(3)
    for node in trio:
        writing = node.store.create(BLOCK, CHUNK)
        data = bytes(range(256)) * 12
        writing.write(0, checksum.checksums(data, CHUNK), data)
        writing.finish()
    # The first try reached one node and was never reported.
    assert recover(trio[:1], peers, 8, cut_to=1500) == (Block(1, 8, 1500), ("dn-0",))
    new, who = recover(trio, peers, 9, cut_to=1500)
    assert (new, set(who)) == (Block(1, 9, 1500), {"dn-0", "dn-1", "dn-2"})
    for node in trio:
        assert node.store.report() == [Replica(new, ReplicaState.FINALIZED)]
        crcs, found = node.store.read(new).run(0, 1500)
        assert found == data[:1500]
        checksum.verify(found, crcs, CHUNK, what="replica", offset=0)


def test_a_truncation_leaves_out_who_has_too_little(datanodes, peers):
    pair = datanodes(2)
    write(pair[0], b"x" * 3000)
    write(pair[1], b"x" * 1000)
    assert recover(pair, peers, 9, cut_to=1500) == (Block(1, 9, 1500), ("dn-0",))


def test_a_replica_that_rotted_gets_no_new_stamp_and_is_reported(datanodes, peers):
    pair = datanodes(2)
    for node in pair:
        writing = node.store.create(BLOCK, CHUNK)
        writing.write(0, checksum.checksums(b"x" * 3000, CHUNK), b"x" * 3000)
        writing.finish()
    rotten = pair[0].files.local_paths(BLOCK.id).data_path
    with open(rotten, "r+b") as file:
        file.seek(2500)
        file.write(b"y")
    assert recover(pair, peers) == (Block(1, 9, 3000), ("dn-1",))
    assert pair[0].reports[-1].state is ReplicaState.CORRUPT
    assert pair[0].store.report() == []


def test_rot_beyond_a_cut_does_not_keep_it_back(datanodes, peers):
    (node,) = datanodes(1)
    writing = node.store.create(BLOCK, CHUNK)
    writing.write(0, checksum.checksums(b"x" * 3000, CHUNK), b"x" * 3000)
    writing.finish()
    with open(node.files.local_paths(BLOCK.id).data_path, "r+b") as file:
        file.seek(2500)
        file.write(b"y")
    assert recover([node], peers, cut_to=2000) == (Block(1, 9, 2000), ("dn-0",))
