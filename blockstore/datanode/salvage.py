"""How many bytes of a half-written replica are right: what a DataNode does after a crash.

A replica in `rbw/` was being written when the process, or the machine, stopped. Data and
checksums may have reached the disk in any mix. Right is the longest run of chunks from
the start that match their checksums. The chunk at which that ends may still have a right
beginning, found in two ways:
- its checksum matches a beginning of it: data was written and its checksum wasn't yet;
- the header remembers a length inside it: the length at the last sync or cut, and the
  checksum the chunk had then.
So no byte that was acknowledged is lost to a killed process, and no byte that was synced
is lost to a power loss.
"""

import google_crc32c

from blockstore.checksum import CRC_BYTES, crc32c
from blockstore.checksumfile import Header
from blockstore.datanode.disk import File


def right_length(header: Header, crcs: bytes, data: File) -> int:
    """Bytes from the start of `data` that its checksums prove."""
    length = 0
    for start in range(0, data.size(), header.chunk_bytes):
        chunk = data.pread(header.chunk_bytes, start)
        at = start // header.chunk_bytes * CRC_BYTES
        stored = crcs[at : at + CRC_BYTES]
        if len(stored) == CRC_BYTES and crc32c(chunk) == int.from_bytes(stored, "big"):
            length = start + len(chunk)
            continue
        return start + max(_written(chunk, stored), _remembered(chunk, start, header))
    return length


def _written(chunk: bytes, stored: bytes) -> int:
    if len(stored) < CRC_BYTES:
        return 0
    wanted, crc = int.from_bytes(stored, "big"), 0
    for length in range(1, len(chunk)):
        crc = google_crc32c.extend(crc, chunk[length - 1 : length])
        if crc == wanted:
            return length
    return 0


def _remembered(chunk: bytes, start: int, header: Header) -> int:
    length = header.length - start
    if 0 < length <= len(chunk) and crc32c(chunk[:length]) == header.last_crc:
        return length
    return 0
