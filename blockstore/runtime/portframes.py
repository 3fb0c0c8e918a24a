"""How talk without gRPC begins, on the NameNode's call port (callframes.py) and on byte ports
(byteframes.py) alike, and the frames that messages travel in there.

    greeting    magic 8s | nonce 16s        the server's, as soon as it is dialled
    proof       32s                         in the caller's first words: of the cluster's secret
                                            (secret.py), zeros where there is none
    frame       size u32 | a message

- All numbers are little-endian.
"""

import struct
from dataclasses import dataclass
from typing import Final

from blockstore.errors import UnreachableException

MAGIC_BYTES: Final = 8
NONCE_BYTES: Final = 16
PROOF_BYTES: Final = 32
GREETING_BYTES: Final = MAGIC_BYTES + NONCE_BYTES

_SIZE: Final = struct.Struct("<I")

SIZE_BYTES: Final = _SIZE.size


@dataclass(frozen=True, slots=True)
class PortKind:
    """A kind of port; `purpose` is its name, and what a caller proves the cluster's secret for."""

    magic: bytes
    purpose: str
    # More than that nobody means.
    frame_bytes_max: int

    def pack_greeting(self, nonce: bytes) -> bytes:
        return self.magic + nonce

    def unpack_greeting(self, frame: bytes) -> bytes:
        """The nonce.

        Raises:
            UnreachableException: it's somebody else who listens there.
        """
        if not frame.startswith(self.magic):
            raise UnreachableException(f"what listens there is no {self.purpose}")
        return frame[MAGIC_BYTES:]

    def frame_bytes(self, head: bytes | bytearray) -> int:
        """How many bytes follow the head of a frame.

        Raises:
            UnreachableException: more than anybody means.
        """
        (size,) = _SIZE.unpack_from(head)
        if size > self.frame_bytes_max:
            raise UnreachableException(f"a frame of {size} bytes is none of a {self.purpose}")
        return int(size)


def pack_size(size: int) -> bytes:
    """What comes before a message of so many bytes."""
    return _SIZE.pack(size)


def pack_frame(message: bytes) -> bytes:
    return pack_size(len(message)) + message
