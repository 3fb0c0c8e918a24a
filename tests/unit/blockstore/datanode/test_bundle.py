"""Bundles of whole small blocks: all of them durable everywhere, or none of them counts."""

import random
import time
from dataclasses import replace

import pytest

from blockstore import bundles, checksum
from blockstore.bundles import pack_bundle, unpack_bundle
from blockstore.codec import block_to_wire, nodes_to_wire
from blockstore.datanode.blockfiles import MemoryBlockFiles
from blockstore.datanode.packs import WholeReplica
from blockstore.datanode.store import ReplicaStore
from blockstore.datastream import LAST, Packet, pack
from blockstore.errors import ChecksumException
from blockstore.model import Block, Receipt, ReplicaState
from blockstore.wire import datanode_pb2

CHUNK = 512
DATA = {number: random.Random(number).randbytes(number * 100) for number in range(1, 31)}


def packet(data, *, flags=LAST, crcs=None):
    return pack(Packet(0, 1, flags, crcs or checksum.checksums(data, CHUNK), data))


def send(peers, nodes, packets=None, *, chunk_bytes=CHUNK, sender=None, first=0, timeout_s=20):
    """Blocks from number `first` on."""
    header = datanode_pb2.BundleHeader(
        blocks=[block_to_wire(Block(first + n, 7, len(data))) for n, data in DATA.items()],
        downstream=nodes_to_wire(nodes[1:]),
        chunk_bytes=chunk_bytes,
    )
    packets = packets or [packet(data) for data in DATA.values()]
    sender = sender or bundles.Sender(peers.dial, 2)
    return sender.send(nodes[0], header, packets, timeout_s)


def by_grpc(servers):
    """These nodes, as if they had no byte ports."""
    return [replace(server.node, byte_port=0) for server in servers]


def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def stored(server):
    found = {}
    for replica in server.store.report():
        assert replica.state is ReplicaState.FINALIZED
        files = server.store.read(replica.block)
        crcs, data = files.run(0, replica.block.length)
        files.close()
        checksum.verify(data, crcs, CHUNK, what="stored", offset=0)
        found[replica.block.id] = data
    return found


def test_every_node_has_every_block_finalised_when_the_bundle_is_acknowledged(datanodes, peers):
    servers = datanodes(3)
    ack = send(peers, by_grpc(servers))
    assert (ack.seq, ack.failed_hop) == (len(DATA), -1)
    for server in servers:
        assert stored(server) == DATA
        assert len(server.reports) == len(DATA)


def test_with_the_ack_come_the_receipts_of_all_nodes_for_each_block(datanodes, peers):
    servers = datanodes(3)
    nodes = by_grpc(servers)
    servers[1].store.create(Block(900, 7), CHUNK).finish()
    ack = send(peers, nodes)
    for number in range(len(DATA)):
        assert ack.of_block(number) == tuple(
            Receipt(f"dn-{n}", 1, 101 + number + (n == 1)) for n in range(3)
        )
    assert ack.of_block(len(DATA)) == ()


def test_a_bundle_that_failed_below_brings_no_receipts(datanodes, peers):
    servers = datanodes(2)
    servers[1].server.stop(0).wait(10)
    ack = send(peers, by_grpc(servers))
    assert (ack.failed_hop, ack.receipts) == (1, ())


def test_an_ack_whose_receipts_can_not_be_read_is_one_without():
    frame = bundles.pack_delivery(bundles.Delivery(3))
    assert bundles.unpack_delivery(frame + b"\xff") == bundles.Delivery(3)
    refused = bundles.Delivery(0, 2, "connection refused")
    assert bundles.unpack_delivery(bundles.pack_delivery(refused)) == refused


def test_one_wrong_byte_and_no_block_of_the_bundle_is_stored_or_forwarded(datanodes, peers):
    servers = datanodes(2)
    packets = [packet(data) for data in DATA.values()]
    packets[17] = packets[17][:-1] + bytes([packets[17][-1] ^ 1])
    ack = send(peers, by_grpc(servers), packets)
    assert ack.failed_hop == 0
    assert "blk_18" in ack.reason
    assert [len(server.store) for server in servers] == [0, 0]


def test_who_sends_bundles_again_keeps_one_stream_for_all_and_so_does_each_node(datanodes, peers):
    servers = datanodes(3)
    nodes = by_grpc(servers)
    sender = bundles.Sender(peers.dial, 2)
    for first in range(0, 500, 100):
        ack = send(peers, nodes, sender=sender, first=first)
        assert (ack.seq, ack.failed_hop) == (len(DATA), -1)
    assert [server.streams.open for server in servers] == [1, 1, 1]
    wanted = {first + n: data for first in range(0, 500, 100) for n, data in DATA.items()}
    assert [stored(server) == wanted for server in servers] == [True, True, True]
    sender.close()
    until(lambda: servers[0].streams.open == 0)


def with_streams(datanodes, peers, count):
    """Nodes, and a sender with streams open to all of them."""
    servers = datanodes(count)
    nodes, sender = by_grpc(servers), bundles.Sender(peers.dial, 2)
    for first in range(0, 200, 100):
        assert send(peers, nodes, sender=sender, first=first).failed_hop == -1
    assert [server.streams.open for server in servers] == [1] * count
    return servers, nodes, sender


def test_a_bundle_that_is_refused_leaves_its_streams_open(datanodes, peers):
    servers, nodes, sender = with_streams(datanodes, peers, 2)
    packets = [packet(data) for data in DATA.values()]
    packets[3] = packets[3][:-1] + bytes([packets[3][-1] ^ 1])
    assert send(peers, nodes, packets, sender=sender, first=900).failed_hop == 0
    # The next node has some of these already: it's the one that refuses.
    servers[1].store.create(Block(305, 7), CHUNK).release()
    ack = send(peers, nodes, sender=sender, first=300)
    assert (ack.failed_hop, "blk_305" in ack.reason) == (1, True)
    assert send(peers, nodes, sender=sender, first=400).failed_hop == -1
    assert [server.streams.open for server in servers] == [1, 1]


def test_what_is_forwarded_of_a_bundle_that_fails_here_is_nobody_elses_answer(datanodes, peers):
    servers, nodes, sender = with_streams(datanodes, peers, 2)
    servers[0].store.create(Block(305, 7), CHUNK).release()
    assert send(peers, nodes, sender=sender, first=300).failed_hop == 0
    for first in (400, 500, 600):
        ack = send(peers, nodes, sender=sender, first=first)
        assert (ack.seq, ack.failed_hop) == (len(DATA), -1)


@pytest.mark.parametrize("silent", [0, 1, 2])
def test_a_node_that_falls_silent_behind_its_stream_is_named_by_its_place(datanodes, peers, silent):
    servers, nodes, sender = with_streams(datanodes, peers, 3)
    servers[silent].server.stop(0).wait(10)
    ack = send(peers, nodes, sender=sender, first=300)
    assert (ack.failed_hop, nodes[silent].node_id in ack.reason) == (silent, True)


def test_a_node_that_was_started_anew_gets_the_bundle_that_its_stream_did_not_bring(
    datanodes, peers
):
    servers, nodes, sender = with_streams(datanodes, peers, 1)
    stream = sender._streams.take(nodes[0])
    stream.cancel()
    stream.over = False
    sender.give_back(nodes[0], stream)
    assert send(peers, nodes, sender=sender, first=300).failed_hop == -1
    assert set(stored(servers[0])) >= {300 + n for n in DATA}


def test_an_ack_that_does_not_come_in_time_is_the_first_nodes_failure(datanodes, peers):
    servers, nodes, sender = with_streams(datanodes, peers, 1)
    with servers[0].store.lock(310):
        ack = send(peers, nodes, sender=sender, first=300, timeout_s=0.3)
    assert (ack.failed_hop, nodes[0].node_id in ack.reason) == (0, True)


def test_a_node_with_half_its_streams_taken_is_called_instead(datanodes, peers):
    (server,) = datanodes(1, streams=2)
    sender = bundles.Sender(peers.dial, 2)
    with server.streams.one_more():
        for first in range(0, 400, 100):
            assert send(peers, by_grpc([server]), sender=sender, first=first).failed_hop == -1
            until(lambda: server.streams.open == 1)


@pytest.mark.parametrize("silent", [1, 2])
def test_the_node_that_failed_is_named_by_its_place(datanodes, peers, silent):
    servers = datanodes(3)
    servers[silent].server.stop(0).wait(10)
    ack = send(peers, by_grpc(servers))
    assert ack.failed_hop == silent
    assert servers[silent].node.node_id in ack.reason


@pytest.mark.parametrize(
    "change",
    [
        lambda packets: packets[:-1],
        lambda packets: [packet(b"shorter"), *packets[1:]],
        lambda packets: [packet(DATA[1], flags=0), *packets[1:]],
    ],
    ids=["a block without packet", "another length", "not the last packet"],
)
def test_packets_that_are_not_whole_blocks_are_refused(datanodes, peers, change):
    (server,) = datanodes(1)
    packets = change([packet(data) for data in DATA.values()])
    assert send(peers, by_grpc([server]), packets).failed_hop == 0
    assert len(server.store) == 0


def test_a_node_that_lost_its_master_takes_no_bundle(datanodes, peers):
    (server,) = datanodes(1)
    server.fence_clock.advance(61.0)
    assert send(peers, by_grpc([server])).failed_hop == 0
    assert len(server.store) == 0


def test_a_bundle_that_outlasts_the_masters_patience_is_not_acknowledged(
    datanodes, peers, monkeypatch
):
    (server,) = datanodes(1)
    add_whole = server.store.add_whole

    def slowly(replicas):
        server.fence_clock.advance(90.0)
        return add_whole(replicas)

    monkeypatch.setattr(server.store, "add_whole", slowly)
    assert send(peers, by_grpc([server])).failed_hop == 0
    assert all(replica.state is not ReplicaState.FINALIZED for replica in server.store.report())
    assert len(server.store) == 0


def test_replicas_that_came_together_survive_a_power_loss():
    files = MemoryBlockFiles()
    store = ReplicaStore(files, lambda replica: None)
    store.add_whole(
        [
            WholeReplica(Block(number, 7, len(data)), CHUNK, checksum.checksums(data, CHUNK), data)
            for number, data in DATA.items()
        ]
    )
    again = files.crash(random.Random(1)).load()
    assert {replica.block for replica in again} == {
        Block(number, 7, len(data)) for number, data in DATA.items()
    }
    assert {replica.state for replica in again} == {ReplicaState.FINALIZED}


def test_a_bundle_that_is_cut_off_is_refused_at_every_length():
    bundle = pack_bundle(b"head", [b"one", b"", b"three"])
    assert unpack_bundle(bundle) == (b"head", [b"one", b"", b"three"])
    whole = {8, 15, 19}
    for length in range(len(bundle)):
        if length not in whole:
            with pytest.raises(ChecksumException):
                unpack_bundle(bundle[:length])
