"""Bundles over byte ports: as over gRPC, and over gRPC where a port can't be had."""

import socket
from contextlib import suppress
from dataclasses import replace

import pytest

from blockstore import bundles, bytedial, byteframes
from blockstore.bundlelines import BundleLine, BundleLines
from blockstore.bytedial import dialled
from blockstore.errors import UnreachableException
from blockstore.model import Block
from blockstore.runtime.clock import FakeClock
from tests.unit.blockstore.datanode.test_bundle import CHUNK, DATA, packet, send, stored, until

PATIENCE_S = 60.0


@pytest.fixture
def sender(peers):
    found = bundles.Sender(peers.dial, 2, BundleLines(None).open)
    yield found
    found.close()


def with_lines(datanodes, peers, count, sender):
    """Nodes with lines open to all of them."""
    servers = datanodes(count)
    nodes = [server.node for server in servers]
    for first in range(0, 200, 100):
        assert send(peers, nodes, sender=sender, first=first).failed_hop == -1
    assert connections(servers) == [1] * count
    return servers, nodes


def connections(servers):
    return [server.byte_port.connections for server in servers]


def stop(server):
    server.server.stop(0).wait(10)
    server.byte_port.stop(10.0)


def test_who_sends_bundles_again_keeps_a_line_for_all_and_so_does_each_node(
    datanodes, peers, sender
):
    servers, nodes = with_lines(datanodes, peers, 3, sender)
    for first in range(200, 500, 100):
        ack = send(peers, nodes, sender=sender, first=first)
        assert (ack.seq, ack.failed_hop, len(ack.receipts)) == (len(DATA), -1, 3)
    assert connections(servers) == [1, 1, 1]
    assert [server.streams.open for server in servers] == [0, 0, 0]
    wanted = {first + n: data for first in range(0, 500, 100) for n, data in DATA.items()}
    assert [stored(server) == wanted for server in servers] == [True, True, True]
    sender.close()
    until(lambda: connections(servers)[0] == 0)


def test_a_bundle_that_is_refused_leaves_its_lines_open(datanodes, peers, sender):
    servers, nodes = with_lines(datanodes, peers, 2, sender)
    packets = [packet(data) for data in DATA.values()]
    packets[3] = packets[3][:-1] + bytes([packets[3][-1] ^ 1])
    ack = send(peers, nodes, packets, sender=sender, first=900)
    assert (ack.failed_hop, "blk_904" in ack.reason) == (0, True)
    # The next node has some of these already: it's the one that refuses.
    servers[1].store.create(Block(305, 7), CHUNK).release()
    ack = send(peers, nodes, sender=sender, first=300)
    assert (ack.failed_hop, "blk_305" in ack.reason) == (1, True)
    assert send(peers, nodes, sender=sender, first=400).failed_hop == -1
    assert connections(servers) == [1, 1]


def test_what_is_forwarded_of_a_bundle_that_fails_here_is_nobody_elses_answer(
    datanodes, peers, sender
):
    servers, nodes = with_lines(datanodes, peers, 2, sender)
    servers[0].store.create(Block(305, 7), CHUNK).release()
    assert send(peers, nodes, sender=sender, first=300).failed_hop == 0
    for first in (400, 500, 600):
        ack = send(peers, nodes, sender=sender, first=first)
        assert (ack.seq, ack.failed_hop) == (len(DATA), -1)


@pytest.mark.parametrize("silent", [0, 1, 2])
def test_a_node_that_is_gone_is_named_by_its_place(datanodes, peers, sender, silent):
    servers, nodes = with_lines(datanodes, peers, 3, sender)
    stop(servers[silent])
    ack = send(peers, nodes, sender=sender, first=300)
    assert (ack.failed_hop, nodes[silent].node_id in ack.reason) == (silent, True)


def test_a_bundle_whose_line_broke_is_sent_in_a_call(datanodes, peers, sender):
    servers, nodes = with_lines(datanodes, peers, 2, sender)
    taken = sender._streams.take(nodes[0])
    taken._line.end()
    sender.give_back(nodes[0], taken)
    # As if nobody had noticed.
    sender._streams._idle[nodes[0].address] = [Blind(taken)]
    assert send(peers, nodes, sender=sender, first=300).failed_hop == -1
    assert set(stored(servers[0])) >= {300 + n for n in DATA}


class Blind:
    def __init__(self, line):
        self.over = False
        self.begin, self.end, self.cancel, self.close = (
            line.begin,
            line.end,
            line.cancel,
            line.close,
        )


def test_a_port_that_was_ended_is_left_for_grpc(datanodes, peers, sender):
    servers, nodes = with_lines(datanodes, peers, 1, sender)
    servers[0].byte_port.stop(10.0)
    for first in (300, 400, 500):
        assert send(peers, nodes, sender=sender, first=first).failed_hop == -1


def test_an_ack_that_does_not_come_in_time_is_the_first_nodes_failure(datanodes, peers, sender):
    servers, nodes = with_lines(datanodes, peers, 1, sender)
    with servers[0].store.lock(310):
        ack = send(peers, nodes, sender=sender, first=300, timeout_s=0.3)
    assert (ack.failed_hop, nodes[0].node_id in ack.reason) == (0, True)
    # The late ack is nobody's.
    assert send(peers, nodes, sender=sender, first=400).seq == len(DATA)


def test_a_node_with_all_its_streams_taken_says_so_in_a_call(datanodes, peers, sender):
    (server,) = datanodes(1, streams=1)
    for first in range(0, 200, 100):
        assert send(peers, [server.node], sender=sender, first=first).failed_hop == -1
    with server.streams.one_more():
        ack = send(peers, [server.node], sender=sender, first=300)
        assert (ack.failed_hop, "streams_max" in ack.reason) == (0, True)
    assert send(peers, [server.node], sender=sender, first=400).failed_hop == -1


@pytest.mark.parametrize(
    ("secret", "is_let_in"), [("right", True), ("wrong", False), (None, False)]
)
def test_who_doesnt_know_the_secret_sends_nothing(datanodes, secret, is_let_in):
    (server,) = datanodes(1)
    port = server.make_byte_port(secret="right")
    node = replace(server.node, byte_port=port.port)
    line = BundleLines(secret).open(node)
    line.begin(b"", PATIENCE_S)
    if is_let_in:
        assert bundles.unpack_delivery(line.end()).reason == "a bundle without a header"
    else:
        with pytest.raises(UnreachableException):
            line.end()
    line.close()


def test_a_reader_of_a_line_for_bundles_or_of_no_known_business_gets_nothing(datanodes):
    (server,) = datanodes(1)
    for business in (b"MRSTRANG", byteframes.BUNDLES):
        line, entry = dialled(server.node, None, PATIENCE_S, business)
        line.send(entry + b"\xff" * 64)
        with pytest.raises(ConnectionError):
            line.receive(1)
        line.close()
    until(lambda: server.byte_port.connections == 0)


def test_a_line_that_nobody_uses_is_ended_by_its_node_and_known_to_be_over(datanodes):
    (server,) = datanodes(1)
    port = server.make_byte_port(idle_s=0.05)
    line = BundleLines(None).open(replace(server.node, byte_port=port.port))
    line.begin(b"", PATIENCE_S)
    line.end()
    assert isinstance(line, BundleLine)
    until(lambda: line.over)
    line.close()
    assert line.over


def test_a_port_that_cant_be_reached_is_left_alone_for_a_while(datanodes, monkeypatch):
    clock = FakeClock()
    (server,) = datanodes(1)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        number = closed.getsockname()[1]
    lines, node = BundleLines(None, clock), replace(server.node, byte_port=number)
    assert lines.open(node) is None
    assert lines.open(replace(server.node, byte_port=0)) is None
    with socket.create_server(("127.0.0.1", number)) as listener:
        listener.settimeout(0)
        assert lines.open(node) is None
        with suppress(BlockingIOError):
            assert listener.accept() is None
        clock.advance(bytedial.SHUNNED_S)
        monkeypatch.setattr(bytedial, "DIAL_S", 0.05)
        # It accepts, and says nothing.
        assert lines.open(node) is None
        assert listener.accept()[0].close() is None
