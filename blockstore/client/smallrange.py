"""A few bytes of a replica in one question and one answer.

Rules
- Who asks a node once makes a call. Who asks it again keeps a stream open to it, which answers in
  two thirds of the time; there are few of them, and they end when nobody has asked for a while.
- A stream that broke proves nothing: the same question is a call then. Silence is silence.
"""

import struct
import threading
import time
from typing import Any, Final

import grpc

from blockstore import checksum
from blockstore.client.rangestream import IDLE_S, RangeStream
from blockstore.codec import block_to_wire
from blockstore.datastream import FETCH_METHOD, unpack
from blockstore.errors import ChecksumException, StoreError
from blockstore.model import Block, Node
from blockstore.peers import Peers
from blockstore.runtime import rpc
from blockstore.wire import datanode_pb2

# Beyond it a stream's own cost is small beside the bytes'.
FETCH_BYTES_MAX: Final = 256 * 1024
# Streams kept open to one node: readers in more threads than these make calls.
STREAMS_PER_NODE_MAX: Final = 2

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
        self._guard = threading.Lock()
        # By address: streams that nobody uses just now, and how many there are with the others.
        self._idle: dict[str, list[RangeStream]] = {}
        self._open: dict[str, int] = {}
        # From when on a node that was asked before may get a stream.
        self._may_open_at: dict[str, float] = {}

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
        with self._guard:
            idle = [stream for streams in self._idle.values() for stream in streams]
            self._idle.clear()
        for stream in idle:
            stream.close()

    def _ask(self, node: Node, request: bytes) -> bytes:
        started = time.monotonic()
        stream = self._take(node)
        if stream is not None:
            try:
                return stream.ask(request)
            except StoreError:
                if time.monotonic() - started >= self._timeout_s:
                    raise
            finally:
                self._give_back(node.address, stream)
        method: Any = self._peers.dial(node).unary_unary(FETCH_METHOD)
        try:
            reply: bytes = method(request, timeout=self._timeout_s)
        except grpc.RpcError as error:
            raise rpc.translate(error, str(node)) from None
        return reply

    def _take(self, node: Node) -> RangeStream | None:
        """None: the question is a call."""
        address = node.address
        with self._guard:
            idle = self._idle.setdefault(address, [])
            while idle:
                stream = idle.pop()
                if not stream.over:
                    return stream
                self._open[address] -= 1
            opened = self._open.get(address, 0)
            now = time.monotonic()
            if now < self._may_open_at.setdefault(address, now) or opened >= STREAMS_PER_NODE_MAX:
                return None
            if address not in self._open:
                # Most ask only once.
                self._open[address] = 0
                return None
            self._open[address] = opened + 1
        return RangeStream(self._peers.dial(node), str(node), self._timeout_s)

    def _give_back(self, address: str, stream: RangeStream) -> None:
        with self._guard:
            if not stream.over:
                self._idle.setdefault(address, []).append(stream)
                return
            self._open[address] -= 1
            self._may_open_at[address] = time.monotonic() + IDLE_S
