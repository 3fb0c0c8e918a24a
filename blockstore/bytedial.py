"""Dialling a DataNode's byte port (byteframes.py)."""

from blockstore import byteframes
from blockstore.model import Node
from blockstore.runtime.line import Line, greeted
from blockstore.runtime.secret import prove


def dialled(
    node: Node, secret: str | None, patience_s: float, business: bytes
) -> tuple[Line, bytes]:
    """A connection that was greeted; and the entry, which goes with what is said first there.

    Raises:
        UnreachableException: somebody else listens there.
        OSError: nobody does, or he says nothing for `patience_s`.
    """
    line, greeting = greeted(node.host, node.byte_port, patience_s, byteframes.GREETING_BYTES)
    try:
        nonce = byteframes.unpack_greeting(greeting)
    except BaseException:
        line.close()
        raise
    return line, byteframes.pack_entry(prove(secret, byteframes.PURPOSE, nonce), business)
