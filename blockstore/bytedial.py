"""Dialling a DataNode's byte port (byteframes.py)."""

import socket

from blockstore import byteframes
from blockstore.model import Node
from blockstore.runtime.line import Line
from blockstore.runtime.secret import prove


def dialled(
    node: Node, secret: str | None, patience_s: float, business: bytes
) -> tuple[Line, bytes]:
    """A connection that was greeted; and the entry, which goes with what is said first there.

    Raises:
        UnreachableException: somebody else listens there.
        OSError: nobody does, or he says nothing for `patience_s`.
    """
    connected = socket.create_connection((node.host.strip("[]"), node.byte_port), patience_s)
    try:
        line = Line(connected, patience_s)
        nonce = byteframes.unpack_greeting(line.receive(byteframes.GREETING_BYTES))
    except BaseException:
        connected.close()
        raise
    return line, byteframes.pack_entry(prove(secret, byteframes.PURPOSE, nonce), business)
