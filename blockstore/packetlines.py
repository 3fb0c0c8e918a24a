"""Write streams to DataNodes' byte ports (byteframes.py): a frame goes from where it lies into the
socket, without a queue, and what comes back is read by a thread.

A connection serves one stream: to dial costs little beside a block that isn't small.
"""

import logging
import threading
from collections.abc import Callable
from typing import Final

from blockstore import byteframes
from blockstore.bytedial import Dialler
from blockstore.datastream import KEEPALIVE_FRAME, KEEPALIVE_S, Ack, unpack_ack
from blockstore.errors import StoreError, UnreachableException
from blockstore.model import Node
from blockstore.runtime.clock import SYSTEM_CLOCK, Clock
from blockstore.runtime.line import Line
from blockstore.wire import datanode_pb2

log = logging.getLogger(__name__)

# How long a node that ended the stream may take to say why: it said so before.
_LAST_WORDS_S: Final = 5.0
_ALIVE: Final = byteframes.pack_frame(KEEPALIVE_FRAME)


class PacketLine:
    """A PacketStream over a connection on which the header was sent."""

    def __init__(
        self, line: Line, to: str, *, on_ack: Callable[[Ack], None], on_end: Callable[[str], None]
    ) -> None:
        self._line = line
        self._to = to
        self._on_ack = on_ack
        self._on_end = on_end
        # Held while something is sent; who waits for it has ended the connection before.
        self._sending = threading.Lock()
        # Guarded by `_sending`: nothing can be sent any more; what is left of a keepalive that the
        # kernel took in part.
        self._closed = False
        self._owed = b""
        self._acks = threading.Thread(target=self._read_acks, name=f"acks of {to}", daemon=True)
        self._acks.start()

    def send(self, frame: bytes | memoryview, timeout_s: float) -> None:
        try:
            with self._sending:
                self._send(frame, timeout_s)
        except TimeoutError:
            raise UnreachableException(
                f"{self._to} has taken no byte for {timeout_s:.0f} s"
            ) from None
        except OSError as error:
            # The reason may be on its way, and counts for more.
            self._acks.join(_LAST_WORDS_S)
            raise UnreachableException(f"{self._to}: {error}") from None

    def cancel(self) -> None:
        self._line.end()

    def _send(self, frame: bytes | memoryview, timeout_s: float) -> None:
        if self._closed:
            raise ConnectionResetError("the stream is over")
        owed, self._owed = self._owed, b""
        self._line.be_patient(timeout_s)
        try:
            self._line.send_parts(owed + byteframes.pack_size(len(frame)), frame)
        except OSError:
            # A part of it may be there: nothing can follow.
            self._closed = True
            raise

    def _say_alive(self) -> None:
        # Who is sending something needn't say that he lives, nor whose bytes weren't taken yet.
        if not self._sending.acquire(blocking=False):
            return
        try:
            if not self._closed:
                alive = self._owed or _ALIVE
                self._owed = alive[self._line.send_at_once(alive) :]
                if len(self._owed) == len(_ALIVE):
                    self._owed = b""
        finally:
            self._sending.release()

    def _read_acks(self) -> None:
        try:
            while True:
                while not self._line.is_heard_within(KEEPALIVE_S):
                    self._say_alive()
                size = byteframes.frame_bytes(self._line.receive(byteframes.SIZE_BYTES))
                self._on_ack(unpack_ack(self._line.receive(size)))
        except (OSError, StoreError) as error:
            reason = f"{self._to}: {error}"
        except Exception as error:
            log.exception("acks of %s", self._to)
            reason = f"{type(error).__name__}: {error}"
        self._on_end(reason)
        # Wakes who is sending.
        self._line.end()
        with self._sending:
            self._closed = True
            self._line.close()


class PacketLines:
    """Opens connections for them. Thread-safe."""

    def __init__(self, secret: str | None, clock: Clock = SYSTEM_CLOCK) -> None:
        self._dialler = Dialler(secret, byteframes.PACKETS, "gets packets", clock)

    def open(self, node: Node, header: datanode_pb2.WriteHeader) -> Line | None:
        """One on which the node has let us in, and got the header; None where that can't be had:
        it knows nothing of a stream then."""
        dialled = self._dialler.dial(node)
        if dialled is None:
            return None
        line, entry = dialled
        try:
            line.send(entry)
            byteframes.check_welcome(line.receive(byteframes.WELCOME_BYTES))
            line.send(byteframes.pack_frame(header.SerializeToString()))
        except OSError as error:
            line.close()
            self._dialler.shun(node, error)
            return None
        return line
