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
from blockstore.byteframes import SILENT_S
from blockstore.datastream import KEEPALIVE_FRAME, Ack, unpack_ack
from blockstore.errors import StoreError, UnreachableException
from blockstore.framesender import FrameSender
from blockstore.model import Node
from blockstore.runtime import portframes
from blockstore.runtime.clock import SYSTEM_CLOCK, Clock
from blockstore.runtime.line import Line
from blockstore.wire import datanode_pb2

log = logging.getLogger(__name__)

# How long a node that ended the stream may take to say why: it said so before.
_LAST_WORDS_S: Final = 5.0


class PacketLine:
    """A PacketStream over a connection on which the header was sent."""

    def __init__(
        self, line: Line, to: str, *, on_ack: Callable[[Ack], None], on_end: Callable[[str], None]
    ) -> None:
        self._line = line
        line.give_up_after(SILENT_S)
        self._sender = FrameSender(line, KEEPALIVE_FRAME)
        self._to = to
        self._on_ack = on_ack
        self._on_end = on_end
        self._acks = threading.Thread(target=self._read_acks, name=f"acks of {to}", daemon=True)
        self._acks.start()

    def send(self, frame: bytes | memoryview, timeout_s: float) -> None:
        try:
            self._sender.send(frame, timeout_s)
        except TimeoutError:
            raise UnreachableException(
                f"{self._to} has taken no byte for {timeout_s:.0f} s"
            ) from None
        except OSError as error:
            # The reason may be on its way, and counts for more.
            self._acks.join(_LAST_WORDS_S)
            raise UnreachableException(self._broken(error)) from None

    def cancel(self) -> None:
        self._line.end()

    def _read_acks(self) -> None:
        try:
            while True:
                size = byteframes.PORT.frame_bytes(self._heard(portframes.SIZE_BYTES))
                if size:
                    self._on_ack(unpack_ack(self._heard(size)))
                else:
                    # It lives, and so do we.
                    self._sender.say_alive()
        except StoreError as error:
            reason = f"{self._to}: {error}"
        except TimeoutError:
            reason = f"{self._to} has given no sign of life for {SILENT_S:.0f} s"
        except OSError as error:
            reason = self._broken(error)
        except Exception as error:
            log.exception("acks of %s", self._to)
            reason = f"{type(error).__name__}: {error}"
        self._on_end(reason)
        # Wakes who is sending.
        self._line.end()
        self._sender.close()

    def _heard(self, length: int) -> bytes:
        """So many bytes. The line's patience is the sender's, and no measure for silence."""
        got = b""
        while len(got) < length:
            if not self._line.is_heard_within(SILENT_S):
                raise TimeoutError
            got += self._line.receive_some(length - len(got))
        return got

    def _broken(self, error: OSError) -> str:
        kernels = f": {error.strerror}" if error.strerror else ""
        return f"{self._to} has broken off the connection{kernels}"


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
            line.send(portframes.pack_frame(header.SerializeToString()))
            line.be_patient(SILENT_S)
        except OSError as error:
            line.close()
            self._dialler.shun(node, error)
            return None
        except BaseException:
            line.close()
            raise
        return line
