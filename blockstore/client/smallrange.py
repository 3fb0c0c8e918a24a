"""A few bytes of a replica in one question and one answer: in a stream that is kept open
(keptstreams.py), or as a call.

A stream that broke proves nothing: the same question is a call then. Silence is silence.
"""

import struct
import time
from typing import Any, Final

import grpc

from blockstore import checksum
from blockstore.codec import block_to_wire
from blockstore.datastream import FETCH_METHOD, RANGES_METHOD, unpack
from blockstore.errors import ChecksumException, StoreError
from blockstore.keptstreams import KeptStreams
from blockstore.model import Block, Node
from blockstore.peers import Peers
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


class SmallRanges:
    """Asks the DataNodes for all readers of one client. Thread-safe."""

    def __init__(self, peers: Peers, timeout_s: float) -> None:
        """`timeout_s`: how long an answer may take."""
        self._peers = peers
        self._timeout_s = timeout_s
        self._streams = KeptStreams(peers.dial, RANGES_METHOD)

    def fetch(self, block: Block, node: Node, offset: int, end: int) -> SmallRange:
        """Bytes `offset` to `end` of the node's replica.

        Raises:
            ChecksumException: they aren't what was stored.
            UnreachableException, StoreError: the node doesn't answer in time, or refuses.
        """
        header = datanode_pb2.ReadHeader(
            block=block_to_wire(block), offset=offset, length=end - offset
        )
        reply = self._ask(node, header.SerializeToString())
        (chunk_bytes,) = _CHUNK_BYTES.unpack_from(reply)
        packet = unpack(memoryview(reply)[_CHUNK_BYTES.size :], chunk_bytes)
        what = f"{block} from {node}"
        checksum.verify(packet.data, packet.crcs, chunk_bytes, what=what, offset=packet.offset)
        if packet.offset > offset or packet.end < end:
            raise ChecksumException(
                f"{what}: bytes {packet.offset} to {packet.end} instead of {offset} to {end}"
            )
        return SmallRange(memoryview(packet.data)[offset - packet.offset : end - packet.offset])

    def close(self) -> None:
        """Ends the streams that nobody uses; the others end with the channels."""
        self._streams.close()

    def _ask(self, node: Node, request: bytes) -> bytes:
        started = time.monotonic()
        stream = self._streams.take(node)
        if stream is not None:
            try:
                stream.begin(request, self._timeout_s)
                answer: bytes = stream.end()
                return answer
            except StoreError:
                if time.monotonic() - started >= self._timeout_s:
                    raise
            finally:
                self._streams.give_back(node, stream)
        method: Any = self._peers.dial(node).unary_unary(FETCH_METHOD)
        try:
            reply: bytes = method(request, timeout=self._timeout_s)
        except grpc.RpcError as error:
            raise rpc.translate(error, str(node)) from None
        return reply
