"""Bundles: whole small blocks that go to the same nodes, many in one message.

DataNodeData/Bundle (one message up, one down)

request     header_bytes u32 | a serialised BundleHeader (protos/blockstore/datanode.proto)
            | for each block: packet_bytes u32 | packet      (little-endian)
reply       an ack with the number of blocks as its seq, or with the hop that failed

- Packets and acks are datastream.py's. Each packet is a whole block: offset 0, LAST.
- Every hop verifies all before it stores any, fsyncs and finalises them together, and
  acknowledges when those below have.
- A bundle that failed anywhere counts for nothing: its blocks are abandoned.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import Any, Final

import grpc

from blockstore.datastream import Ack, unpack_ack
from blockstore.errors import ChecksumException
from blockstore.runtime import rpc
from blockstore.wire import datanode_pb2

BUNDLE_METHOD: Final = "/blockstore.DataNodeData/Bundle"

# Data of one bundle, at most: a tenth of a second of a slow disk.
BUNDLE_BYTES_MAX: Final = 8 * 1024 * 1024
# A bundle of less is waited for as a pipeline that is set up is, not as one that stores megabytes.
LIGHT_BYTES: Final = 1024 * 1024

_SIZE = struct.Struct("<I")


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


def send(
    channel: grpc.Channel,
    header: datanode_pb2.BundleHeader,
    packets: Sequence[bytes],
    *,
    to: str,
    timeout_s: float,
) -> Ack:
    """Sends a bundle to its first node; one that doesn't answer is the hop that failed."""
    method: Any = channel.unary_unary(BUNDLE_METHOD)
    try:
        bundle = pack_bundle(header.SerializeToString(), packets)
        return unpack_ack(method(bundle, timeout=timeout_s))
    except grpc.RpcError as error:
        return Ack(0, 0, str(rpc.translate(error, to)))
