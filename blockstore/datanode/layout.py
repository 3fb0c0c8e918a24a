"""Names and formats on a DataNode's disks; nothing else makes or parses them.

    DIR/VERSION         who this node is (identity.py), JSON
    DIR/lock            held while a DataNode uses DIR
    DIR/witness         words that only this machine's processes can read, new at every start
    DIR/current/blk_7   the bytes of a finalised replica; blk_7.crc: its checksums
    DIR/rbw/            replicas that a client is writing
    DIR/tmp/            copies that aren't whole yet; emptied at start

A replica is finalised when both its files are in current/. Its checksum file moves
there first, so that a crash between the two moves is seen and finished at start.

Checksum file: a header of 64 bytes, then one CRC32C (u32, big-endian) for every chunk.

    header  magic 8s | version u16 | chunk_bytes u32 | block id u64 | generation u64
            | length u64 | last_crc u32 | CRC32C of the fields before u32        (little-endian)

`length` is the replica's length when the header was written: at its last sync, cut or
finalisation; `last_crc` is the checksum its last chunk had then (0 at a chunk border),
because the chunk's own slot is overwritten when the chunk grows.
"""

import re
import struct
from dataclasses import dataclass
from enum import Enum
from typing import Final

from blockstore.checksum import CRC_BYTES, crc32c
from blockstore.errors import ChecksumException

VERSION_FILE: Final = "VERSION"
LOCK_FILE: Final = "lock"
WITNESS_FILE: Final = "witness"
NEW_SUFFIX: Final = ".new"
LAYOUT_VERSION: Final = 1
HEADER_BYTES: Final = 64
CRC_SUFFIX: Final = ".crc"

_MAGIC: Final = b"BLKSUMS\n"
_FIELDS: Final = struct.Struct("<8sHIQQQI")
_OWN_CRC: Final = struct.Struct("<I")
_DATA_NAME: Final = re.compile(r"blk_([0-9]{1,20})")


class Place(Enum):
    """The directory of a volume that a replica's files are in."""

    CURRENT = "current"
    RBW = "rbw"
    TMP = "tmp"


@dataclass(frozen=True, slots=True)
class Header:
    """What a checksum file says of its replica."""

    chunk_bytes: int
    block_id: int
    generation: int
    length: int = 0
    last_crc: int = 0


def data_name(block_id: int) -> str:
    return f"blk_{block_id}"


def crc_name(block_id: int) -> str:
    return data_name(block_id) + CRC_SUFFIX


def block_id_of(name: str) -> int | None:
    """The block of a data file's name; None for any other name."""
    match = _DATA_NAME.fullmatch(name)
    return int(match[1]) if match else None


def crc_offset(chunk: int) -> int:
    """Where a chunk's checksum lies in the checksum file."""
    return HEADER_BYTES + chunk * CRC_BYTES


def pack_header(header: Header) -> bytes:
    fields = _FIELDS.pack(
        _MAGIC,
        LAYOUT_VERSION,
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
    if version != LAYOUT_VERSION:
        raise ChecksumException(
            f"{what}: the checksum file has version {version}, this DataNode knows {LAYOUT_VERSION}"
        )
    return Header(chunk_bytes, block_id, generation, length, last_crc)
