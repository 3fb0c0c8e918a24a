"""What travels over a DataNode's byte port without gRPC: ranges of replicas, bundles, or packets.

    greeting    as on every such port                   the DataNode's (runtime/portframes.py)
    entry       business 8s | proof 32s                 the caller's: what comes on this connection,
                                                        and his secret

READING

    ask         block id u64 | generation u64 | offset u64 | length u64
    answer      pieces, the last of them marked; or a refusal in the place of any of them
    piece       kind u8 | chunk_bytes u32 | offset u64 | size u32 | CRCs | data
    refusal     kind u8 | 0 u32 | 0 u64 | size u32 | an error's name, a newline, its words (utf-8)

- All numbers are little-endian. Asks may follow one another at once; answers come in their order.
- Data starts at the chunk border at or below the wanted offset and ends at the chunk border at or
  above the wanted end (or the replica's end): the reader verifies, then trims. The last piece may
  be empty.
- Bytes that a disk refuses when their checksums are sent already come as zeros.
- A DataNode ends a connection on which it has heard nothing for IDLE_S; and, before its greeting,
  one too many.
- A broken connection proves nothing about a replica: who asks again is told.

BUNDLES

    question    a frame: a bundle (bundles.py)
    answer      a frame: its ack; or the connection's end, when it can't be taken at all

PACKETS

    welcome     "in" 2s                                 the DataNode's: who isn't welcome has asked
                                                        for nothing yet
    frame up    one of a Write stream (datastream.py), the first of them a header
    frame down  an ack, or nothing

- One connection is one Write stream, and ends with it.
- A frame of nothing says only that the DataNode lives: it comes every ALIVE_S, and is answered
  with a KEEPALIVE packet. Who hears nothing for SILENT_S has lost it.
- Both ways at once. Behind its last ack the DataNode still takes, for LINGER_S, what is on its
  way, and throws it away: a reset would overtake the ack.
"""

import struct
from dataclasses import dataclass
from typing import Final

from blockstore.checksum import CRC_BYTES, chunk_count
from blockstore.errors import ChecksumException, UnreachableException
from blockstore.model import Block
from blockstore.runtime.portframes import MAGIC_BYTES, PROOF_BYTES, PortKind

MAGIC: Final = b"MRBYTES1"
# What a connection is for.
READING: Final = MAGIC
BUNDLES: Final = b"MRBUNDL1"
PACKETS: Final = b"MRPACKT1"

# Each open connection holds a thread of its DataNode.
IDLE_S: Final = 30.0
# How often a DataNode says that it lives, and when it doesn't any more for who sends packets.
ALIVE_S: Final = 3.0
SILENT_S: Final = 12.0
# Who has got the last ack of a stream ends it.
LINGER_S: Final = 5.0
# Larger than the largest chunk that anybody has; more is not what this format means.
PIECE_BYTES_MAX: Final = 64 * 1024 * 1024

MORE: Final = 0
LAST: Final = 1
REFUSED: Final = 2

PORT: Final = PortKind(MAGIC, "byte port", PIECE_BYTES_MAX)
ENTRY_BYTES: Final = MAGIC_BYTES + PROOF_BYTES

_ASK: Final = struct.Struct("<QQQQ")
_HEAD: Final = struct.Struct("<BIQI")

ASK_BYTES: Final = _ASK.size
HEAD_BYTES: Final = _HEAD.size

WELCOME: Final = b"in"
WELCOME_BYTES: Final = len(WELCOME)


@dataclass(frozen=True, slots=True)
class Ask:
    """A range of a replica of that stamp or a later one."""

    block: Block
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Head:
    """What comes behind it: `size` bytes of data and their checksums, or of a refusal."""

    kind: int
    chunk_bytes: int
    offset: int
    size: int

    @property
    def crc_bytes(self) -> int:
        return chunk_count(self.size, self.chunk_bytes) * CRC_BYTES


def pack_entry(proof: bytes, business: bytes = READING) -> bytes:
    return business + proof


def unpack_entry(frame: bytes) -> tuple[bytes, bytes]:
    """The business and the proof. Raises UnreachableException when it's none of ours who calls."""
    business, proof = frame[:MAGIC_BYTES], frame[MAGIC_BYTES:]
    if business not in (READING, BUNDLES, PACKETS):
        raise UnreachableException("who calls a byte port knows no such port")
    return business, proof


def pack_ask(ask: Ask) -> bytes:
    return _ASK.pack(ask.block.id, ask.block.generation, ask.offset, ask.length)


def unpack_ask(frame: bytes) -> Ask:
    block_id, generation, offset, length = _ASK.unpack(frame)
    return Ask(Block(block_id, generation), offset, length)


def pack_head(head: Head) -> bytes:
    return _HEAD.pack(head.kind, head.chunk_bytes, head.offset, head.size)


def unpack_head(frame: bytes | bytearray | memoryview) -> Head:
    """Raises ChecksumException for a head that can't be meant."""
    head = Head(*_HEAD.unpack(frame))
    known = head.kind in (MORE, LAST, REFUSED)
    if not known or head.size > PIECE_BYTES_MAX or (head.kind != REFUSED and not head.chunk_bytes):
        raise ChecksumException(f"the head of a piece is damaged: {head}")
    return head


def pack_refusal(name: str, words: str) -> bytes:
    text = f"{name}\n{words}".encode()
    return pack_head(Head(REFUSED, 0, 0, len(text))) + text


def unpack_refusal(text: bytes) -> tuple[str, str]:
    """The error's name and its words."""
    name, _, words = text.decode(errors="replace").partition("\n")
    return name, words


def check_welcome(frame: bytes) -> None:
    """Raises UnreachableException when it is none."""
    if frame != WELCOME:
        raise UnreachableException("what talks at the other end of a byte port isn't welcoming")
