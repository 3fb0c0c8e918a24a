"""A wire between two roles that can be cut, in one direction or both: what a partition is.

While it is cut nothing is lost and nothing arrives, as when cables are pulled: connections stay
open, and new ones are accepted by the wire, but nobody answers.
"""

import contextlib
import socket
import threading


class Wire:
    """Listens on `at`, or on a port of its own; what comes there goes to `target` (HOST:PORT)."""

    def __init__(self, target: str, at: str = "127.0.0.1:0") -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        here, _, here_port = at.rpartition(":")
        self._listener = socket.create_server((here, int(here_port)))
        self.address = f"{here}:{self._listener.getsockname()[1]}"
        self._forth, self._back = threading.Event(), threading.Event()
        self._sockets: list[socket.socket] = []
        # Set when something has been held back since the last cut.
        self.felt = threading.Event()
        self.heal()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, *, forth: bool = True, back: bool = True) -> None:
        """`forth`: what goes to the target; `back`: what comes from it."""
        self.felt.clear()
        if forth:
            self._forth.clear()
        if back:
            self._back.clear()

    def heal(self) -> None:
        self._forth.set()
        self._back.set()

    def close(self) -> None:
        self.heal()
        for each in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._target)
            except OSError:
                return
            self._sockets += [near, far]
            for source, sink, whole in ((near, far, self._forth), (far, near, self._back)):
                ends = (source, sink, whole)
                threading.Thread(target=self._pump, args=ends, daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, whole: threading.Event) -> None:
        try:
            while data := source.recv(65536):
                if not whole.is_set():
                    self.felt.set()
                    whole.wait()
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            # An end of a connection is an end of it at both sides.
            source.close()
            sink.close()
