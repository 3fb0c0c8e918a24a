"""The sending end of a Write stream: a client's, a DataNode's that forwards, a copier's.

Frames go out in order, acks come in on a thread of their own. What a broken stream means is for
the owner to decide: he is told once, with a reason. Whether a stream goes to the node's byte port
or over gRPC is nobody's business but ours.
"""

import threading
import weakref
from collections.abc import Callable
from typing import Protocol

import grpc

from blockstore.datastream import Ack
from blockstore.model import Node
from blockstore.packetcalls import PacketCall
from blockstore.packetlines import PacketLine, PacketLines
from blockstore.runtime.clock import SYSTEM_CLOCK, Clock
from blockstore.wire import datanode_pb2


class PacketStream(Protocol):
    """One open Write stream."""

    def send(self, frame: bytes | memoryview, timeout_s: float) -> None:
        """Sends a frame, whose memory is the caller's again afterwards.

        Raises:
            UnreachableException: the other side has taken nothing for `timeout_s`, or is gone.
        """
        ...

    def cancel(self) -> None:
        """Ends the stream at once; the other side sees it break."""
        ...


class PacketStreams:
    """Opens them. Thread-safe."""

    def __init__(
        self,
        dial: Callable[[Node], grpc.Channel],
        secret: str | None,
        *,
        by_port: bool = True,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._dial = dial
        self._lines = PacketLines(secret, clock) if by_port else None
        self._guard = threading.Lock()
        # Those on connections of their own, until they end.
        self._open: weakref.WeakSet[PacketLine] = weakref.WeakSet()
        self._closed = False

    def open(
        self,
        node: Node,
        header: datanode_pb2.WriteHeader,
        *,
        on_ack: Callable[[Ack], None],
        on_end: Callable[[str], None],
    ) -> PacketStream:
        """`on_ack` gets every ack; `on_end` gets, once, why the stream ended. Both are called on
        the stream's own thread, and after `cancel` possibly once more.
        """
        line = self._lines.open(node, header) if self._lines else None
        if line is not None:
            stream = PacketLine(line, str(node), on_ack=on_ack, on_end=on_end)
            with self._guard:
                self._open.add(stream)
                closed = self._closed
            if closed:
                stream.cancel()
            return stream
        return PacketCall(self._dial(node), header, str(node), on_ack=on_ack, on_end=on_end)

    def close(self) -> None:
        """Ends those that are open, and later ones at once; the others end with their channels."""
        with self._guard:
            self._closed = True
            streams = list(self._open)
        for stream in streams:
            stream.cancel()
