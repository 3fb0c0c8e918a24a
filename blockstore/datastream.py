"""The bytes of block streams: what travels in DataNodeData/Write and DataNodeData/Read.

Write (stream of frames up, stream of acks down)

    frame 0     a serialised WriteHeader (protos/blockstore/datanode.proto)
    frame n     a packet

    packet      offset u64 | seq u32 | data_bytes u32 | flags u8 | CRCs | data      (little-endian)
    ack         seq u32 | failed_hop i8 | reason utf-8

    - `offset` is where the data starts in the block: always a multiple of chunk_bytes. A packet
      may start below the replica's length, to write its short last chunk again, now longer;
      it never leaves a hole.
    - One CRC (checksum.py) for every chunk of the data. Each hop verifies before it stores.
    - SYNC: what the packet and those before it hold is fsynced on every hop before its ack.
    - LAST: ends the block: every hop fsyncs, finalises (rename, fsync of the directory), acks.
      A packet without data may carry SYNC or LAST.
    - KEEPALIVE: says only that the writer lives; neither forwarded nor acknowledged, seq 0.
    - Ack 0 answers the header: the whole pipeline stands. Ack n says that packet n and all before
      it have been taken by every hop. `failed_hop` is -1, or the index of the hop that failed
      (0: the node dialled, counted from the receiver's own place), and then it is the stream's
      last frame.

Read (one frame up, stream of frames down)

    request     a serialised ReadHeader
    frame 0     chunk_bytes u32 (little-endian) of this replica
    packets     as above, seq counting from 1, LAST on the final one

    - Data starts at the chunk border at or below the wanted offset and ends at the chunk border
      at or above the wanted end (or the replica's end): the reader verifies, then trims.

Fetch (one message up, one down): a Read of at most PACKET_DATA_BYTES, without a stream's cost

    request     a serialised ReadHeader
    reply       chunk_bytes u32 | one packet

Ranges (stream of requests up, stream of replies down): Fetches one after the other, until the
first that fails ends the stream
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from blockstore.checksum import CRC_BYTES, chunk_count
from blockstore.errors import ChecksumException
from blockstore.freshbytes import fresh_bytes

WRITE_METHOD: Final = "/blockstore.DataNodeData/Write"
READ_METHOD: Final = "/blockstore.DataNodeData/Read"
FETCH_METHOD: Final = "/blockstore.DataNodeData/Fetch"
RANGES_METHOD: Final = "/blockstore.DataNodeData/Ranges"

SYNC: Final = 1
LAST: Final = 2
KEEPALIVE: Final = 4

# A packet of a Read: large enough that Python's cost for each is small, small enough that the
# reader's verifying overlaps with what comes behind.
PACKET_DATA_BYTES: Final = 1024 * 1024
# A packet of a Write: each costs every node of the pipeline several changes of thread. Four times
# larger took a third off the nodes' CPU time; eight times is too large for the allocator to keep.
WRITE_PACKET_DATA_BYTES: Final = 4 * 1024 * 1024

_PACKET = struct.Struct("<QIIB")
_ACK = struct.Struct("<Ib")


@dataclass(frozen=True, slots=True)
class Packet:
    """A run of a block's bytes with their checksums."""

    offset: int
    seq: int
    flags: int
    crcs: bytes | memoryview
    data: bytes | memoryview

    @property
    def end(self) -> int:
        return self.offset + len(self.data)


@dataclass(frozen=True, slots=True)
class Ack:
    """A packet was taken by every hop, or the hop that failed and why."""

    seq: int
    failed_hop: int = -1
    reason: str = ""


def pack(packet: Packet) -> bytes:
    head = _PACKET.pack(packet.offset, packet.seq, len(packet.data), packet.flags)
    return b"".join((head, packet.crcs, packet.data))


def pack_read(packet: Packet, length: int, fill: Callable[[memoryview], int]) -> tuple[bytes, int]:
    """A packet whose data, `length` bytes, `fill` reads to where they belong; and how many it read.

    With fewer than `length` it is no packet, and nobody's.
    """
    head = _PACKET.pack(packet.offset, packet.seq, length, packet.flags)
    return fresh_bytes(head + packet.crcs, length, fill)


KEEPALIVE_FRAME: Final = pack(Packet(0, 0, KEEPALIVE, b"", b""))


def unpack(frame: bytes | memoryview, chunk_bytes: int) -> Packet:
    """The packet in a frame; CRCs and data are views, not copies.

    Raises:
        ChecksumException: the frame's length contradicts its head.
    """
    if len(frame) < _PACKET.size:
        raise ChecksumException(f"a packet of {len(frame)} bytes is shorter than its head")
    offset, seq, data_bytes, flags = _PACKET.unpack_from(frame)
    data_at = _PACKET.size + chunk_count(data_bytes, chunk_bytes) * CRC_BYTES
    if len(frame) != data_at + data_bytes:
        raise ChecksumException(
            f"packet {seq}: head says {data_bytes} bytes of data, frame has {len(frame) - data_at}"
        )
    view = memoryview(frame)
    return Packet(offset, seq, flags, view[_PACKET.size : data_at], view[data_at:])


def pack_ack(ack: Ack) -> bytes:
    return _ACK.pack(ack.seq, ack.failed_hop) + ack.reason.encode()


def unpack_ack(frame: bytes) -> Ack:
    seq, failed_hop = _ACK.unpack_from(frame)
    return Ack(seq, failed_hop, frame[_ACK.size :].decode())
