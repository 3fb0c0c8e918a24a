"""Bundles: whole small blocks that go to the same nodes, many in one message.

DataNodeData/Bundle (one message up, one down). For who sends them often, one after the other: over
the byte port (byteframes.py), or in a stream (DataNodeData/Bundles) where that can't be reached.

request     header_bytes u32 | a serialised BundleHeader (protos/blockstore/datanode.proto)
            | for each block: packet_bytes u32 | packet      (little-endian)
reply       an ack with the hop that failed; or one with the number of blocks as its seq
            | a serialised BundleReceipts

- Packets and acks are datastream.py's. Each packet is a whole block: offset 0, LAST.
- Every hop verifies all before it stores any, fsyncs and finalises them together, and
  acknowledges when those below have.
- With its ack every hop gives its receipts for the blocks. The writer hands them on to the
  NameNode, which needn't wait for the node's own report then.
- A bundle that failed anywhere counts for nothing: its blocks are abandoned.
"""

import struct
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError

from blockstore.datastream import Ack, pack_ack, unpack_ack
from blockstore.errors import ChecksumException, StoreError
from blockstore.keptstreams import KeptStream, KeptStreams
from blockstore.model import Node, Receipt
from blockstore.runtime import rpc
from blockstore.wire import datanode_pb2

BUNDLE_METHOD: Final = "/blockstore.DataNodeData/Bundle"
BUNDLES_METHOD: Final = "/blockstore.DataNodeData/Bundles"

# Data of one bundle, at most: a tenth of a second of a slow disk.
BUNDLE_BYTES_MAX: Final = 8 * 1024 * 1024
# A bundle of less is waited for as a pipeline that is set up is, not as one that stores megabytes.
LIGHT_BYTES: Final = 1024 * 1024

_SIZE = struct.Struct("<I")
_ACK_BYTES: Final = len(pack_ack(Ack(0)))


@dataclass(frozen=True, slots=True)
class Delivery(Ack):
    """The ack of a bundle."""

    # Of the nodes, in pipeline order; those that gave none report at once.
    receipts: tuple[datanode_pb2.NodeReceipts, ...] = ()

    def of_block(self, number: int) -> tuple[Receipt, ...]:
        """What the writer of a block hands on; blocks count from 0, in the bundle's order."""
        return tuple(
            Receipt(node.node_id, node.incarnation, node.reports[number])
            for node in self.receipts
            if number < len(node.reports)
        )


def pack_delivery(delivery: Delivery) -> bytes:
    ack = pack_ack(delivery)
    if delivery.failed_hop >= 0:
        return ack
    return ack + datanode_pb2.BundleReceipts(nodes=delivery.receipts).SerializeToString()


def unpack_delivery(frame: bytes) -> Delivery:
    head = unpack_ack(frame[:_ACK_BYTES])
    if head.failed_hop >= 0:
        ack = unpack_ack(frame)
        return Delivery(ack.seq, ack.failed_hop, ack.reason)
    try:
        receipts = datanode_pb2.BundleReceipts.FromString(frame[_ACK_BYTES:])
    except DecodeError:
        # The blocks arrived; their nodes will report them.
        return Delivery(head.seq)
    return Delivery(head.seq, receipts=tuple(receipts.nodes))


def is_light(packets: Sequence[bytes]) -> bool:
    return sum(map(len, packets)) <= LIGHT_BYTES


def pack_bundle(header: bytes, packets: Iterable[bytes]) -> bytes:
    parts = [_SIZE.pack(len(header)), header]
    for packet in packets:
        parts += (_SIZE.pack(len(packet)), packet)
    return b"".join(parts)


def unpack_bundle(bundle: bytes) -> tuple[bytes, list[bytes]]:
    """The header, and the packets as frames.

    Raises:
        ChecksumException: a length in it contradicts its own.
    """
    pieces, at = [], 0
    while at < len(bundle):
        (size,) = _SIZE.unpack_from(bundle, at) if at + _SIZE.size <= len(bundle) else (0,)
        at += _SIZE.size
        if at + size > len(bundle):
            raise ChecksumException(f"a bundle of {len(bundle)} bytes is cut off at {at}")
        pieces.append(bundle[at : at + size])
        at += size
    if not pieces:
        raise ChecksumException("a bundle without a header")
    return pieces[0], pieces[1:]


class Sender:
    """Sends bundles for all threads of one process. Thread-safe."""

    def __init__(
        self,
        dial: Callable[[Node], grpc.Channel],
        streams_per_node: int,
        opened: Callable[[Node], KeptStream | None] = lambda node: None,
    ) -> None:
        """`opened`: as KeptStreams has it."""
        self._dial = dial
        self._streams = KeptStreams(dial, BUNDLES_METHOD, streams_per_node, opened)

    def begin(
        self,
        node: Node,
        header: datanode_pb2.BundleHeader,
        packets: Sequence[bytes],
        timeout_s: float,
    ) -> "Sending | None":
        """Sends a bundle in an open stream; None when there's none: `send` makes a call then."""
        # What one of megabytes costs isn't the call.
        stream = self._streams.take(node) if is_light(packets) else None
        if stream is None:
            return None
        return Sending(
            self, node, pack_bundle(header.SerializeToString(), packets), timeout_s, stream
        )

    def send(
        self,
        node: Node,
        header: datanode_pb2.BundleHeader,
        packets: Sequence[bytes],
        timeout_s: float,
    ) -> Delivery:
        """The bundle's ack from its first node; one that doesn't answer is the hop that failed."""
        begun = self.begin(node, header, packets, timeout_s)
        if begun is not None:
            return begun.ack()
        return self.call(node, pack_bundle(header.SerializeToString(), packets), timeout_s)

    def call(self, node: Node, bundle: bytes, timeout_s: float) -> Delivery:
        method: Any = self._dial(node).unary_unary(BUNDLE_METHOD)
        try:
            return unpack_delivery(method(bundle, timeout=timeout_s))
        except grpc.RpcError as error:
            return Delivery(0, 0, str(rpc.translate(error, str(node))))

    def give_back(self, node: Node, stream: KeptStream) -> None:
        self._streams.give_back(node, stream)

    def close(self) -> None:
        """The channels are their maker's."""
        self._streams.close()


class Sending:
    """A bundle on its way in a stream; ends in `ack` or `forget`."""

    def __init__(
        self, sender: Sender, node: Node, bundle: bytes, timeout_s: float, stream: KeptStream
    ) -> None:
        self._sender = sender
        self._node = node
        self._bundle = bundle
        self._timeout_s = timeout_s
        self._stream = stream
        self._until = time.monotonic() + timeout_s
        stream.begin(bundle, timeout_s)

    def ack(self) -> Delivery:
        """As `Sender.send` gives it. A stream that broke proves nothing: its node is called."""
        try:
            return unpack_delivery(self._stream.end())
        except StoreError as error:
            left_s = self._until - time.monotonic()
            if left_s <= 0:
                return Delivery(0, 0, str(error))
        finally:
            self._sender.give_back(self._node, self._stream)
        return self._sender.call(self._node, self._bundle, left_s)

    def forget(self) -> None:
        """Nobody wants the ack."""
        self._stream.cancel()
        self._sender.give_back(self._node, self._stream)
