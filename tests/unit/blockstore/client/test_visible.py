"""Whose word on the length of a block that is being written a reader takes."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from blockstore.client.visible import visible_block
from blockstore.codec import replica_info_to_wire
from blockstore.model import Block, LocatedBlock, Node, Replica, ReplicaState
from blockstore.peers import Peers
from blockstore.runtime import rpc
from blockstore.wire import datanode_pb2_grpc

STATES = {
    "F": ReplicaState.FINALIZED,
    "B": ReplicaState.RBW,
    "R": ReplicaState.RWR,
    "-": ReplicaState.ABSENT,
}


class OneReplica(datanode_pb2_grpc.DataNodeServicer):
    """Says "B5:100": state, stamp, length."""

    def __init__(self, words: str) -> None:
        generation, _, length = words[1:].partition(":")
        block = Block(1, int(generation or 0), int(length or 0))
        self.replica = Replica(block, STATES[words[0]])

    def ReplicaInfo(self, request, context):
        return replica_info_to_wire(self.replica)

    BeginRecovery = UpdateReplica = LocalPath = Checksum = None


@pytest.fixture
def ask():
    """What a reader sees when the nodes say so; "x" is a node that is gone."""
    servers, peers = [], Peers(None)

    def seen(words: str, known: int) -> int | str:
        nodes = []
        for number, word in enumerate(words.split()):
            server = rpc.threaded_server(threads=2)
            port = rpc.bind(server, "127.0.0.1", 0)
            nodes.append(Node(f"dn-{number}", "127.0.0.1", port))
            if word == "x":
                server.stop(0).wait(10)
                continue
            datanode_pb2_grpc.add_DataNodeServicer_to_server(OneReplica(word), server)
            server.start()
            servers.append(server)
        found = visible_block(LocatedBlock(Block(1, 5, known), 0, tuple(nodes), True), peers)
        return found if isinstance(found, str) else found.block.length

    yield seen
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda server: server.stop(0).wait(10), servers))
    peers.close()


@pytest.mark.parametrize(
    ("words", "known", "seen"),
    [
        ("B5:100 B5:120", 0, 100),
        # An older stamp left the pipeline; a newer one is on the way to be known.
        ("B4:200 B6:90", 0, 90),
        # A restarted node may have what nobody acknowledged.
        ("R5:200 B5:100", 0, 100),
        # Fewer bytes than were synced: somebody else knows.
        ("B5:10 F5:100", 50, 100),
        ("x B5:7", 0, 7),
        # Nobody has begun it.
        ("- -", 0, 0),
    ],
)
def test_the_first_node_of_the_pipeline_that_can_know_is_believed(ask, words, known, seen):
    assert ask(words, known) == seen


@pytest.mark.parametrize("words", ["R5:200", "x -", "B4:200", "-"])
def test_when_nobody_can_know_every_reason_is_told(ask, words):
    found = ask(words, 3)
    assert isinstance(found, str)
    assert found.count("dn-") >= len(words.split())
