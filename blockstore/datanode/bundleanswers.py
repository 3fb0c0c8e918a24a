"""One connection to the byte port on which bundles come, one after the other (bundles.py)."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from blockstore import byteframes
from blockstore.errors import StoreError
from blockstore.runtime import failpoint, portframes
from blockstore.runtime.line import Line

log = logging.getLogger(__name__)

# Who has said how much comes has it at hand.
COME_S: Final = 30.0


class BundleAnswers:
    """For the thread that serves the connection."""

    def __init__(
        self,
        receive: Callable[[bytes], bytes],
        one_more_stream: Callable[[], AbstractContextManager[None]],
        line: Line,
        idle_s: float,
    ) -> None:
        """`receive`: a bundle's ack."""
        self._receive = receive
        self._one_more_stream = one_more_stream
        self._line = line
        self._idle_s = idle_s

    def give(self) -> None:
        """Until the other side goes or is silent. What can't be taken at all ends the connection:
        its sender calls then, and is told why."""
        while True:
            self._line.be_patient(self._idle_s)
            head = self._line.receive(portframes.SIZE_BYTES)
            self._line.be_patient(COME_S)
            bundle = self._line.receive(byteframes.PORT.frame_bytes(head))
            try:
                with self._one_more_stream():
                    ack = self._receive(bundle)
            except StoreError as error:
                log.info("a bundle is left to gRPC: %s", error)
                return
            failpoint.hit("bundleanswers.give.before_ack")
            self._line.send(portframes.pack_frame(ack))
            failpoint.hit("bundleanswers.give.after_ack")
