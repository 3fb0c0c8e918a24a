"""The sending end of a Write stream: a client's, a DataNode's that forwards, a copier's.

Frames go out in order through a bounded queue; acks come in on a thread of their own.
What a broken stream means is for the owner to decide: it is told once, with a reason.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import grpc

from blockstore.datastream import KEEPALIVE, WRITE_METHOD, Ack, Packet, pack, unpack_ack
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

_KEEPALIVE_FRAME: Final = pack(Packet(0, 0, KEEPALIVE, b"", b""))


class PacketStream:
    """One open Write stream.

    `on_ack` gets every ack; `on_end` gets, once, why the stream ended. Both are called on
    the stream's own thread, and after `cancel` possibly once more.
    """

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

    def send(self, frame: bytes, timeout_s: float) -> None:
        """Queues a frame.

        Raises:
            UnreachableException: the other side has taken nothing for `timeout_s`.
        """
        try:
            self._frames.put(frame, timeout=timeout_s)
        except queue.Full:
            raise UnreachableException(
                f"{self._to} has taken no byte for {timeout_s:.0f} s"
            ) from None

    def finish(self) -> None:
        """No frame follows."""
        self._put_end()

    def cancel(self) -> None:
        """Ends the stream at once; the other side sees it break."""
        self._cancelled = True
        self._call.cancel()
        self._put_end()

    def join(self, timeout_s: float) -> None:
        """Waits for the other side's last frame."""
        self._acks.join(timeout_s)

    def _put_end(self) -> None:
        while True:
            try:
                self._frames.put_nowait(None)
                return
            except queue.Full:
                if not self._cancelled:
                    time.sleep(0.001)
                    continue
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
                frame = _KEEPALIVE_FRAME
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
