"""What a DataNode sends its NameNode."""

import asyncio
import threading
from concurrent.futures import Future

import pytest

from blockstore.datanode import namenode_link
from blockstore.datanode.namenode_link import PIECE_REPLICAS, NameNodeLink
from blockstore.errors import StaleEpochException
from blockstore.model import Block, Node, Replica, ReplicaState
from blockstore.runtime import rpc
from blockstore.wire import namenode_pb2 as pb
from blockstore.wire import namenode_pb2_grpc as services


class Stub:
    """Takes what it's sent."""

    def __init__(self):
        self.taken = []

    def FullReport(self, request, **_):
        self.taken.append(request)


@pytest.mark.parametrize(
    ("replicas", "pieces"),
    [
        (0, [(0, 0, False)]),
        (PIECE_REPLICAS, [(0, PIECE_REPLICAS, False)]),
        (
            2 * PIECE_REPLICAS + 1,
            [(0, PIECE_REPLICAS, True), (1, PIECE_REPLICAS, True), (2, 1, False)],
        ),
    ],
)
def test_a_full_report_goes_in_pieces_of_one_number(replicas, pieces):
    stub = Stub()
    link = NameNodeLink(stub, "namenode:1", Node("x", "h", 1), 1)
    found = [Replica(Block(n, 1, 10), ReplicaState.FINALIZED) for n in range(replicas)]
    link.full_report(found)
    assert [(r.piece, len(r.replicas), r.more) for r in stub.taken] == pieces
    assert {r.number for r in stub.taken} == {1}
    assert [r.block.id for piece in stub.taken for r in piece.replicas] == [*range(replicas)]


class NameNode(services.DataNodeProtocolServicer):
    """Notes how reports come; refuses or breaks off those of a number."""

    def __init__(self):
        self.story = []
        self.breaks_at = 0

    async def IncrementalReport(self, request, context):
        self.story.append(f"call {request.number}")
        self._refuse(request)
        return pb.Empty()

    async def IncrementalReports(self, request_iterator, context):
        async for request in request_iterator:
            self.story.append(f"stream {request.number}")
            self._refuse(request)
            if request.number == self.breaks_at:
                return
            yield pb.Empty()

    @staticmethod
    def _refuse(request):
        if request.epoch == 99:
            raise StaleEpochException("register again")


@pytest.fixture
def namenode():
    """A server on a loop of its own, and a link to it."""
    served, started, stop = NameNode(), Future(), Future()

    async def serve():
        server = rpc.aio_server(secret=None)
        services.add_DataNodeProtocolServicer_to_server(served, server)
        port = rpc.bind(server, "127.0.0.1", 0)
        await server.start()
        started.set_result(port)
        await asyncio.wrap_future(stop)
        await server.stop(0)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    with rpc.channel(f"127.0.0.1:{started.result(60)}") as channel:
        stub = services.DataNodeProtocolStub(channel)
        yield served, NameNodeLink(stub, "the NameNode", Node("x", "h", 1), 1)
    stop.set_result(None)
    thread.join(60)


CHANGE = [Replica(Block(1, 1, 10), ReplicaState.FINALIZED)]


def test_changes_that_are_frequent_go_in_a_stream(namenode, monkeypatch):
    served, link = namenode
    monkeypatch.setattr(namenode_link, "_OFTEN_S", float("inf"))
    link._changed_at = 0.0
    for _ in range(3):
        link.incremental_report(CHANGE)
    assert served.story == ["stream 1", "stream 2", "stream 3"]


def test_changes_that_are_rare_are_calls(namenode, monkeypatch):
    served, link = namenode
    monkeypatch.setattr(namenode_link, "_OFTEN_S", 0.0)
    for _ in range(3):
        link.incremental_report(CHANGE)
    assert served.story == ["call 1", "call 2", "call 3"]


def test_what_a_stream_did_not_bring_is_said_again_under_its_number(namenode, monkeypatch):
    served, link = namenode
    monkeypatch.setattr(namenode_link, "_OFTEN_S", float("inf"))
    link._changed_at = 0.0
    served.breaks_at = 2
    for _ in range(3):
        link.incremental_report(CHANGE)
    assert served.story == ["stream 1", "stream 2", "call 2", "stream 3"]


def test_a_refusal_in_a_stream_is_the_one_that_a_call_gets(namenode, monkeypatch):
    served, link = namenode
    monkeypatch.setattr(namenode_link, "_OFTEN_S", float("inf"))
    link._changed_at = 0.0
    link.incremental_report(CHANGE)
    link.epoch = 99
    with pytest.raises(StaleEpochException, match="register again"):
        link.incremental_report(CHANGE)
    link.epoch = 7
    link.incremental_report(CHANGE)
    assert served.story == ["stream 1", "stream 2", "call 2", "stream 3"]
