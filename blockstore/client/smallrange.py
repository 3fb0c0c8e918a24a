"""A few bytes of a replica in one call: no stream, no thread."""

import struct
from typing import Any, Final

import grpc

from blockstore import checksum
from blockstore.codec import block_to_wire
from blockstore.datastream import FETCH_METHOD, unpack
from blockstore.errors import ChecksumException
from blockstore.model import Block, Node
from blockstore.runtime import rpc
from blockstore.wire import datanode_pb2

# Beyond it a stream's own cost is small beside the bytes'.
FETCH_BYTES_MAX: Final = 256 * 1024

_CHUNK_BYTES: Final = struct.Struct("<I")


class SmallRange:
    """Verified bytes that are here already, as a source."""

    def __init__(self, piece: memoryview) -> None:
        self._piece = piece

    def take(self, timeout_s: float) -> memoryview:
        return self._piece

    def cancel(self) -> None:
        """Nothing goes on."""


def fetch(
    channel: grpc.Channel, block: Block, node: Node, offset: int, end: int, timeout_s: float
) -> SmallRange:
    """Bytes `offset` to `end` of the node's replica.

    Raises:
        ChecksumException: they aren't what was stored.
        UnreachableException, StoreError: the node doesn't answer in time, or refuses.
    """
    header = datanode_pb2.ReadHeader(block=block_to_wire(block), offset=offset, length=end - offset)
    method: Any = channel.unary_unary(FETCH_METHOD)
    try:
        reply = method(header.SerializeToString(), timeout=timeout_s)
    except grpc.RpcError as error:
        raise rpc.translate(error, str(node)) from None
    (chunk_bytes,) = _CHUNK_BYTES.unpack_from(reply)
    packet = unpack(reply[_CHUNK_BYTES.size :], chunk_bytes)
    what = f"{block} from {node}"
    checksum.verify(packet.data, packet.crcs, chunk_bytes, what=what, offset=packet.offset)
    if packet.offset > offset or packet.end < end:
        raise ChecksumException(
            f"{what}: bytes {packet.offset} to {packet.end} instead of {offset} to {end}"
        )
    return SmallRange(memoryview(packet.data)[offset - packet.offset : end - packet.offset])
