"""Connections to DataNodes' byte ports for bundles (bundles.py), kept as streams are: the same
question and answer, for a third of what gRPC's part in them costs.
"""

from blockstore import byteframes
from blockstore.bytedial import Dialler
from blockstore.errors import StoreError, UnreachableException
from blockstore.model import Node
from blockstore.runtime import portframes
from blockstore.runtime.clock import SYSTEM_CLOCK, Clock
from blockstore.runtime.line import Line


class BundleLine:
    """As an AnswerStream, for one thread at a time."""

    def __init__(self, line: Line, entry: bytes, to: str) -> None:
        self._line = line
        # It goes with the first question.
        self._entry = entry
        self._to = to
        self._closed = False
        self._failure: OSError | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more can be asked: who hasn't been asked says nothing."""
        return self._closed or not self._line.is_quiet

    def begin(self, request: bytes, patience_s: float) -> None:
        """Asks; `end` gives the reply, or `cancel` is due."""
        entry, self._entry = self._entry, b""
        try:
            self._line.be_patient(patience_s)
            self._line.send(entry, portframes.pack_frame(request))
        except OSError as error:
            self._failure = error

    def end(self) -> bytes:
        """The reply.

        Raises:
            UnreachableException: there is none; nothing more can be asked.
        """
        try:
            if self._failure is not None:
                raise self._failure
            size = byteframes.PORT.frame_bytes(self._line.receive(portframes.SIZE_BYTES))
            return self._line.receive(size)
        except (OSError, StoreError) as error:
            self.close()
            raise UnreachableException(f"{self._to}: {error}") from None
        except BaseException:
            # A reply may still come: nobody else must take it for his.
            self.close()
            raise

    def close(self) -> None:
        """Nobody asks any more."""
        if not self._closed:
            self._closed = True
            self._line.close()

    def cancel(self) -> None:
        """Nobody wants the answer."""
        self.close()


class BundleLines:
    """Opens them. Thread-safe."""

    def __init__(self, secret: str | None, clock: Clock = SYSTEM_CLOCK) -> None:
        self._dialler = Dialler(secret, byteframes.BUNDLES, "gets bundles", clock)

    def open(self, node: Node) -> BundleLine | None:
        """None where the node has no port that can be reached."""
        dialled = self._dialler.dial(node)
        return BundleLine(*dialled, str(node)) if dialled else None
