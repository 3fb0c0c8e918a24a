"""A cable between clients and a server, which can be cut: a partition without privileges.

While it is cut, connections stay and nobody hears anybody; what was sent meanwhile arrives when
it is mended, as late as that.
"""

import socket
import threading
from contextlib import suppress

_PIECE_BYTES = 64 * 1024
_CONNECT_S = 5.0


class Cable:
    """Dial `address` instead of the server's."""

    def __init__(self, server: str, at: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        host, _, port = server.rpartition(":")
        self._server = (host, int(port))
        self._whole = threading.Event()
        self._whole.set()
        self._listener = socket.create_server(at)
        self._ends: list[socket.socket] = []
        self.address = f"{at[0]}:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, name="cable", daemon=True).start()

    def cut(self) -> None:
        self._whole.clear()

    def mend(self) -> None:
        self._whole.set()

    def close(self) -> None:
        """Ends all connections."""
        self._whole.set()
        for end in (self._listener, *self._ends):
            _end(end)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._ends.append(client)
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        self._whole.wait()
        try:
            server = socket.create_connection(self._server, _CONNECT_S)
        except OSError:
            _end(client)
            return
        server.settimeout(None)
        self._ends.append(server)
        threading.Thread(target=self._carry, args=(server, client), daemon=True).start()
        self._carry(client, server)

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(_PIECE_BYTES):
                self._whole.wait()
                target.sendall(piece)
        _end(source)
        _end(target)


def _end(connection: socket.socket) -> None:
    """Wakes whoever waits for it, too."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
