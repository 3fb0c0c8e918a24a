"""What a tracker answers to who asks for sheets: parts, one after the other, as a stream of bytes.

    part    kind u8 | 0 u8 | 0 u16 | number u32 | length u64 | body                (little-endian)

    PIECE   of a pack (packs.py). `number`: how many maps of it count, each a u32 before the piece;
            0: all count
    SHEET   a whole one (sheets.py), of the map `number`
    LOST    the map `number` can't be had; the body says why
    END     nothing follows: a stream that doesn't end so was cut off

Each map that was asked for is in one of them, or has no rows in a piece.
"""

import struct
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import chain
from typing import Final

from mapred.errors import FetchError
from mapred.shuffle.packs import little

_HEAD: Final = struct.Struct("<BBHIQ")
# Frames of 256 KiB to 1 MiB carry most; smaller parts travel together.
_FRAME_BYTES: Final = 512 * 1024
# Far above what a pack or a sheet can have.
_PART_BYTES_MAX: Final = 1 << 31


class Kind(IntEnum):
    END = 0
    PIECE = 1
    SHEET = 2
    LOST = 3


@dataclass(frozen=True, slots=True)
class Part:
    kind: Kind
    number: int = 0
    body: bytes = b""


def piece_part(data: bytes, maps: frozenset[int] | None) -> Part:
    """`maps`: those that count; None: all."""
    if maps is None:
        return Part(Kind.PIECE, 0, data)
    listed = little(array("I", sorted(maps))).tobytes()
    return Part(Kind.PIECE, len(maps), listed + data)


def piece_in(part: Part) -> tuple[memoryview, frozenset[int] | None]:
    """The piece in a part, and which maps of it count."""
    body, listed = memoryview(part.body), 4 * part.number
    if not listed:
        return body, None
    return body[listed:], frozenset(little(array("I", bytes(body[:listed]))))


def frames_of(parts: Iterable[Part]) -> Iterator[bytes]:
    """With an END after them."""
    held = bytearray()
    for part in chain(parts, (Part(Kind.END),)):
        held += _HEAD.pack(part.kind, 0, 0, part.number, len(part.body))
        held += part.body
        while len(held) >= _FRAME_BYTES:
            yield bytes(held[:_FRAME_BYTES])
            del held[:_FRAME_BYTES]
    yield bytes(held)


def parts_in(frames: Iterable[bytes]) -> Iterator[Part]:
    """Raises FetchError when the stream is cut off or is none of parts."""
    held = bytearray()
    for frame in frames:
        held += frame
        while len(held) >= _HEAD.size:
            kind, _, _, number, length = _HEAD.unpack_from(held)
            if kind not in list(Kind) or length > _PART_BYTES_MAX:
                raise FetchError(f"a part of kind {kind} and {length} bytes came: no such thing")
            end = _HEAD.size + length
            if len(held) < end:
                break
            if kind == Kind.END:
                return
            yield Part(Kind(kind), number, bytes(held[_HEAD.size : end]))
            del held[:end]
    raise FetchError("the stream of sheets ended too early")
