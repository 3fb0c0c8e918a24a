"""The checksum file beside every replica's data: a header of 64 bytes, then one CRC32C
(u32, big-endian) for every chunk.

    header  magic 8s | version u16 | chunk_bytes u32 | block id u64 | generation u64
            | length u64 | last_crc u32 | CRC32C of the fields before u32        (little-endian)

`length` is the replica's length when the header was written: at its last sync, cut or
finalisation; `last_crc` is the checksum its last chunk had then (0 at a chunk border),
because the chunk's own slot is overwritten when the chunk grows.
"""

import struct
from dataclasses import dataclass
from typing import Final

from blockstore.checksum import CRC_BYTES, crc32c
from blockstore.errors import ChecksumException

VERSION: Final = 1
HEADER_BYTES: Final = 64

_MAGIC: Final = b"BLKSUMS\n"
_FIELDS: Final = struct.Struct("<8sHIQQQI")
_OWN_CRC: Final = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Header:
    """What a checksum file says of its replica."""

    chunk_bytes: int
    block_id: int
    generation: int
    length: int = 0
    last_crc: int = 0


def crc_offset(chunk: int) -> int:
    """Where a chunk's checksum lies in the file."""
    return HEADER_BYTES + chunk * CRC_BYTES


def pack_header(header: Header) -> bytes:
    fields = _FIELDS.pack(
        _MAGIC,
        VERSION,
        header.chunk_bytes,
        header.block_id,
        header.generation,
        header.length,
        header.last_crc,
    )
    return (fields + _OWN_CRC.pack(crc32c(fields))).ljust(HEADER_BYTES, b"\0")


def unpack_header(raw: bytes, what: str) -> Header:
    """Raises ChecksumException when the header is damaged or of another version."""
    if len(raw) < HEADER_BYTES:
        raise ChecksumException(f"{what}: a checksum file of {len(raw)} bytes has no whole header")
    magic, version, chunk_bytes, block_id, generation, length, last_crc = _FIELDS.unpack_from(raw)
    (own_crc,) = _OWN_CRC.unpack_from(raw, _FIELDS.size)
    if magic != _MAGIC or own_crc != crc32c(raw[: _FIELDS.size]):
        raise ChecksumException(f"{what}: the header of the checksum file is damaged")
    if version != VERSION:
        raise ChecksumException(
            f"{what}: the checksum file has version {version}, this program knows {VERSION}"
        )
    return Header(chunk_bytes, block_id, generation, length, last_crc)
