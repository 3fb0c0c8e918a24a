"""How a small file gets to its nodes: whole at its close, or through a pipeline after all."""

import pytest

from blockstore.bundles import Delivery
from blockstore.client.exclusions import excluded
from blockstore.client.settings import ClientSettings
from blockstore.client.wholeblocks import SMALL_BYTES
from blockstore.client.writer import BlockWriter, Tail
from blockstore.datastream import Ack, unpack
from blockstore.errors import PlacementException
from blockstore.model import Block, FileStatus, LocatedBlock, Node, Receipt
from blockstore.runtime.clock import FakeClock
from blockstore.wire import datanode_pb2

NODES = tuple(Node(f"dn-{n}", f"10.0.0.{n}", 9866) for n in range(3))
SETTINGS = ClientSettings()
# Two of the nodes give receipts.
TAKEN = Delivery(
    1,
    receipts=(
        datanode_pb2.NodeReceipts(node_id="dn-0", incarnation=4, reports=[12]),
        datanode_pb2.NodeReceipts(node_id="dn-1", incarnation=1),
        datanode_pb2.NodeReceipts(node_id="dn-2", incarnation=5, reports=[13]),
    ),
)


class FakeNameNode:
    def __init__(self):
        self.closed_with = []
        self.receipts = None

    def complete(self, file, last, receipts):
        self.closed_with.append(last)
        self.receipts = receipts
        return ""

    def release_lease(self, file, discard):
        self.closed_with.append("given up")


class FakeStream:
    def __init__(self, into, on_ack):
        self._into = into
        self._on_ack = on_ack
        self.sizes = []
        on_ack(Ack(0))

    def send(self, frame, timeout_s):
        packet = unpack(frame, SETTINGS.chunk_bytes)
        if len(packet.data):
            self._into[packet.offset :] = packet.data
            self.sizes.append(len(packet.data))
        self._on_ack(Ack(packet.seq))

    def cancel(self):
        pass


class FakePipelines:
    """Nodes that take everything; `ack` is what a whole block is answered with."""

    path = "/f"
    previous = None
    clock = FakeClock()

    def __init__(self, ack):
        self.story = []
        self.is_full = False
        self.streamed = bytearray()
        self._ack = ack
        self._blocks = 0

    def allocate(self, excluded):
        self._blocks += 1
        self.story.append(f"allocates without {sorted(map(str, excluded.values()))}")
        if self.is_full:
            raise PlacementException("no node has room")
        return LocatedBlock(Block(self._blocks, 7), 0, NODES, under_construction=True)

    def deliver(self, block, nodes, data):
        self.story.append(f"delivers {len(data)}")
        return self._ack

    def abandon(self, block):
        self.story.append(f"abandons {block.id}")

    def is_thin(self, nodes):
        return False

    def holds_up(self, nodes, leaving):
        return bool(leaving)

    def create_header(self, located):
        return datanode_pb2.WriteHeader()

    def stream(self, header, nodes, *, on_ack, on_end):
        self.story.append("streams")
        self.last_stream = FakeStream(self.streamed, on_ack)
        return self.last_stream


def writing(*, ack=None, block_bytes=1 << 30, tail=None):
    file = FileStatus("/f", False, 0, 3, block_bytes, 0.0, 5, under_construction=True)
    namenode, pipelines = FakeNameNode(), FakePipelines(ack or TAKEN)
    writer = BlockWriter(namenode, pipelines, file, SETTINGS, FakeClock(), lambda: None, tail)
    return writer, pipelines, namenode


def test_a_small_file_goes_whole_when_it_is_closed():
    writer, pipelines, namenode = writing()
    writer.write(b"a" * 600)
    writer.write(b"b" * 400)
    assert (writer.tell(), pipelines.story) == (1000, [])
    writer.close()
    assert pipelines.story == ["allocates without []", "delivers 1000"]
    assert namenode.closed_with == [Block(1, 7, 1000)]
    assert namenode.receipts == (Receipt("dn-0", 4, 12), Receipt("dn-2", 5, 13))


@pytest.mark.parametrize(
    ("hop", "failed"),
    [
        (0, "dn-0 (10.0.0.0:9866) connection refused from client"),
        (1, "dn-1 (10.0.0.1:9866) connection refused from dn-0"),
        # Counted by a node that was told of more.
        (7, "dn-2 (10.0.0.2:9866) connection refused from dn-1"),
    ],
)
def test_what_could_not_be_delivered_goes_through_a_pipeline_without_the_node_that_failed(
    hop, failed
):
    writer, pipelines, namenode = writing(ack=Delivery(0, hop, "connection refused"))
    writer.write(b"a" * 1000)
    writer.close()
    assert pipelines.story == [
        "allocates without []",
        "delivers 1000",
        "abandons 1",
        f"allocates without ['{failed}']",
        "streams",
    ]
    assert bytes(pipelines.streamed) == b"a" * 1000
    assert (namenode.closed_with, namenode.receipts) == ([Block(2, 7, 1000)], ())


@pytest.mark.parametrize("flush", [BlockWriter.flush, BlockWriter.hflush])
def test_what_is_to_be_seen_before_the_close_goes_through_a_pipeline_at_once(flush):
    writer, pipelines, namenode = writing()
    flush(writer)
    assert pipelines.story == []
    writer.write(b"a" * 1000)
    flush(writer)
    assert (pipelines.story[-1], bytes(pipelines.streamed)) == ("streams", b"a" * 1000)
    writer.write(b"b" * 1000)
    writer.close()
    assert bytes(pipelines.streamed) == b"a" * 1000 + b"b" * 1000
    assert namenode.closed_with == [Block(1, 7, 2000)]


def test_a_larger_file_and_one_of_several_blocks_go_through_pipelines():
    writer, pipelines, namenode = writing()
    writer.write(bytes(SMALL_BYTES + 1))
    writer.close()
    assert pipelines.story == ["allocates without []", "streams"]
    writer, pipelines, namenode = writing(block_bytes=1024)
    writer.write(bytes(1500))
    writer.close()
    assert pipelines.story == ["allocates without []", "streams"] * 2
    assert namenode.closed_with == [Block(2, 7, 476)]


def test_an_empty_file_has_no_block():
    writer, pipelines, namenode = writing()
    writer.close()
    assert (pipelines.story, namenode.closed_with) == ([], [None])


def test_a_small_file_that_is_discarded_asks_for_no_block():
    writer, pipelines, namenode = writing()
    writer.write(b"a" * 1000)
    writer.discard()
    writer.flush()
    assert (pipelines.story, namenode.closed_with, writer.closed) == ([], ["given up"], True)


def test_a_close_that_failed_asks_for_a_block_once():
    writer, pipelines, namenode = writing()
    pipelines.is_full = True
    writer.write(b"a" * 1000)
    with pytest.raises(PlacementException, match="no node has room"):
        writer.close()
    assert (pipelines.story, writer.closed) == (["allocates without []"], True)
    writer.close()
    writer.discard()
    assert (pipelines.story, namenode.closed_with) == (["allocates without []"], ["given up"])


@pytest.mark.parametrize("again", [BlockWriter.flush, BlockWriter.hsync, BlockWriter.close])
def test_a_flush_that_failed_is_not_tried_again(again):
    writer, pipelines, _ = writing()
    pipelines.is_full = True
    writer.write(b"a" * 1000)
    with pytest.raises(PlacementException):
        writer.flush()
    pipelines.is_full = False
    with pytest.raises(PlacementException, match="no node has room"):
        again(writer)
    assert pipelines.story == ["allocates without []"]
    writer.discard()


def test_a_file_that_is_written_further_goes_through_a_pipeline():
    writer, pipelines, namenode = writing(tail=Tail(100, last=Block(9, 7, 100)))
    writer.write(b"a" * 1000)
    assert writer.tell() == 1100
    writer.close()
    assert pipelines.story == ["allocates without []", "streams"]
    assert (pipelines.previous, namenode.closed_with) == (Block(9, 7, 100), [Block(1, 7, 1000)])
    writer, pipelines, namenode = writing(tail=Tail(100, last=Block(9, 7, 100)))
    writer.close()
    assert (pipelines.story, namenode.closed_with) == ([], [Block(9, 7, 100)])


def test_an_empty_file_that_is_written_further_goes_whole():
    writer, pipelines, namenode = writing(tail=Tail())
    writer.write(b"a" * 1000)
    writer.close()
    assert pipelines.story == ["allocates without []", "delivers 1000"]
    assert namenode.closed_with == [Block(1, 7, 1000)]


def test_a_writer_that_makes_way_for_a_leaving_node_asks_for_no_node_that_failed():
    writer, pipelines, _ = writing()
    writer.write(b"a" * 1000)
    writer.hflush()
    writer._excluded["dn-1"] = excluded(NODES[1], "connection refused", seen_from="dn-0")
    writer.move_on({"dn-0": 2})
    assert pipelines.story == [
        "allocates without []",
        "streams",
        "allocates without ['dn-1 (10.0.0.1:9866) connection refused from dn-0']",
        "abandons 2",
    ]
    assert pipelines.previous == Block(1, 7, 1000)
    writer.discard()


KIB = 1024


@pytest.mark.parametrize(
    ("held", "packet"),
    [
        # A quarter, in whole chunks of 64 KiB; one at least, and no more than usually.
        (4096 * KIB, 1024 * KIB),
        (1100 * KIB, 256 * KIB),
        (1, 64 * KIB),
        (1 << 40, 4096 * KIB),
    ],
)
def test_a_writer_that_is_to_hold_little_sends_smaller_packets(held, packet):
    writer, pipelines, _ = writing()
    writer.hold_at_most(held)
    data = bytes(range(256)) * 4 * KIB * 9
    writer.write(data)
    writer.close()
    assert pipelines.streamed == data
    assert pipelines.last_stream.sizes[0] == packet
    assert set(pipelines.last_stream.sizes[:-1]) == {packet}
