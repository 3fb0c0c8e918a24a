"""What travels over the NameNode's call port: requests one after another, without gRPC.

    greeting    as on every such port                 the NameNode's (runtime/portframes.py)
    entry       magic 8s | proof 32s | size u16 | user (utf-8)
                                                      the client's
    request     a frame: a serialised BatchCall
    reply       a frame: a serialised BatchOutcome

- All numbers are little-endian. A client asks again when he has his reply.
- The NameNode ends a connection that it can make nothing of, one that has been silent for IDLE_S,
  and those that are too many before it greets them. What was asked there is asked over gRPC.
"""

import struct
from typing import Final

from blockstore.errors import UnreachableException
from blockstore.runtime.portframes import MAGIC_BYTES, PROOF_BYTES, PortKind

MAGIC: Final = b"MRCALLS1"
# Clients end a connection that they don't need before that.
IDLE_S: Final = 90.0
# A request names paths and blocks, and nodes that are excluded with their reasons.
FRAME_BYTES_MAX: Final = 4 * 1024 * 1024
PORT: Final = PortKind(MAGIC, "call port", FRAME_BYTES_MAX)

_ENTRY: Final = struct.Struct(f"<{MAGIC_BYTES}s{PROOF_BYTES}sH")

ENTRY_BYTES: Final = _ENTRY.size


def pack_entry(proof: bytes, user: str) -> bytes:
    name = user.encode()
    return _ENTRY.pack(MAGIC, proof, len(name)) + name


def unpack_entry(frame: bytes | bytearray) -> tuple[bytes, int]:
    """The proof, and how many bytes of the user's name follow.

    Raises:
        UnreachableException: it's no client who calls.
    """
    magic, proof, size = _ENTRY.unpack_from(frame)
    if magic != MAGIC:
        raise UnreachableException("no client calls")
    return proof, size
