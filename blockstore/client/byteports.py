"""The byte ports of DataNodes, for all readers of one client: a connection is kept and used again.

Rules
- Who reads has a connection for himself; of those that nobody uses a few stay, for a while.
- A port that can't be reached, or is silent, is left alone for a while; its node is asked by gRPC.
"""

import threading
from collections import deque
from typing import Final

from blockstore.bytedial import Dialler
from blockstore.byteframes import IDLE_S, READING
from blockstore.client.byteconnection import ByteConnection
from blockstore.errors import StoreError
from blockstore.model import Node
from blockstore.runtime.clock import SYSTEM_CLOCK, Clock

# Of one node: as many threads read at once without dialling.
KEPT_PER_NODE: Final = 4
# Shorter than the DataNode's patience, so that it's seldom the one who ends it.
KEPT_S: Final = IDLE_S / 2
# How long a port that can't be reached isn't tried.
SHUNNED_S: Final = 30.0


class BytePorts:
    """Thread-safe."""

    def __init__(self, secret: str | None, patience_s: float, clock: Clock = SYSTEM_CLOCK) -> None:
        """`patience_s`: how long a DataNode may take to answer who dials."""
        self._patience_s = patience_s
        self._dialler = Dialler(
            secret, READING, "is asked", clock, dial_s=patience_s, shunned_s=SHUNNED_S
        )
        self._clock = clock
        self._guard = threading.Lock()
        # By host and port; the one given back last at the end, with when that was.
        self._kept: dict[tuple[str, int], deque[tuple[float, ByteConnection]]] = {}
        self._closed = False

    @property
    def patience_s(self) -> float:
        return self._patience_s

    @property
    def kept(self) -> int:
        """Connections that wait to be used again."""
        with self._guard:
            return sum(map(len, self._kept.values()))

    def take(self, node: Node) -> ByteConnection | None:
        """A connection that was used before, if there is one."""
        with self._guard:
            kept = self._kept.get(_key(node))
            while kept:
                given_at, connection = kept.pop()
                if given_at + KEPT_S > self._clock.monotonic() and connection.is_clean:
                    return connection
                connection.close()
        return None

    def dial(self, node: Node) -> ByteConnection | None:
        """A fresh connection; None when the node is to be asked otherwise."""
        dialled = self._dialler.dial(node)
        return ByteConnection(*dialled) if dialled else None

    def shun(self, node: Node, why: OSError | StoreError) -> None:
        """It is asked over gRPC for a while."""
        self._dialler.shun(node, why)

    def give_back(self, node: Node, connection: ByteConnection) -> None:
        """It's kept if another can use it."""
        now = self._clock.monotonic()
        with self._guard:
            stale = self._take_stale(now)
            kept = self._kept.setdefault(_key(node), deque())
            if not self._closed and len(kept) < KEPT_PER_NODE and connection.is_clean:
                kept.append((now, connection))
            else:
                stale.append(connection)
        for each in stale:
            each.close()

    def close(self) -> None:
        """Connections that are in use end with their readers."""
        with self._guard:
            self._closed = True
            stale = [connection for kept in self._kept.values() for _, connection in kept]
            self._kept.clear()
        for each in stale:
            each.close()

    def _take_stale(self, now: float) -> list[ByteConnection]:
        stale = []
        for key, kept in list(self._kept.items()):
            while kept and kept[0][0] + KEPT_S <= now:
                stale.append(kept.popleft()[1])
            if not kept:
                del self._kept[key]
        return stale


def _key(node: Node) -> tuple[str, int]:
    return node.host, node.byte_port
