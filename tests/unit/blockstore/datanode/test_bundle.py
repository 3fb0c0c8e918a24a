"""Bundles of whole small blocks: all of them durable everywhere, or none of them counts."""

import random

import pytest

from blockstore import bundles, checksum
from blockstore.bundles import pack_bundle, unpack_bundle
from blockstore.codec import block_to_wire, nodes_to_wire
from blockstore.datanode.blockfiles import MemoryBlockFiles
from blockstore.datanode.store import ReplicaStore
from blockstore.datanode.writing import Writing
from blockstore.datastream import LAST, Packet, pack
from blockstore.errors import ChecksumException
from blockstore.model import Block, ReplicaState
from blockstore.wire import datanode_pb2

CHUNK = 512
DATA = {number: random.Random(number).randbytes(number * 100) for number in range(1, 31)}


def packet(data, *, flags=LAST, crcs=None):
    return pack(Packet(0, 1, flags, crcs or checksum.checksums(data, CHUNK), data))


def send(peers, nodes, packets=None, *, chunk_bytes=CHUNK):
    header = datanode_pb2.BundleHeader(
        blocks=[block_to_wire(Block(number, 7, len(data))) for number, data in DATA.items()],
        downstream=nodes_to_wire(nodes[1:]),
        chunk_bytes=chunk_bytes,
    )
    packets = packets or [packet(data) for data in DATA.values()]
    return bundles.send(peers.dial(nodes[0]), header, packets, to="the first", timeout_s=20)


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
    ack = send(peers, [server.node for server in servers])
    assert (ack.seq, ack.failed_hop) == (len(DATA), -1)
    for server in servers:
        assert stored(server) == DATA
        assert len(server.reports) == len(DATA)


def test_one_wrong_byte_and_no_block_of_the_bundle_is_stored_or_forwarded(datanodes, peers):
    servers = datanodes(2)
    packets = [packet(data) for data in DATA.values()]
    packets[17] = packets[17][:-1] + bytes([packets[17][-1] ^ 1])
    ack = send(peers, [server.node for server in servers], packets)
    assert ack.failed_hop == 0
    assert "blk_18" in ack.reason
    assert [len(server.store) for server in servers] == [0, 0]


@pytest.mark.parametrize("silent", [1, 2])
def test_the_node_that_failed_is_named_by_its_place(datanodes, peers, silent):
    servers = datanodes(3)
    servers[silent].server.stop(0).wait(10)
    ack = send(peers, [server.node for server in servers])
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
    assert send(peers, [server.node], packets).failed_hop == 0
    assert len(server.store) == 0


def test_a_node_that_lost_its_master_takes_no_bundle(datanodes, peers):
    (server,) = datanodes(1)
    server.fence_clock.advance(61.0)
    assert send(peers, [server.node]).failed_hop == 0
    assert len(server.store) == 0


def test_replicas_finished_together_survive_a_power_loss():
    files = MemoryBlockFiles()
    store = ReplicaStore(files, lambda replica: None)
    writings = []
    for number, data in DATA.items():
        writings.append(store.create(Block(number, 7), CHUNK))
        writings[-1].write(0, checksum.checksums(data, CHUNK), data)
    Writing.finish_together(writings)
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
