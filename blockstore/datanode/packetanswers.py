"""One connection to the byte port on which a Write stream comes (datastream.py)."""

import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from typing import Final

from blockstore import byteframes
from blockstore.byteframes import LINGER_S, SILENT_S
from blockstore.datanode.bundleanswers import COME_S
from blockstore.datanode.pulse import Pulse
from blockstore.errors import StoreError
from blockstore.framesender import FrameSender
from blockstore.runtime import failpoint, portframes
from blockstore.runtime.line import Line

log = logging.getLogger(__name__)

# The acks of a Write stream's frames; a frame's memory is used again for the next.
PacketReceiver = Callable[[Iterator[bytes | memoryview]], Generator[bytes, None, None]]

_THROWN_AWAY_BYTES: Final = 1024 * 1024


class PacketAnswers:
    """The thread that serves the connection sends acks; the pipeline's receiver takes frames."""

    def __init__(self, receive: PacketReceiver, pulse: Pulse, line: Line) -> None:
        self._receive = receive
        self._pulse = pulse
        self._line = line
        self._sender = FrameSender(line, b"")
        # Held while a frame is received: who waits for it has ended the connection before.
        self._hearing = threading.Lock()
        # Guarded by `_hearing`.
        self._over = False

    def give(self) -> None:
        """Until the stream is over."""
        self._line.be_patient(COME_S)
        self._line.give_up_after(SILENT_S)
        self._line.send(byteframes.WELCOME)
        try:
            with self._pulse.on(self._sender), closing(self._receive(self._frames())) as acks:
                for ack in acks:
                    failpoint.hit("packetanswers.give.before_ack")
                    self._sender.send(ack, COME_S)
                    failpoint.hit("packetanswers.give.after_ack")
        except StoreError as error:
            log.warning("a stream of packets is ended: %s", error)
        finally:
            self._let_go()

    def _frames(self) -> Iterator[bytes | memoryview]:
        """All in one piece of memory."""
        room = memoryview(bytearray())
        begun = False
        while True:
            with self._hearing:
                if self._over:
                    return
                # How long nothing may come behind a header is the pipeline's to say: it ends the
                # connection.
                while begun and not self._line.is_heard_within(COME_S):
                    pass
                size = byteframes.PORT.frame_bytes(self._line.receive(portframes.SIZE_BYTES))
                if size > len(room):
                    room = memoryview(bytearray(size))
                self._line.receive_into(room[:size])
            begun = True
            yield room[:size]

    def _let_go(self) -> None:
        """Nobody receives any more when this returns, and the connection can be closed."""
        until = time.monotonic() + LINGER_S
        self._line.say_no_more()
        if self._hearing.acquire(timeout=LINGER_S):
            self._over = True
            with suppress(OSError):
                while time.monotonic() < until and self._line.is_heard_within(LINGER_S):
                    self._line.receive_some(_THROWN_AWAY_BYTES)
            self._hearing.release()
        self._line.end()
        with self._hearing:
            self._over = True
        self._sender.close()
