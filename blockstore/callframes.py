"""What travels over the NameNode's call port: requests one after another, without gRPC.

    greeting    magic 8s | nonce 16s                  the NameNode's, as soon as it is dialled
    entry       magic 8s | proof 32s | size u16 | user (utf-8)
                                                      the client's; the proof is of the cluster's
                                                      secret (runtime/secret.py), zeros without one
    request     size u32 | a serialised BatchCall
    reply       size u32 | a serialised BatchOutcome

- All numbers are little-endian. A client asks again when he has his reply.
- The NameNode ends a connection that it can make nothing of, one that has been silent for IDLE_S,
  and those that are too many before it greets them. What was asked there is asked over gRPC.
"""

import struct
from typing import Final

from blockstore.errors import UnreachableException

MAGIC: Final = b"MRCALLS1"
NONCE_BYTES: Final = 16
PROOF_BYTES: Final = 32
# What a client proves the cluster's secret for.
PURPOSE: Final = "call port"
# Clients end a connection that they don't need before that.
IDLE_S: Final = 90.0
# A request names paths and blocks, and nodes that are excluded with their reasons.
FRAME_BYTES_MAX: Final = 4 * 1024 * 1024
GREETING_BYTES: Final = len(MAGIC) + NONCE_BYTES

_ENTRY: Final = struct.Struct(f"<{len(MAGIC)}s{PROOF_BYTES}sH")
_SIZE: Final = struct.Struct("<I")

ENTRY_BYTES: Final = _ENTRY.size
SIZE_BYTES: Final = _SIZE.size


def pack_greeting(nonce: bytes) -> bytes:
    return MAGIC + nonce


def unpack_greeting(frame: bytes) -> bytes:
    """The nonce.

    Raises:
        UnreachableException: it's somebody else who listens there.
    """
    if not frame.startswith(MAGIC):
        raise UnreachableException("no NameNode listens there")
    return frame[len(MAGIC) :]


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


def pack_frame(message: bytes) -> bytes:
    return _SIZE.pack(len(message)) + message


def size_of(frame: bytes | bytearray) -> int:
    """How many bytes follow the head of a request or a reply.

    Raises:
        UnreachableException: more than anybody means.
    """
    (size,) = _SIZE.unpack_from(frame)
    if size > FRAME_BYTES_MAX:
        raise UnreachableException(f"a frame of {size} bytes is none of a call port")
    return int(size)
