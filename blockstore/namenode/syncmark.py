"""How far the journal is known to be on disk: one number, in a file of its own.

    synced    magic "BSSYNCD1" | transaction u64 | CRC32C of these u32        (little-endian)

A record says what was durable when it was written, so of the last records before a pause nobody
says it. If their bytes rot, or the file system loses them, they look like a write that a crash
tore, and such an end is cut. The mark is the witness against that: it is written when the
journal rests, beside every request's path, and tells that an end below it is no torn one.

Rules
- The mark is at most what an fsync of the journal has returned for.
- It is a witness, no part of the journal: without it, or when it is damaged, the journal is read
  as it is.
"""

import logging
import struct
from typing import Final

from blockstore.checksum import crc32c
from blockstore.namenode.disk import Disk
from blockstore.runtime import failpoint

log = logging.getLogger(__name__)

NAME: Final = "synced"
NEW_NAME: Final = "synced.new"

_MAGIC: Final = b"BSSYNCD1"
_FIELDS: Final = struct.Struct("<8sQ")
_CRC: Final = struct.Struct("<I")


def write(disk: Disk, transaction: int) -> None:
    """Durable on return; raises OSError."""
    fields = _FIELDS.pack(_MAGIC, transaction)
    file = disk.create(NEW_NAME)
    try:
        file.write(fields + _CRC.pack(crc32c(fields)))
        failpoint.hit("syncmark.write.before_sync")
        file.sync()
        failpoint.hit("syncmark.write.after_sync")
    finally:
        file.close()
    failpoint.hit("syncmark.write.before_replace")
    disk.replace(NEW_NAME, NAME)
    failpoint.hit("syncmark.write.after_replace")
    disk.sync_names()
    failpoint.hit("syncmark.write.after_sync_names")


def read(disk: Disk) -> int:
    """The marked transaction; 0 when there is no mark that can be read."""
    if NAME not in disk.names():
        return 0
    data = disk.read(NAME)
    if len(data) == _FIELDS.size + _CRC.size:
        magic, transaction = _FIELDS.unpack_from(data)
        (crc,) = _CRC.unpack_from(data, _FIELDS.size)
        if magic == _MAGIC and crc == crc32c(data[: _FIELDS.size]):
            return int(transaction)
    log.warning("%s/%s is damaged: a lost end of the journal can't be noticed", disk.place, NAME)
    return 0
