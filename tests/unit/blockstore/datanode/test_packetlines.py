"""Packets over byte ports: who is let in, who is told what, and gRPC where a port can't be had.

What pipelines do is in test_pipeline.py, for both ways.
"""

import random
import socket
import threading
import time
from contextlib import suppress
from dataclasses import replace

import pytest

from blockstore import bytedial, byteframes, checksum
from blockstore.bytedial import dialled
from blockstore.codec import block_to_wire, nodes_to_wire
from blockstore.datanode import packetanswers
from blockstore.datastream import LAST, Ack, Packet, pack, pack_ack
from blockstore.model import Block, Replica, ReplicaState
from blockstore.packetstream import PacketStreams
from blockstore.runtime import portframes
from blockstore.runtime.clock import FakeClock
from blockstore.wire import datanode_pb2

CHUNK = 1024
DATA = random.Random(1).randbytes(10_000)
PATIENCE_S = 60.0


def until(reached):
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.005)


class Told:
    """What a stream has told its owner, in order."""

    def __init__(self):
        self.all = []

    def on_ack(self, ack):
        self.all.append(ack)

    def on_end(self, reason):
        self.all.append(reason)

    def soon(self, something):
        until(lambda: something in self.all)


def header(block, below=()):
    return datanode_pb2.WriteHeader(
        block=block_to_wire(block), downstream=nodes_to_wire(below), chunk_bytes=CHUNK
    )


def packet(seq=1, data=DATA, flags=LAST):
    return pack(Packet(0, seq, flags, checksum.checksums(data, CHUNK), data))


def written(streams, nodes, block=Block(1, 10)):  # noqa: B008
    told = Told()
    stream = streams.open(
        nodes[0], header(block, nodes[1:]), on_ack=told.on_ack, on_end=told.on_end
    )
    stream.send(packet(), PATIENCE_S)
    told.soon(Ack(1))
    stream.cancel()


# --- connections ---------------------------------------------------------------------------


def test_each_hop_of_a_stream_is_a_connection_which_ends_with_it(datanodes, peers):
    trio = datanodes(3)
    nodes = [server.node for server in trio]
    told = Told()
    stream = PacketStreams(peers.dial, None).open(
        nodes[0], header(Block(1, 10), nodes[1:]), on_ack=told.on_ack, on_end=told.on_end
    )
    told.soon(Ack(0))
    assert [server.byte_port.connections for server in trio] == [1, 1, 1]
    stream.send(packet(), PATIENCE_S)
    told.soon(Ack(1))
    stream.cancel()
    until(lambda: [server.byte_port.connections for server in trio] == [0, 0, 0])
    assert [server.streams.open for server in trio] == [0, 0, 0]
    whole = Replica(Block(1, 10, len(DATA)), ReplicaState.FINALIZED)
    assert [server.reports for server in trio] == [[whole]] * 3


def test_a_connection_that_breaks_in_a_frame_leaves_the_replica_as_it_was(datanodes):
    (server,) = datanodes(1)
    line, entry = dialled(server.node, None, PATIENCE_S, byteframes.PACKETS)
    line.send(entry)
    assert line.receive(byteframes.WELCOME_BYTES) == byteframes.WELCOME
    line.send(portframes.pack_frame(header(Block(1, 10)).SerializeToString()))
    line.send(portframes.pack_frame(packet(flags=0)))
    for seq in (0, 1):
        assert line.receive(9)[4:] == pack_ack(Ack(seq))
    line.send(portframes.pack_frame(packet(2, DATA + DATA))[:-1])
    line.end()
    line.close()
    until(lambda: (server.byte_port.connections, server.streams.open) == (0, 0))
    assert server.store.report() == [Replica(Block(1, 10, len(DATA)), ReplicaState.RBW)]


def test_what_comes_behind_a_failure_is_taken_and_thrown_away(datanodes, monkeypatch):
    """A reset would overtake the ack that names it."""
    monkeypatch.setattr(packetanswers, "LINGER_S", PATIENCE_S)
    (server,) = datanodes(1)
    line, entry = dialled(server.node, None, PATIENCE_S, byteframes.PACKETS)
    line.send(entry)
    assert line.receive(byteframes.WELCOME_BYTES) == byteframes.WELCOME
    line.send(portframes.pack_frame(header(Block(1, 10)).SerializeToString()))
    rotten = pack(Packet(0, 1, 0, b"\0\0\0\0", b"a"))
    line.send(portframes.pack_frame(rotten) + portframes.pack_frame(packet(2)) * 100)
    assert line.receive(9)[4:] == pack_ack(Ack(0))
    size = byteframes.PORT.frame_bytes(line.receive(portframes.SIZE_BYTES))
    assert b"don't match" in line.receive(size)
    for _ in range(10):
        line.send(bytes(1_000_000))
    with pytest.raises(ConnectionError) as caught:
        line.receive(1)
    assert caught.value.errno is None
    line.close()
    until(lambda: (server.byte_port.connections, server.streams.open) == (0, 0))


def test_who_is_let_in_and_says_nothing_is_ended(datanodes, monkeypatch):
    monkeypatch.setattr(packetanswers, "COME_S", 0.05)
    (server,) = datanodes(1)
    line, entry = dialled(server.node, None, PATIENCE_S, byteframes.PACKETS)
    line.send(entry)
    assert line.receive(byteframes.WELCOME_BYTES) == byteframes.WELCOME
    with pytest.raises(ConnectionError):
        line.receive(1)
    line.close()
    until(lambda: (server.byte_port.connections, server.streams.open) == (0, 0))


def test_a_client_that_closes_leaves_no_stream_open(datanodes, peers):
    (server,) = datanodes(1)
    streams, told = PacketStreams(peers.dial, None), Told()
    streams.open(server.node, header(Block(1, 10)), on_ack=told.on_ack, on_end=told.on_end)
    told.soon(Ack(0))
    streams.close()
    until(lambda: (server.byte_port.connections, server.streams.open) == (0, 0))
    streams.close()
    streams.open(server.node, header(Block(2, 10)), on_ack=told.on_ack, on_end=told.on_end)
    until(lambda: len([one for one in told.all if isinstance(one, str)]) == 2)
    until(lambda: (server.byte_port.connections, server.streams.open) == (0, 0))


def test_a_node_that_is_told_to_stop_ends_streams_in_mid_block(datanodes, peers):
    (server,) = datanodes(1)
    told = Told()
    stream = PacketStreams(peers.dial, None).open(
        server.node, header(Block(1, 10)), on_ack=told.on_ack, on_end=told.on_end
    )
    stream.send(packet(flags=0), PATIENCE_S)
    told.soon(Ack(1))
    server.byte_port.stop(PATIENCE_S)
    assert (server.byte_port.connections, server.streams.open) == (0, 0)
    until(lambda: len(told.all) == 3)
    assert told.all[2] == f"{server.node} has broken off the connection"
    stream.cancel()


# --- where a port can't be had --------------------------------------------------------------


def closed():
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.mark.parametrize("hop", [0, 1])
def test_a_port_that_cant_be_reached_is_done_without(datanodes, peers, hop):
    pair = datanodes(2)
    nodes = [server.node for server in pair]
    nodes[hop] = replace(nodes[hop], byte_port=closed())
    written(PacketStreams(peers.dial, None), nodes)
    whole = Replica(Block(1, 10, len(DATA)), ReplicaState.FINALIZED)
    assert [server.reports for server in pair] == [[whole]] * 2


def test_a_port_that_lets_nobody_in_is_left_alone_for_a_while(datanodes, peers, monkeypatch):
    (server,) = datanodes(1)
    port = server.make_byte_port(secret="another")
    node, clock = replace(server.node, byte_port=port.port), FakeClock()
    streams = PacketStreams(peers.dial, None, clock=clock)
    for number in (1, 2):
        written(streams, [node], Block(number, 10))
    port.stop(PATIENCE_S)
    with socket.create_server(("127.0.0.1", port.port)) as listener:
        listener.settimeout(0)
        written(streams, [node], Block(3, 10))
        with pytest.raises(BlockingIOError):
            listener.accept()
        clock.advance(bytedial.SHUNNED_S)
        monkeypatch.setattr(bytedial, "DIAL_S", 0.05)
        written(streams, [node], Block(4, 10))
        listener.accept()[0].close()


def test_a_silent_port_is_told_of_and_one_that_refuses_is_not(
    datanodes, peers, monkeypatch, caplog
):
    (server,) = datanodes(1)
    monkeypatch.setattr(bytedial, "DIAL_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        number = silent.getsockname()[1]
        node = replace(server.node, byte_port=number)
        written(PacketStreams(peers.dial, None), [node], Block(1, 10))
    (told,) = [each.getMessage() for each in caplog.records if "gRPC" in each.getMessage()]
    assert told.startswith(f"{node} gets packets over gRPC for 60 s: byte port {number}: ")
    caplog.clear()
    written(PacketStreams(peers.dial, None), [node], Block(2, 10))
    assert not [each for each in caplog.records if each.levelname == "WARNING"]


def greeted_and(left):
    def serve(connected):
        connected.sendall(byteframes.PORT.pack_greeting(bytes(portframes.NONCE_BYTES)))
        with connected.makefile("rb") as reader:
            reader.read(byteframes.ENTRY_BYTES)
        left(connected)

    return serve


@pytest.mark.parametrize(
    "serve",
    [
        lambda connected: connected.close(),
        lambda connected: None,
        greeted_and(lambda connected: connected.close()),
        greeted_and(lambda connected: None),
        greeted_and(lambda connected: connected.sendall(b"no")),
    ],
    ids=["ends", "is silent", "knows no packets", "never welcomes", "says something else"],
)
def test_what_isnt_a_port_for_packets_is_told_of_no_stream(datanodes, peers, monkeypatch, serve):
    monkeypatch.setattr(bytedial, "DIAL_S", 0.2)
    (server,) = datanodes(1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        held = []

        def take():
            connected, _ = listener.accept()
            connected.settimeout(PATIENCE_S)
            held.append(connected)
            with suppress(OSError):
                serve(connected)

        thread = threading.Thread(target=take)
        thread.start()
        node = replace(server.node, byte_port=listener.getsockname()[1])
        written(PacketStreams(peers.dial, None), [node])
        thread.join(PATIENCE_S)
    for connected in held:
        with connected, suppress(OSError):
            assert connected.recv(1) == b""


def test_a_port_with_all_its_connections_taken_is_done_without(datanodes, peers):
    (server,) = datanodes(1)
    port = server.make_byte_port(connections_max=0)
    written(PacketStreams(peers.dial, None), [replace(server.node, byte_port=port.port)])


@pytest.mark.parametrize(("secret", "connections"), [("right", 1), ("wrong", 0), (None, 0)])
def test_who_doesnt_know_the_secret_is_not_let_in(datanodes, peers, secret, connections):
    (server,) = datanodes(1)
    port = server.make_byte_port(secret="right")
    told = Told()
    stream = PacketStreams(peers.dial, secret).open(
        replace(server.node, byte_port=port.port),
        header(Block(1, 10)),
        on_ack=told.on_ack,
        on_end=told.on_end,
    )
    told.soon(Ack(0))
    until(lambda: port.connections == connections)
    stream.cancel()
