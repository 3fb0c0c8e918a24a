"""Replicas on their way out: to readers, and whole copies to other DataNodes."""

import struct
import threading
from collections.abc import Callable, Iterator
from typing import Final

from blockstore import checksum
from blockstore.codec import block_from_wire, block_to_wire
from blockstore.datanode.keptfiles import KeptFiles
from blockstore.datanode.store import ReplicaStore
from blockstore.datanode.storedfiles import StoredFiles
from blockstore.datastream import LAST, PACKET_DATA_BYTES, Ack, Packet, pack
from blockstore.errors import ChecksumException, InvalidRequestException, UnreachableException
from blockstore.model import Block, Node
from blockstore.packetstream import PacketStream, PacketStreams
from blockstore.wire import datanode_pb2

# Packets of a copy that its target has not acknowledged: fills a link of 1 GB/s and 10 ms.
WINDOW_PACKETS: Final = 16

_CHUNK_BYTES: Final = struct.Struct("<I")


def steps(files: StoredFiles, offset: int, length: int) -> Iterator[tuple[int, int, int, int]]:
    """Offset, length, seq and flags of packets for the chunks around a range of a replica; the last
    has LAST, and may be empty.
    """
    chunk = files.chunk_bytes
    step = max(chunk, PACKET_DATA_BYTES // chunk * chunk)
    start = offset // chunk * chunk
    end = min(-(-(offset + length) // chunk) * chunk, files.block.length)
    if start >= end:
        yield start, 0, 1, LAST
    for seq, at in enumerate(range(start, end, step), start=1):
        yield at, min(step, end - at), seq, LAST if at + step >= end else 0


def packets(files: StoredFiles, offset: int, length: int) -> Iterator[Packet]:
    """The chunks around a range of a replica; ends with a LAST packet, perhaps an empty one."""
    for at, size, seq, flags in steps(files, offset, length):
        crcs, data = files.run(at, size) if size else (b"", b"")
        yield Packet(at, seq, flags, crcs, data)


def frames(files: StoredFiles, offset: int, length: int) -> Iterator[bytes]:
    """The same packets as they travel."""
    for at, size, seq, flags in steps(files, offset, length):
        yield files.frame(at, size, seq, flags) if size else pack(Packet(at, seq, flags, b"", b""))


def read(store: ReplicaStore, header: datanode_pb2.ReadHeader) -> Iterator[bytes]:
    """The frames of a Read stream; the reader verifies them.

    Raises:
        ReplicaNotFoundException, NotReadyException: the replica can't be read.
        ChecksumException: its files contradict each other.
    """
    block = block_from_wire(header.block)
    try:
        files = store.read(block)
        try:
            yield _CHUNK_BYTES.pack(files.chunk_bytes)
            length = header.length or files.block.length
            yield from frames(files, header.offset, length)
        finally:
            files.close()
    except ChecksumException as error:
        store.rotten(block, str(error))
        raise


def verify(store: ReplicaStore, block: Block) -> int:
    """Reads all of a replica; returns its length.

    Raises:
        ReplicaNotFoundException, NotReadyException: it can't be read.
        ChecksumException: it is damaged; it has been reported.
    """
    files = store.read(block)
    try:
        for packet in packets(files, 0, files.block.length):
            checksum.verify(
                packet.data,
                packet.crcs,
                files.chunk_bytes,
                what=str(files.block),
                offset=packet.offset,
            )
        return files.block.length
    except ChecksumException as error:
        store.rotten(files.block, f"found by fsck: {error}")
        raise
    finally:
        files.close()


class Ranges:
    """The replies of Fetches that come one after the other; the files of the last stay open."""

    def __init__(self, store: ReplicaStore) -> None:
        self._store = store
        self._kept = KeptFiles(store)

    def fetch(self, header: datanode_pb2.ReadHeader) -> bytes:
        """The reader verifies it.

        Raises:
            ReplicaNotFoundException, NotReadyException: the replica can't be read.
            ChecksumException: its files contradict each other.
            InvalidRequestException: it doesn't fit into one packet.
        """
        if not 0 < header.length <= PACKET_DATA_BYTES:
            raise InvalidRequestException(f"a Fetch of {header.length} bytes: use Read")
        block = block_from_wire(header.block)
        try:
            files = self._kept.open(block)
            found = list(frames(files, header.offset, header.length))
        except ChecksumException as error:
            self._store.rotten(block, str(error))
            raise
        if len(found) != 1:
            raise InvalidRequestException("a Fetch over the border of a packet: use Read")
        return _CHUNK_BYTES.pack(files.chunk_bytes) + found[0]

    def close(self) -> None:
        self._kept.close()


class _Copy:
    """A TRANSFER stream to one target."""

    def __init__(
        self,
        header: datanode_pb2.WriteHeader,
        target: Node,
        timeout_s: float,
        throttle: Callable[[int], None],
    ) -> None:
        self._throttle = throttle
        self._header = header
        self._target = target
        self._timeout_s = timeout_s
        self._changed = threading.Condition()
        self._acknowledged = -1
        self._failure: str | None = None

    def send(self, files: StoredFiles, streams: PacketStreams) -> None:
        stream = streams.open(self._target, self._header, on_ack=self._on_ack, on_end=self._on_end)
        try:
            self._wait_for(0)
            for packet in packets(files, 0, files.block.length):
                # What is rotten here must not spread, nor be blamed on the network.
                checksum.verify(
                    packet.data,
                    packet.crcs,
                    files.chunk_bytes,
                    what=str(files.block),
                    offset=packet.offset,
                )
                self._wait_for(packet.seq - WINDOW_PACKETS)
                self._throttle(len(packet.data))
                self._send(stream, pack(packet))
                last = packet.seq
            self._wait_for(last)
        finally:
            stream.cancel()

    def _send(self, stream: PacketStream, frame: bytes) -> None:
        try:
            stream.send(frame, self._timeout_s)
        except UnreachableException as error:
            # A target that refuses says why before it ends the stream.
            with self._changed:
                why = self._failure or error
            raise UnreachableException(f"copy to {self._target}: {why}") from None

    def _on_ack(self, ack: Ack) -> None:
        if ack.failed_hop >= 0:
            self._on_end(ack.reason)
            return
        with self._changed:
            self._acknowledged = ack.seq
            self._changed.notify_all()

    def _on_end(self, reason: str) -> None:
        with self._changed:
            if self._failure is None:
                self._failure = reason
            self._changed.notify_all()

    def _wait_for(self, seq: int) -> None:
        with self._changed:
            self._changed.wait_for(
                lambda: self._acknowledged >= seq or self._failure is not None, self._timeout_s
            )
            if self._acknowledged >= seq:
                return
            why = self._failure or f"has acknowledged nothing for {self._timeout_s:.0f} s"
        raise UnreachableException(f"copy to {self._target}: {why}")


def copy(
    store: ReplicaStore,
    block: Block,
    target: Node,
    streams: PacketStreams,
    *,
    keep_open: bool = False,
    timeout_s: float = 60.0,
    throttle: Callable[[int], None] = lambda _: None,
) -> None:
    """Sends this node's replica to `target` and waits until it is durable there.

    `throttle` is called with every number of bytes before they go, and may wait.

    Raises:
        ReplicaNotFoundException: it isn't here.
        ChecksumException: it is damaged here; it has been reported.
        UnreachableException: the target refused, broke off, or kept silent for `timeout_s`.
    """
    files = store.read(block)
    try:
        header = datanode_pb2.WriteHeader(
            block=block_to_wire(files.block),
            stage=datanode_pb2.WriteHeader.TRANSFER,
            chunk_bytes=files.chunk_bytes,
            keep_open=keep_open,
        )
        _Copy(header, target, timeout_s, throttle).send(files, streams)
    except ChecksumException as error:
        store.rotten(files.block, str(error))
        raise
    finally:
        files.close()
