"""Write streams over gRPC, for nodes whose byte ports can't be reached: frames go out through a
bounded queue.
"""

import logging
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

import grpc

from blockstore.datastream import KEEPALIVE_FRAME, WRITE_METHOD, Ack, unpack_ack
from blockstore.errors import UnreachableException
from blockstore.runtime import rpc
from blockstore.wire import datanode_pb2

log = logging.getLogger(__name__)

# A writer that has nothing to say for a while still says that it lives.
KEEPALIVE_S: Final = 20.0
# No pipeline of one block lasts longer; a writer rebuilds it then, as after any failure.
STREAM_S_MAX: Final = 24 * 3600.0
# The queue to gRPC: enough that it never starves, while the owner bounds what is unacknowledged.
QUEUE_FRAMES: Final = 64


class PacketCall:
    """A PacketStream that is a call."""

    def __init__(
        self,
        channel: grpc.Channel,
        header: datanode_pb2.WriteHeader,
        to: str,
        *,
        on_ack: Callable[[Ack], None],
        on_end: Callable[[str], None],
    ) -> None:
        self._to = to
        self._on_ack = on_ack
        self._on_end = on_end
        self._frames: queue.Queue[bytes | None] = queue.Queue(QUEUE_FRAMES)
        self._frames.put(header.SerializeToString())
        self._cancelled = False
        method: Any = channel.stream_stream(WRITE_METHOD)
        self._call: Any = method(self._outgoing(), timeout=STREAM_S_MAX)
        self._acks = threading.Thread(target=self._read_acks, name=f"acks of {to}", daemon=True)
        self._acks.start()

    def send(self, frame: bytes | memoryview, timeout_s: float) -> None:
        try:
            # gRPC sends nothing but `bytes`.
            self._frames.put(bytes(frame), timeout=timeout_s)
        except queue.Full:
            raise UnreachableException(
                f"{self._to} has taken no byte for {timeout_s:.0f} s"
            ) from None

    def cancel(self) -> None:
        self._cancelled = True
        self._call.cancel()
        while True:
            try:
                self._frames.put_nowait(None)
                return
            except queue.Full:
                # Nobody will take it: make room.
                try:
                    self._frames.get_nowait()
                except queue.Empty:
                    continue

    def _outgoing(self) -> Iterator[bytes]:
        while not self._cancelled:
            try:
                frame = self._frames.get(timeout=KEEPALIVE_S)
            except queue.Empty:
                frame = KEEPALIVE_FRAME
            if frame is None:
                return
            yield frame

    def _read_acks(self) -> None:
        reason = f"{self._to} closed the stream"
        try:
            for frame in self._call:
                self._on_ack(unpack_ack(frame))
        except grpc.RpcError as error:
            reason = str(rpc.translate(error, self._to))
        except Exception as error:
            log.exception("acks of %s", self._to)
            reason = f"{type(error).__name__}: {error}"
        self._on_end(reason)
