"""A small replica in a pack: one record with its header, its checksums and its bytes. Pure.

    record      header (64 bytes) | one CRC32C a chunk (u32, big-endian) | data | zeros up to a
                multiple of 64 bytes
    header      magic 8s | salt 8s | chunk_bytes u32 | block id u64 | generation u64 | length u64
                | CRC32C of the fields before u32                                  (little-endian)

- Records begin at multiples of 64, so that no header crosses two sectors: it is there or isn't.
- The salt is the pack's, from its name (datanode/layout.py): what looks like a record in
  somebody's data isn't one.
- A record that was removed has another magic, and keeps its length: a reader steps over it.
"""

import struct
from dataclasses import dataclass
from typing import Final

from blockstore.checksum import CRC_BYTES, chunk_count, crc32c
from blockstore.model import Block

ALIGNMENT: Final = 64
HEADER_BYTES: Final = 64
SALT_BYTES: Final = 8

_LIVE: Final = b"BLKPACK\n"
_DEAD: Final = b"BLKGONE\n"
_FIELDS: Final = struct.Struct("<8s8sIQQQ")
_OWN_CRC: Final = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class RecordHeader:
    """What stands before a replica in a pack."""

    block: Block
    chunk_bytes: int
    live: bool = True

    @property
    def crcs_bytes(self) -> int:
        return chunk_count(self.block.length, self.chunk_bytes) * CRC_BYTES

    @property
    def data_at(self) -> int:
        """Where the data begins, from the record's beginning."""
        return HEADER_BYTES + self.crcs_bytes

    @property
    def record_bytes(self) -> int:
        length = self.block.length
        end = HEADER_BYTES + -(-length // self.chunk_bytes) * CRC_BYTES + length
        return end + -end % ALIGNMENT


def pack_header(header: RecordHeader, salt: bytes) -> bytes:
    block = header.block
    magic = _LIVE if header.live else _DEAD
    fields = _FIELDS.pack(magic, salt, header.chunk_bytes, block.id, block.generation, block.length)
    return (fields + _OWN_CRC.pack(crc32c(fields))).ljust(HEADER_BYTES, b"\0")


def pack_record(
    header: RecordHeader, crcs: bytes | memoryview, data: bytes | memoryview, salt: bytes
) -> bytes:
    whole = b"".join((pack_header(header, salt), crcs, data))
    return whole.ljust(header.record_bytes, b"\0")


def salt_in(raw: bytes) -> bytes:
    """What a header says that its pack's salt is."""
    return raw[len(_LIVE) : len(_LIVE) + SALT_BYTES]


def unpack_header(raw: bytes, salt: bytes, at: int = 0) -> RecordHeader | None:
    """What begins at `at`. None: no header of this pack's records, or a damaged one."""
    if len(raw) < at + HEADER_BYTES:
        return None
    magic, of_pack, chunk_bytes, block_id, generation, length = _FIELDS.unpack_from(raw, at)
    if magic not in (_LIVE, _DEAD) or of_pack != salt:
        return None
    end = at + _FIELDS.size
    if _OWN_CRC.unpack_from(raw, end)[0] != crc32c(raw[at:end]):
        return None
    return RecordHeader(Block(block_id, generation, length), chunk_bytes, magic == _LIVE)


def next_header(raw: bytes, salt: bytes) -> int:
    """Where the first header in `raw` begins, which begins at a record's border; its length when
    there is none."""
    at = 0
    while True:
        found = [place for magic in (_LIVE, _DEAD) if (place := raw.find(magic + salt, at)) >= 0]
        if not found:
            return len(raw)
        at = min(found)
        if at % ALIGNMENT == 0 and unpack_header(raw, salt, at):
            return at
        at += 1
