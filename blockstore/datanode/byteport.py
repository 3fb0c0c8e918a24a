"""The byte port: a listener beside the gRPC server, for whoever has bytes to read or to write.

Rules
- Each connection has a thread; there are so many at most, and one that is too many is ended before
  it's greeted: who dialled asks over gRPC.
- A question counts as a stream while it is answered, and a connection that waits for one doesn't.
"""

import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Final

from blockstore.byteframes import IDLE_S
from blockstore.datanode.byteanswers import ENTRY_S, Answers
from blockstore.datanode.packetanswers import PacketReceiver
from blockstore.datanode.pulse import Pulse
from blockstore.datanode.store import ReplicaStore
from blockstore.errors import ConfigException
from blockstore.runtime.line import Line

log = logging.getLogger(__name__)

_BACKLOG: Final = 128
# Without descriptors for another connection: until there may be some again.
_PAUSE_S: Final = 0.1


class BytePort:
    """Listens from the beginning, answers from `start` to `stop`."""

    def __init__(
        self,
        store: ReplicaStore,
        one_more_stream: Callable[[], AbstractContextManager[None]],
        receive_bundle: Callable[[bytes], bytes],
        receive_packets: PacketReceiver,
        host: str,
        port: int,
        *,
        connections_max: int,
        secret: str | None = None,
        idle_s: float = IDLE_S,
    ) -> None:
        """Raises ConfigException when the address can't be bound."""
        self._store = store
        self._one_more_stream = one_more_stream
        self._receive_bundle = receive_bundle
        self._receive_packets = receive_packets
        self._pulse = Pulse()
        self._secret = secret
        self._connections_max = connections_max
        self._idle_s = idle_s
        self._listener = _listen(host, port)
        self.port: int = self._listener.getsockname()[1]
        self._stopped = False
        self._changed = threading.Condition()
        # Guarded by `_changed`.
        self._lines: set[Line] = set()
        self._accepting = threading.Thread(target=self._accept, name="byte port", daemon=True)

    def __repr__(self) -> str:
        return f"BytePort({self.port}, {self.connections} connections)"

    @property
    def connections(self) -> int:
        with self._changed:
            return len(self._lines)

    def start(self) -> None:
        self._pulse.start()
        self._accepting.start()

    def stop(self, grace_s: float) -> None:
        """Answers that are being given may end within `grace_s`."""
        self._stopped = True
        with suppress(OSError):
            # Wakes `accept`.
            self._listener.shutdown(socket.SHUT_RDWR)
        self._pulse.stop()
        if self._accepting.is_alive():
            self._accepting.join()
        self._listener.close()
        with self._changed:
            for line in self._lines:
                line.hear_no_more()
            self._changed.wait_for(lambda: not self._lines, grace_s)
            for line in self._lines:
                line.end()
            self._changed.wait_for(lambda: not self._lines, grace_s)

    def _accept(self) -> None:
        while not self._stopped:
            try:
                connected, _ = self._listener.accept()
            except OSError as error:
                if not self._stopped:
                    log.warning("the byte port can't take a connection: %s", error)
                    time.sleep(_PAUSE_S)
                continue
            self._take(connected)

    def _take(self, connected: socket.socket) -> None:
        try:
            line = Line(connected, ENTRY_S)
        except OSError:
            # It is gone already.
            connected.close()
            return
        with self._changed:
            too_many = len(self._lines) >= self._connections_max
            if not too_many:
                self._lines.add(line)
        if too_many:
            line.close()
            return
        try:
            threading.Thread(
                target=self._serve, args=(line,), name="byte port's caller", daemon=True
            ).start()
        except RuntimeError as error:
            log.warning("the byte port can't serve another connection: %s", error)
            self._drop(line)

    def _serve(self, line: Line) -> None:
        try:
            Answers(
                self._store,
                self._one_more_stream,
                self._secret,
                line,
                self._idle_s,
                self._receive_bundle,
                self._receive_packets,
                self._pulse,
            ).give()
        except Exception:
            log.exception("a connection to the byte port")
        finally:
            self._drop(line)

    def _drop(self, line: Line) -> None:
        with self._changed:
            self._lines.discard(line)
            line.close()
            self._changed.notify_all()


def _listen(host: str, port: int) -> socket.socket:
    name = host.strip("[]")
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        everywhere = family == socket.AF_INET6 and name == "::"
        return socket.create_server(
            address[:2], family=family, backlog=_BACKLOG, dualstack_ipv6=everywhere
        )
    except OSError as error:
        raise ConfigException(
            f"can't listen on {host}:{port} for bytes ({error.strerror}): choose "
            "another port (--conf byte_port=…), 0 for a free one, or -1 for none"
        ) from None
