"""On which way a stream of requests goes, and what becomes of one that leads nowhere."""

import asyncio
import socket
import threading
from contextlib import contextmanager, suppress

import grpc
import pytest

from blockstore import callframes
from blockstore.client.callways import (
    SHUNNED_S,
    Broken,
    CallWays,
    GrpcWay,
    PortWay,
)
from blockstore.namenode.callport import CallPort
from blockstore.runtime import portframes
from blockstore.runtime.clock import FakeClock
from blockstore.runtime.identity import user_in_progress
from blockstore.wire import namenode_pb2 as pb
from tests.unit.blockstore.namenode.test_callport import all_gone

WAIT_S = 60
STAT = pb.BatchCall(stat=pb.PathRequest(path="/a"))


class Unreachable(grpc.RpcError):
    pass


class Stub:
    """Of a NameNode with that call port."""

    def __init__(self, port):
        self.port = port
        self.asked = 0

    def CallPort(self, request, timeout, metadata):
        self.asked += 1
        if self.port is None:
            raise Unreachable
        return pb.CallPortReply(port=self.port)

    def Calls(self, requests, metadata):
        return Replies(requests)


class Replies:
    """Answers over gRPC."""

    def __init__(self, requests):
        self._requests = requests

    def __next__(self):
        request = next(self._requests)
        if request == "break":
            raise Unreachable
        return request

    def cancel(self):
        pass


@pytest.fixture
def clock():
    return FakeClock(now=100.0)


def ways(stub, clock, secret=None, address="127.0.0.1:1"):
    return CallWays(stub, (), address, secret, "ann", clock)


@contextmanager
def call_port(secret=None, number=0):
    """One that refuses everybody with his own name."""

    async def perform(call):
        return pb.BatchOutcome(refusal=pb.BatchRefusal(kind=user_in_progress.get()))

    started, stop = threading.Event(), asyncio.Event()
    port = CallPort(perform, connections_max=8, secret=secret)
    loop = asyncio.new_event_loop()

    async def serve():
        await port.listen("127.0.0.1", number)
        started.set()
        await stop.wait()
        port.close()
        await all_gone(port)

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert started.wait(WAIT_S)
        yield port
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(WAIT_S)
        loop.close()


@contextmanager
def opened(all_ways):
    way = all_ways.open()
    try:
        yield way
    finally:
        way.end()


@pytest.mark.parametrize("secret", [None, "right"])
def test_a_stream_goes_to_the_call_port_in_the_users_name(clock, secret):
    with call_port(secret) as port, opened(ways(Stub(port.port), clock, secret)) as way:
        assert isinstance(way, PortWay)
        assert [way.ask(STAT).refusal.kind for _ in range(3)] == ["ann"] * 3


def test_the_port_is_asked_for_once(clock):
    with call_port() as port:
        stub = Stub(port.port)
        all_ways = ways(stub, clock)
        with opened(all_ways), opened(all_ways):
            pass
    assert stub.asked == 1


@pytest.mark.parametrize("port", [0, None])
def test_where_there_is_no_call_port_it_goes_over_grpc(clock, port):
    stub = Stub(port)
    all_ways = ways(stub, clock)
    for _ in range(3):
        with opened(all_ways) as way:
            assert isinstance(way, GrpcWay)
            assert way.ask("hello") == "hello"
    assert stub.asked == 1
    clock.advance(SHUNNED_S)
    with opened(all_ways):
        assert stub.asked == 2


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_a_port_where_nobody_listens_is_left_alone_for_a_while(clock):
    stub = Stub(closed_port())
    all_ways = ways(stub, clock)
    with opened(all_ways) as way:
        assert isinstance(way, GrpcWay)
    with call_port() as port:
        stub.port = port.port
        with opened(all_ways) as way:
            assert isinstance(way, GrpcWay)
        clock.advance(SHUNNED_S)
        with opened(all_ways) as way:
            assert isinstance(way, PortWay)


def test_a_namenode_that_was_restarted_is_asked_for_its_new_port_at_once(clock):
    with call_port() as port:
        stub = Stub(port.port)
        all_ways = ways(stub, clock)
        with opened(all_ways) as way:
            way.ask(STAT)
    with pytest.raises(Broken):
        way.ask(STAT)
    with call_port() as port:
        stub.port = port.port
        with opened(all_ways) as way:
            assert isinstance(way, PortWay)
            assert way.ask(STAT).refusal.kind == "ann"


def test_a_wrong_secret_breaks_the_way_so_that_the_call_can_say_it(clock):
    with (
        call_port("right") as port,
        opened(ways(Stub(port.port), clock, "wrong")) as way,
        pytest.raises(Broken),
    ):
        way.ask(STAT)


@contextmanager
def listener(*answers):
    """Says that to who dials, and then whatever comes it's the next one."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            connection, _ = server.accept()
            with connection, suppress(ConnectionError):
                for answer in answers:
                    connection.sendall(answer)
                    if not connection.recv(4096):
                        return

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join(WAIT_S)


def test_somebody_else_at_the_port_is_not_spoken_to(clock):
    with (
        listener(b"SSH-2.0-OpenSSH_9.2p1 Debian") as port,
        opened(ways(Stub(port), clock)) as way,
    ):
        assert isinstance(way, GrpcWay)


def test_who_accepts_and_says_nothing_costs_a_second(clock, monkeypatch):
    monkeypatch.setattr("blockstore.client.callways.DIAL_S", 0.05)
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        opened(ways(Stub(silent.getsockname()[1]), clock)) as way,
    ):
        assert isinstance(way, GrpcWay)


GREETING = callframes.PORT.pack_greeting(bytes(portframes.NONCE_BYTES))
REPLY = portframes.pack_frame(pb.BatchOutcome(done=pb.Empty()).SerializeToString())


@pytest.mark.parametrize(
    "answer",
    [REPLY + b"!", b"\xff\xff\xff\xff", portframes.pack_frame(b"\xff\xff"), REPLY[:3]],
    ids=["more than one", "far too much", "no message", "a part"],
)
def test_an_answer_that_is_none_breaks_the_way(clock, answer, monkeypatch):
    monkeypatch.setattr("blockstore.client.callways.CALL_TIMEOUT_S", 0.05)
    with (
        listener(GREETING, answer) as port,
        opened(ways(Stub(port), clock)) as way,
        pytest.raises(Broken),
    ):
        way.ask(STAT)


def test_a_reply_that_comes_in_pieces_is_whole(clock):
    long = pb.BatchOutcome(refusal=pb.BatchRefusal(kind="k" * 200_000))
    words = portframes.pack_frame(long.SerializeToString())
    with listener(GREETING, words) as port, opened(ways(Stub(port), clock)) as way:
        assert way.ask(STAT) == long


def test_who_waits_for_a_reply_is_woken_when_his_way_is_ended(clock):
    told = []

    def ask():
        with pytest.raises(Broken):
            way.ask(STAT)
        told.append(True)

    with listener(GREETING, b"") as port:
        way = ways(Stub(port), clock).open()
        thread = threading.Thread(target=ask)
        thread.start()
        way.end()
        thread.join(WAIT_S)
    assert told == [True]


def test_a_broken_stream_of_grpc_is_told_as_one():
    way = GrpcWay(Stub(0).Calls, ())
    assert way.ask("one") == "one"
    with pytest.raises(Broken):
        way.ask("break")
    way.end()
    with pytest.raises(Broken):
        way.ask("after the end")
