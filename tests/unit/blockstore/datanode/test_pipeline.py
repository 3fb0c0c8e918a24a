"""Write pipelines over real streams: what is acknowledged, and who is blamed."""

import queue
import random
import threading
import time
from contextlib import suppress

import grpc
import pytest

from blockstore import checksum
from blockstore.codec import block_to_wire, nodes_to_wire
from blockstore.datanode.disk import SystemDisk
from blockstore.datanode.pipeline import PipelineLimits
from blockstore.datanode.transfer import copy
from blockstore.datastream import LAST, SYNC, WRITE_METHOD, Ack, Packet, pack, pack_ack
from blockstore.errors import (
    ChecksumException,
    InvalidRequestException,
    NotReadyException,
    UnreachableException,
)
from blockstore.model import Block, Node, Replica, ReplicaState
from blockstore.packetstream import PacketStreams
from blockstore.runtime import rpc
from blockstore.wire import datanode_pb2

CHUNK = 1024
BLOCK = Block(1, 10)
DATA = random.Random(1).randbytes(10_000)
CREATE = datanode_pb2.WriteHeader.CREATE
RESUME = datanode_pb2.WriteHeader.RESUME
WAIT_S = 30.0


class Writer:
    """The client's end, packet by packet."""

    def __init__(self, streams, nodes: list[Node], *, stage=CREATE, block: Block = BLOCK) -> None:
        header = datanode_pb2.WriteHeader(
            block=block_to_wire(block),
            stage=stage,
            downstream=nodes_to_wire(nodes[1:]),
            chunk_bytes=CHUNK,
        )
        self._acks: queue.Queue[Ack] = queue.Queue()
        self._stream = streams.open(
            nodes[0],
            header,
            on_ack=self._acks.put,
            on_end=lambda reason: self._acks.put(Ack(0, 99, reason)),
        )
        self._seq = 0

    def ack(self) -> Ack:
        return self._acks.get(timeout=WAIT_S)

    def send(self, offset: int, data: bytes, flags: int = 0, *, crcs: bytes | None = None) -> int:
        self._seq += 1
        crcs = checksum.checksums(data, CHUNK) if crcs is None else crcs
        self._stream.send(pack(Packet(offset, self._seq, flags, crcs, data)), WAIT_S)
        return self._seq

    def until(self, seq: int) -> Ack:
        """The ack that covers `seq`, or the failure that came instead."""
        while True:
            ack = self.ack()
            if ack.failed_hop >= 0 or ack.seq >= seq:
                return ack

    def cancel(self) -> None:
        self._stream.cancel()


@pytest.fixture(params=[True, False], ids=["by port", "over gRPC"])
def by_port(request):
    """All that follows is to be true of both ways."""
    return request.param


@pytest.fixture
def streams(peers, by_port):
    return PacketStreams(peers.dial, None, by_port=by_port)


def content(node, length: int) -> bytes:
    files = node.store.read(Block(1, 10))
    try:
        crcs, data = files.run(0, length)
        checksum.verify(data, crcs, CHUNK, what="replica", offset=0)
        return data
    finally:
        files.close()


def nodes_of(datanodes) -> list[Node]:
    return [datanode.node for datanode in datanodes]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_block_goes_down_the_pipeline_and_is_finalised_everywhere(datanodes, streams, count):
    trio = datanodes(count)
    writer = Writer(streams, nodes_of(trio))
    assert writer.ack() == Ack(0)
    for start in range(0, len(DATA), 4 * CHUNK):
        writer.send(start, DATA[start : start + 4 * CHUNK])
    last = writer.send(len(DATA) // CHUNK * CHUNK, b"", LAST)
    assert writer.until(last) == Ack(last)
    for node in trio:
        assert content(node, len(DATA)) == DATA
        assert node.reports == [Replica(Block(1, 10, len(DATA)), ReplicaState.FINALIZED)]


class SlowDisk(SystemDisk):
    """Holds the end of a finalisation until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.go.set()

    def sync_directory(self, path: str) -> None:
        if path.endswith("/current"):
            assert self.go.wait(WAIT_S)
        super().sync_directory(path)


def test_a_first_node_that_finishes_after_the_others_breaks_nothing(datanodes, streams):
    disk = SlowDisk()
    pair = datanodes(2, first_disk=disk)
    disk.go.clear()
    writer = Writer(streams, nodes_of(pair))
    last = writer.send(0, DATA, LAST)
    assert writer.ack() == Ack(0)
    until = time.monotonic() + WAIT_S
    while pair[1].streams.open and time.monotonic() < until:
        time.sleep(0.01)
    # The end of its stream travels back to the first node.
    time.sleep(0.2)
    disk.go.set()
    assert writer.until(last) == Ack(last)


def test_wrong_bytes_are_neither_stored_nor_acknowledged(datanodes, streams):
    pair = datanodes(2)
    writer = Writer(streams, nodes_of(pair))
    good = writer.send(0, DATA[: 2 * CHUNK])
    assert writer.until(good) == Ack(good)
    writer.send(2 * CHUNK, DATA[:CHUNK], crcs=b"\0\0\0\0")
    failure = writer.until(99)
    assert failure.failed_hop == 0
    assert "don't match" in failure.reason
    for node in pair:
        assert node.store.report()[0].block.length == 2 * CHUNK


@pytest.mark.parametrize("dead", [1, 2])
def test_a_dead_node_is_named_by_its_place_and_nothing_is_left(datanodes, streams, dead):
    trio = datanodes(3)
    trio[dead].stop()
    failure = Writer(streams, nodes_of(trio)).ack()
    assert failure.failed_hop == dead
    for node in trio[:dead]:
        assert node.store.report() == []


@pytest.mark.parametrize("dying", [1, 2])
def test_a_node_that_dies_in_mid_block_is_named_and_the_others_keep_their_bytes(
    datanodes, streams, dying
):
    trio = datanodes(3)
    writer = Writer(streams, nodes_of(trio))
    seq = writer.send(0, DATA[: 2 * CHUNK])
    assert writer.until(seq) == Ack(seq)
    trio[dying].stop()
    assert writer.until(99).failed_hop == dying
    for number in {0, 1, 2} - {dying}:
        assert trio[number].store.report() == [Replica(Block(1, 10, 2 * CHUNK), ReplicaState.RBW)]


def test_a_silent_node_is_named_by_the_one_before_it(datanodes, streams):
    (first,) = datanodes(1, limits=PipelineLimits(ack_s=0.3, hop_s=0.0))

    def hear_and_say_nothing(frames, context):
        yield pack_ack(Ack(0))
        for _ in frames:
            pass

    server = rpc.threaded_server(threads=2)
    service, _, method = WRITE_METHOD.lstrip("/").partition("/")
    handler = rpc.raw_handler(service, stream_stream={method: hear_and_say_nothing})
    server.add_generic_rpc_handlers((handler,))
    mute = Node("dn-mute", "127.0.0.1", rpc.bind(server, "127.0.0.1", 0))
    server.start()
    try:
        writer = Writer(streams, [first.node, mute])
        writer.send(0, DATA[:CHUNK])
        failure = writer.until(99)
        assert failure.failed_hop == 1
        assert "dn-mute" in failure.reason
    finally:
        server.stop(0).wait(WAIT_S)


def test_synced_bytes_are_durable_before_their_ack(datanodes, streams):
    (node,) = datanodes(1)
    writer = Writer(streams, [node.node])
    writer.send(0, DATA[:1500])
    seq = writer.send(CHUNK, b"", SYNC)
    assert writer.until(seq) == Ack(seq)
    assert node.store.info(1) == Replica(Block(1, 10, 1500), ReplicaState.RBW)


def test_a_broken_stream_leaves_the_replica_for_its_successor(datanodes, streams):
    (node,) = datanodes(1)
    writer = Writer(streams, [node.node])
    seq = writer.send(0, DATA[:3000])
    assert writer.until(seq) == Ack(seq)
    writer.cancel()
    cut = Block(1, 11, 2500)
    node.store.update(BLOCK, cut, finalize=False)
    again = Writer(streams, [node.node], stage=RESUME, block=cut)
    assert again.ack() == Ack(0)
    last = again.send(2 * CHUNK, DATA[2 * CHUNK :], LAST)
    assert again.until(last) == Ack(last)
    assert content(node, len(DATA)) == DATA


def test_a_stream_that_lost_its_replica_to_a_recovery_is_refused(datanodes, streams):
    (node,) = datanodes(1)
    writer = Writer(streams, [node.node])
    seq = writer.send(0, DATA[:3000])
    assert writer.until(seq) == Ack(seq)
    assert node.store.begin_recovery(BLOCK, 12).block.length == 3000
    with suppress(UnreachableException):
        # The stream may have ended already.
        writer.send(2 * CHUNK, DATA[2 * CHUNK : 4000])
    assert "was taken from this stream" in writer.until(99).reason
    assert node.store.info(BLOCK.id).block.length == 3000
    with pytest.raises(InvalidRequestException):
        node.store.resume(BLOCK)


def test_a_vanished_writer_holds_no_stream_once_its_block_is_recovered(datanodes, streams):
    first, second = datanodes(2, streams=1)
    writer = Writer(streams, nodes_of([first, second]))
    seq = writer.send(0, DATA[:3000])
    assert writer.until(seq) == Ack(seq)
    for node in (first, second):
        node.store.begin_recovery(BLOCK, 12)
    # Nobody has said anything.
    assert "was taken from this stream" in writer.ack().reason
    until = time.monotonic() + WAIT_S
    while any(node.streams.open for node in (first, second)) and time.monotonic() < until:
        time.sleep(0.01)
    assert [node.streams.open for node in (first, second)] == [0, 0]


def test_a_node_that_lost_its_namenode_takes_no_writes(datanodes, streams):
    (node,) = datanodes(1)
    writer = Writer(streams, [node.node])
    assert writer.ack() == Ack(0)
    node.fence_clock.advance(61.0)
    writer.send(0, DATA[:CHUNK])
    assert "has not reached its NameNode" in writer.until(99).reason
    assert "has not reached its NameNode" in Writer(streams, [node.node]).ack().reason


def test_more_streams_than_threads_are_sent_elsewhere(datanodes, streams):
    (node,) = datanodes(1, streams=1)
    writer = Writer(streams, [node.node])
    assert writer.ack() == Ack(0)
    second = Writer(streams, [node.node], block=Block(2, 10)).ack()
    assert second.failed_hop == 0
    assert "streams_max" in second.reason


def test_garbage_ends_the_stream_with_an_error(datanodes, streams, peers):
    (node,) = datanodes(1)
    call = peers.dial(node.node).stream_stream(WRITE_METHOD)(iter([b"\xff\xff"]), timeout=WAIT_S)
    with pytest.raises(grpc.RpcError) as caught:
        list(call)
    assert isinstance(rpc.translate(caught.value, "it"), InvalidRequestException)
    writer = Writer(streams, [node.node])
    assert writer.ack() == Ack(0)
    writer._stream.send(b"short", WAIT_S)
    assert writer.until(99).failed_hop == 0


# --- copies --------------------------------------------------------------------------------


def finalised(node, streams, data: bytes = DATA) -> Block:
    writer = Writer(streams, [node.node])
    last = writer.send(0, data, LAST)
    assert writer.until(last) == Ack(last)
    return Block(1, 10, len(data))


def test_a_copy_is_whole_or_not_there(datanodes, streams):
    source, target = datanodes(2)
    block = finalised(source, streams)
    copy(source.store, block, target.node, streams)
    assert content(target, len(DATA)) == DATA
    assert target.reports == [Replica(block, ReplicaState.FINALIZED)]


def test_a_copy_to_who_has_it_is_refused_and_makes_it_say_so(datanodes, streams):
    source, target = datanodes(2)
    block = finalised(source, streams)
    copy(source.store, block, target.node, streams)
    with pytest.raises(UnreachableException, match="refused"):
        copy(source.store, block, target.node, streams)
    assert target.reports == [Replica(block, ReplicaState.FINALIZED)] * 2


class Refusing:
    """Streams to a node that takes the header, and with the first packet says why it ends them."""

    def open(self, node, header, *, on_ack, on_end):
        self._on_ack = on_ack
        on_ack(Ack(0))
        return self

    def send(self, frame, timeout_s):
        self._on_ack(Ack(0, 0, "its disk is full"))
        raise UnreachableException("it has broken off the connection")

    def cancel(self):
        pass


def test_a_copy_that_is_refused_in_the_middle_says_why(datanodes, streams):
    source, target = datanodes(2)
    block = finalised(source, streams)
    with pytest.raises(UnreachableException, match=r"copy to dn-1 .*: its disk is full"):
        copy(source.store, block, target.node, Refusing())


def test_rot_doesnt_spread_and_is_reported(datanodes, streams, tmp_path):
    source, target = datanodes(2)
    block = finalised(source, streams)
    path = tmp_path / "0" / "current" / "blk_1"
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)
    with pytest.raises(ChecksumException):
        copy(source.store, block, target.node, streams)
    assert target.store.report() == []
    assert source.reports[-1] == Replica(block, ReplicaState.CORRUPT)


def test_readers_see_of_an_open_replica_what_was_acknowledged(datanodes, streams):
    (node,) = datanodes(1)
    writer = Writer(streams, [node.node])
    seq = writer.send(0, DATA[:1500])
    assert writer.until(seq) == Ack(seq)
    files = node.store.read(BLOCK)
    crcs, data = files.run(0, CHUNK * 8)
    files.close()
    assert data == DATA[:1500]
    checksum.verify(data, crcs, CHUNK, what="it", offset=0)
    writer.cancel()


def test_what_waits_for_recovery_is_not_read(datanodes, streams):
    (node,) = datanodes(1)
    writer = Writer(streams, [node.node])
    seq = writer.send(0, DATA[:1500])
    assert writer.until(seq) == Ack(seq)
    writer.cancel()
    node.files.close()
    found = type(node.store)(type(node.files)([node.files.volumes[0].path]), node.reports.append)
    with pytest.raises(NotReadyException):
        found.read(BLOCK)
