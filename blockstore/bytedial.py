"""Dialling a DataNode's byte port (byteframes.py)."""

import logging
from typing import Final

from blockstore import byteframes
from blockstore.errors import StoreError
from blockstore.model import Node
from blockstore.runtime import portframes
from blockstore.runtime.clock import Clock
from blockstore.runtime.line import Line, greeted
from blockstore.runtime.secret import prove
from blockstore.runtime.shunned import Shunned

log = logging.getLogger(__name__)

# To connect, and to be greeted: a filter that swallows packets costs no more than that.
DIAL_S: Final = 1.0
# How long a port that can't be reached isn't tried.
SHUNNED_S: Final = 60.0


def dialled(
    node: Node, secret: str | None, patience_s: float, business: bytes
) -> tuple[Line, bytes]:
    """A connection that was greeted; and the entry, which goes with what is said first there.

    Raises:
        UnreachableException: somebody else listens there.
        OSError: nobody does, or he says nothing for `patience_s`.
    """
    line, greeting = greeted(node.host, node.byte_port, patience_s, portframes.GREETING_BYTES)
    try:
        nonce = byteframes.PORT.unpack_greeting(greeting)
    except BaseException:
        line.close()
        raise
    return line, byteframes.pack_entry(prove(secret, byteframes.PORT.purpose, nonce), business)


class Dialler:
    """Dials for one business, and leaves ports alone that can't be reached. Thread-safe."""

    def __init__(
        self,
        secret: str | None,
        business: bytes,
        what: str,
        clock: Clock,
        *,
        dial_s: float | None = None,
        shunned_s: float = SHUNNED_S,
    ) -> None:
        """`what` becomes of a node over gRPC while it is left alone; `dial_s` None: DIAL_S."""
        self._secret = secret
        self._business = business
        self._what = what
        self._dial_s = dial_s
        self._shunned_s = shunned_s
        self._shunned = Shunned(shunned_s, clock)

    def dial(self, node: Node) -> tuple[Line, bytes] | None:
        """As `dialled` gives it; None where the node has no port that can be reached."""
        if not node.byte_port or _key(node) in self._shunned:
            return None
        try:
            dial_s = DIAL_S if self._dial_s is None else self._dial_s
            return dialled(node, self._secret, dial_s, self._business)
        except OSError as error:
            self.shun(node, error)
            return None

    def shun(self, node: Node, why: OSError | StoreError) -> None:
        # Silence costs each who tries a second and more: somebody should know. A port that refuses,
        # as behind a firewall, costs nothing.
        level = logging.WARNING if isinstance(why, TimeoutError) else logging.INFO
        words = "%s %s over gRPC for %.0f s: byte port %d: %s"
        log.log(level, words, node, self._what, self._shunned_s, node.byte_port, why)
        self._shunned.add(_key(node))


def _key(node: Node) -> tuple[str, int]:
    return node.host, node.byte_port
