"""Whole small blocks, many at once: verify, forward, store together, acknowledge.

The nodes below store at the same time. A bundle that fails here or below leaves what it
leaves: its blocks are abandoned by who sent it, and the NameNode has them deleted.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Protocol

import grpc
from google.protobuf.message import DecodeError

from blockstore import bundles, checksum
from blockstore.bundlelines import BundleLines
from blockstore.bundles import BUNDLE_BYTES_MAX, Delivery, pack_delivery, unpack_bundle
from blockstore.codec import block_from_wire, node_from_wire
from blockstore.datanode.fence import Fence
from blockstore.datanode.identity import Identity
from blockstore.datanode.packs import WholeReplica
from blockstore.datanode.pipeline import CHUNK_BYTES_MAX, PipelineLimits
from blockstore.datanode.store import ReplicaStore
from blockstore.datastream import LAST, Packet, unpack
from blockstore.errors import InvalidRequestException, StoreError
from blockstore.model import Block, Node
from blockstore.runtime import failpoint
from blockstore.wire import datanode_pb2

log = logging.getLogger(__name__)

# Bundles forwarded at once; more wait for their turn.
_FORWARDING_MAX: Final = 8


class Bundles:
    """Receives bundles. Thread-safe."""

    def __init__(
        self,
        store: ReplicaStore,
        *,
        dial: Callable[[Node], grpc.Channel],
        fence: Fence,
        limits: PipelineLimits,
        identity: Identity,
        secret: str | None = None,
    ) -> None:
        self._store = store
        self._identity = identity
        self._sender = bundles.Sender(dial, _FORWARDING_MAX, BundleLines(secret).open)
        self._fence = fence
        self._limits = limits
        self._forwarding = ThreadPoolExecutor(_FORWARDING_MAX, "forward")

    def receive(self, bundle: bytes) -> bytes:
        """Returns the ack."""
        below: _Below | None = None
        try:
            self._fence.check()
            raw, frames = unpack_bundle(bundle)
            header = _header(raw)
            blocks = [block_from_wire(block) for block in header.blocks]
            packets = _verified(blocks, frames, header.chunk_bytes)
            if header.downstream:
                below = self._forward(header, frames)
            reports = self._take(blocks, packets, header.chunk_bytes)
        except StoreError as error:
            log.warning("a bundle failed: %s", error)
            if below is not None:
                below.forget()
            return pack_delivery(Delivery(0, 0, str(error)))
        receipts: tuple[datanode_pb2.NodeReceipts, ...] = (self._receipts(reports),)
        if below is not None:
            ack = below.ack()
            if ack.failed_hop >= 0:
                return pack_delivery(Delivery(0, ack.failed_hop + 1, ack.reason))
            receipts += ack.receipts
        failpoint.hit("bundle.receive.before_ack")
        return pack_delivery(Delivery(len(blocks), receipts=receipts))

    def close(self) -> None:
        """Ends what is kept open to other nodes."""
        self._sender.close()

    def _receipts(self, reports: Sequence[int]) -> datanode_pb2.NodeReceipts:
        return datanode_pb2.NodeReceipts(
            node_id=self._identity.node_id,
            incarnation=self._identity.incarnation,
            reports=reports,
        )

    def _take(
        self, blocks: Sequence[Block], packets: Sequence[Packet], chunk_bytes: int
    ) -> list[int]:
        """Stores the blocks; returns the numbers of the first reports that can tell of them."""
        replicas = [
            WholeReplica(block, chunk_bytes, packet.crcs, packet.data)
            for block, packet in zip(blocks, packets, strict=True)
        ]
        self._fence.check()
        numbers = self._store.add_whole(replicas)
        try:
            # It may have taken long.
            self._fence.check()
        except StoreError:
            self._store.delete(blocks)
            raise
        return numbers

    def _forward(self, header: datanode_pb2.BundleHeader, frames: Sequence[bytes]) -> "_Below":
        """Begins to; costs a thread where there is no open stream."""
        following = node_from_wire(header.downstream[0])
        onward = datanode_pb2.BundleHeader()
        onward.CopyFrom(header)
        del onward.downstream[0]
        patience_s = self._limits.setup_s if bundles.is_light(frames) else self._limits.ack_s
        limit_s = patience_s + len(onward.downstream) * self._limits.hop_s
        begun = self._sender.begin(following, onward, frames, limit_s)
        if begun is not None:
            return begun
        bundle = bundles.pack_bundle(onward.SerializeToString(), frames)
        return _Called(self._forwarding.submit(self._sender.call, following, bundle, limit_s))


class _Below(Protocol):
    """What the nodes below are doing with a bundle."""

    def ack(self) -> Delivery: ...

    def forget(self) -> None: ...


class _Called:
    def __init__(self, call: Future[Delivery]) -> None:
        self._call = call

    def ack(self) -> Delivery:
        return self._call.result()

    def forget(self) -> None:
        """It ends by itself."""


def _header(raw: bytes) -> datanode_pb2.BundleHeader:
    try:
        header = datanode_pb2.BundleHeader.FromString(raw)
    except DecodeError:
        raise InvalidRequestException("a bundle's head can't be read") from None
    if not 0 < header.chunk_bytes <= CHUNK_BYTES_MAX:
        raise InvalidRequestException(f"chunks of {header.chunk_bytes} bytes are out of range")
    return header


def _verified(blocks: Sequence[Block], frames: Sequence[bytes], chunk_bytes: int) -> list[Packet]:
    if len(blocks) != len(frames) or sum(map(len, frames)) > 2 * BUNDLE_BYTES_MAX:
        raise InvalidRequestException(f"{len(frames)} packets for {len(blocks)} blocks in a bundle")
    packets = []
    for block, frame in zip(blocks, frames, strict=True):
        packet = unpack(frame, chunk_bytes)
        if packet.offset or not packet.flags & LAST or len(packet.data) != block.length:
            raise InvalidRequestException(f"{block} isn't whole in its bundle")
        checksum.verify(packet.data, packet.crcs, chunk_bytes, what=str(block), offset=0)
        packets.append(packet)
    return packets
