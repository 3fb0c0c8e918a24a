"""A wire between two roles that can be cut, in one direction or both: what a partition is.

While it is cut nothing is lost and nothing arrives, as when cables are pulled: connections stay
open, and new ones are accepted by the wire, but nobody answers. While it refuses, connections are
reset and new ones refused, as by a firewall that rejects.
"""

import contextlib
import random
import socket
import struct
import threading

# Closed with this, a connection is reset.
_RESETS = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def free_port() -> int:
    """For a server that is started on it, also again: below those that the kernel gives away."""
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", random.randrange(20_000, 32_000)))
            return int(probe.getsockname()[1])


class Wire:
    """Listens on `at`, or on a port of its own; what comes there goes to `target` (HOST:PORT)."""

    def __init__(self, target: str, at: str = "127.0.0.1:0") -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        here, _, here_port = at.rpartition(":")
        # Of the port while nobody listens.
        self._holder = _bound((here, int(here_port)))
        self._at = self._holder.getsockname()
        self.address = f"{here}:{self._at[1]}"
        self._forth, self._back = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        # Guarded by the lock.
        self._listener: socket.socket | None = None
        self._sockets: list[socket.socket] = []
        # Set when something has been held back since the last cut.
        self.felt = threading.Event()
        self.heal()

    def cut(self, *, forth: bool = True, back: bool = True) -> None:
        """`forth`: what goes to the target; `back`: what comes from it."""
        self.felt.clear()
        if forth:
            self._forth.clear()
        if back:
            self._back.clear()

    def refuse(self) -> None:
        with self._lock:
            listener, self._listener = self._listener, None
            if listener is not None:
                _end(listener)
            for each in self._sockets:
                with contextlib.suppress(OSError):
                    each.setsockopt(*_RESETS)
                _end(each)
            self._sockets.clear()
        # Who holds something back finds the ends gone.
        self._forth.set()
        self._back.set()

    def heal(self) -> None:
        self._forth.set()
        self._back.set()
        with self._lock:
            if self._listener is None:
                self._listener = _bound(self._at)
                self._listener.listen()
                listening = (self._listener,)
                threading.Thread(target=self._accept, args=listening, daemon=True).start()

    def close(self) -> None:
        self.refuse()
        self._holder.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self._target)
            except OSError:
                # Nobody is there: whoever dials hears so.
                near.setsockopt(*_RESETS)
                near.close()
                continue
            with self._lock:
                if self._listener is not listener:
                    _end(near)
                    _end(far)
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


def _bound(at: tuple[str, int]) -> socket.socket:
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind(at)
    return found


def _end(end: socket.socket) -> None:
    """Wakes whoever waits for it, too."""
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
