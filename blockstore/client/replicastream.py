"""One Read stream from one DataNode: verified, trimmed, and fetched ahead of its reader."""

import struct
import threading
from collections import deque
from typing import Any, Final

import grpc

from blockstore import checksum
from blockstore.codec import block_to_wire
from blockstore.datastream import LAST, READ_METHOD, Packet, unpack
from blockstore.errors import ChecksumException, StoreError, UnreachableException
from blockstore.model import Block, Node
from blockstore.runtime import rpc
from blockstore.wire import datanode_pb2

# Packets fetched ahead: enough to overlap the network with the reader's own work.
AHEAD_PACKETS: Final = 4
# A reader that takes longer over one block gets a new stream.
STREAM_S_MAX: Final = 3600.0

_CHUNK_BYTES: Final = struct.Struct("<I")


class ReplicaStream:
    """Bytes `offset` to `end` of one replica, piece by piece.

    `changed` is notified at every arrival; several streams may share it.
    """

    def __init__(
        self,
        channel: grpc.Channel,
        block: Block,
        node: Node,
        offset: int,
        end: int,
        changed: threading.Condition,
    ) -> None:
        self.node = node
        # Where the next piece starts.
        self.offset = offset
        self._what = f"{block} from {node}"
        self._end = end
        self._changed = changed
        # Guarded by `changed`.
        self._pieces: deque[memoryview] = deque()
        self._error: StoreError | None = None
        self._cancelled = False
        request = datanode_pb2.ReadHeader(
            block=block_to_wire(block), offset=offset, length=end - offset
        )
        method: Any = channel.unary_stream(READ_METHOD)
        self._call: Any = method(request.SerializeToString(), timeout=STREAM_S_MAX)
        threading.Thread(target=self._fetch, name=f"read {self._what}", daemon=True).start()

    def __repr__(self) -> str:
        return f"ReplicaStream({self._what} at {self.offset})"

    @property
    def has_come(self) -> bool:
        """Whether `take` would not wait; `changed` is held."""
        return bool(self._pieces) or self._error is not None

    @property
    def has_pieces(self) -> bool:
        return bool(self._pieces)

    def take(self, timeout_s: float) -> memoryview:
        """The next verified bytes.

        Raises:
            ChecksumException: the replica is damaged.
            StoreError: the DataNode refused, broke off, or sent nothing for `timeout_s`.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self.has_come, timeout_s):
                raise UnreachableException(f"{self.node} has sent nothing for {timeout_s:.0f} s")
            if not self._pieces:
                assert self._error is not None
                raise self._error
            piece = self._pieces.popleft()
            self._changed.notify_all()
        self.offset += len(piece)
        return piece

    def cancel(self) -> None:
        with self._changed:
            self._cancelled = True
            self._changed.notify_all()
        self._call.cancel()

    # --- on the stream's own thread ----------------------------------------------------------

    def _fetch(self) -> None:
        try:
            self._fetch_all()
            error: StoreError = UnreachableException(f"{self.node} ended the stream early")
        except grpc.RpcError as failure:
            error = _as_store_error(rpc.translate(failure, str(self.node)))
        except StoreError as failure:
            error = failure
        with self._changed:
            self._error = error
            self._changed.notify_all()

    def _fetch_all(self) -> None:
        frames = iter(self._call)
        (chunk_bytes,) = _CHUNK_BYTES.unpack(next(frames))
        expected = self.offset // chunk_bytes * chunk_bytes
        at = self.offset
        for frame in frames:
            packet = unpack(frame, chunk_bytes)
            if packet.offset != expected:
                raise ChecksumException(
                    f"{self._what}: bytes from {packet.offset} instead of {expected}"
                )
            checksum.verify(
                packet.data, packet.crcs, chunk_bytes, what=self._what, offset=packet.offset
            )
            expected = packet.end
            piece = _trimmed(packet, at, self._end)
            at += len(piece)
            if not self._put(piece) or packet.flags & LAST:
                return

    def _put(self, piece: memoryview) -> bool:
        with self._changed:
            self._changed.wait_for(
                lambda: self._cancelled or len(self._pieces) < AHEAD_PACKETS, STREAM_S_MAX
            )
            if len(piece):
                self._pieces.append(piece)
                self._changed.notify_all()
            return not self._cancelled


def _trimmed(packet: Packet, start: int, end: int) -> memoryview:
    """The wanted bytes of a packet that covers whole chunks."""
    data = memoryview(packet.data)
    return data[max(0, start - packet.offset) : max(0, end - packet.offset)]


def _as_store_error(error: Exception) -> StoreError:
    return error if isinstance(error, StoreError) else StoreError(str(error))
