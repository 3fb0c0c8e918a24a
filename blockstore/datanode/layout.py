"""Names and formats on a DataNode's disks; nothing else makes or parses them.

    DIR/VERSION         who this node is (identity.py), JSON
    DIR/lock            held while a DataNode uses DIR
    DIR/witness         words that only this machine's processes can read, new at every start
    DIR/new-volume      made by an administrator: this disk replaces one that was lost
    DIR/check           written and read back by the disk check (diskcheck.py)
    DIR/scan            how far the scanner is (scanner.py), JSON
    DIR/current/blk_7   the bytes of a finalised replica; blk_7.crc: its checksums
    DIR/rbw/            replicas that a client is writing
    DIR/tmp/            copies that aren't whole yet; emptied at start
    DIR/packs/pack_000012_<salt>    many small replicas that came whole (pack.py)

A replica is finalised when both its files are in current/. Its checksum file moves
there first, so that a crash between the two moves is seen and finished at start.

The checksum file's format is in blockstore/checksumfile.py.
"""

import re
from enum import Enum
from typing import Final

VERSION_FILE: Final = "VERSION"
LOCK_FILE: Final = "lock"
WITNESS_FILE: Final = "witness"
NEW_VOLUME_FILE: Final = "new-volume"
CHECK_FILE: Final = "check"
SCAN_FILE: Final = "scan"
NEW_SUFFIX: Final = ".new"
# 2: there are packs.
LAYOUT_VERSION: Final = 2
CRC_SUFFIX: Final = ".crc"

_DATA_NAME: Final = re.compile(r"blk_([0-9]{1,20})")
_PACK_NAME: Final = re.compile(r"pack_([0-9]{6,})_([0-9a-f]{16})")


class Place(Enum):
    """The directory of a volume that a replica's files are in, or a pack with it."""

    CURRENT = "current"
    RBW = "rbw"
    TMP = "tmp"
    PACKS = "packs"


def data_name(block_id: int) -> str:
    return f"blk_{block_id}"


def crc_name(block_id: int) -> str:
    return data_name(block_id) + CRC_SUFFIX


def block_id_of(name: str) -> int | None:
    """The block of a data file's name; None for any other name."""
    match = _DATA_NAME.fullmatch(name)
    return int(match[1]) if match else None


def pack_name(number: int, salt: bytes) -> str:
    return f"pack_{number:06d}_{salt.hex()}"


def pack_of(name: str) -> tuple[int, bytes] | None:
    """Number and salt of a pack's name; None for any other name."""
    match = _PACK_NAME.fullmatch(name)
    return (int(match[1]), bytes.fromhex(match[2])) if match else None
