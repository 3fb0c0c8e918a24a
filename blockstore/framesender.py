"""Frames on a connection to a byte port, and signs of life between them, which never wait."""

import threading
from contextlib import suppress

from blockstore.runtime import portframes
from blockstore.runtime.line import Line


class FrameSender:
    """One end's. Thread-safe."""

    def __init__(self, line: Line, alive: bytes) -> None:
        """`alive` is a frame that says no more than that."""
        self._line = line
        self._alive = portframes.pack_frame(alive)
        # Held while something is sent; who waits for it has ended the connection before.
        self._sending = threading.Lock()
        # Guarded by `_sending`: nothing can be sent any more; what is left of a sign of life that
        # the kernel took in part.
        self._over = False
        self._owed = b""

    def send(self, frame: bytes | memoryview, patience_s: float) -> None:
        """From where it lies; whatever a Line raises is the end of it."""
        with self._sending:
            if self._over:
                raise ConnectionResetError("the stream is over")
            owed, self._owed = self._owed, b""
            try:
                self._line.be_patient(patience_s)
                self._line.send_parts(owed + portframes.pack_size(len(frame)), frame)
            except OSError:
                # A part of it may be there: nothing can follow.
                self._over = True
                raise

    def say_alive(self) -> None:
        """Unless something is being sent, or waits to be taken: that says so, too."""
        if not self._sending.acquire(blocking=False):
            return
        try:
            if not self._over:
                alive = self._owed or self._alive
                # Who has gone is told from elsewhere.
                with suppress(OSError):
                    left = alive[self._line.send_at_once(alive) :]
                    self._owed = b"" if left == self._alive else left
        finally:
            self._sending.release()

    def close(self) -> None:
        """The connection, which has ended."""
        with self._sending:
            self._over = True
            self._line.close()
