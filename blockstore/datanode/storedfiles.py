"""The two files of a replica, open for reading.

They stay readable when the replica is finalised, moved or deleted meanwhile.
"""

from blockstore import checksumfile
from blockstore.checksum import CRC_BYTES, chunk_count
from blockstore.datanode import layout
from blockstore.datanode.disk import File
from blockstore.datanode.layout import Place
from blockstore.datanode.volume import Volume
from blockstore.errors import ChecksumException
from blockstore.model import Block


class StoredFiles:
    """Data with checksums, by chunk. Safe for several threads."""

    def __init__(
        self, volume: Volume, block: Block, chunk_bytes: int, crcs: bytes, data: File
    ) -> None:
        self.block = block
        self.chunk_bytes = chunk_bytes
        self._volume = volume
        self._crcs = crcs
        self._data = data

    @classmethod
    def open(cls, volume: Volume, place: Place, block: Block, crcs: bytes | None) -> "StoredFiles":
        with volume.guard("opening a replica for reading"):
            sums = volume.disk.open(volume.crc_path(place, block.id))
            try:
                raw = sums.pread(checksumfile.HEADER_BYTES if crcs is not None else sums.size(), 0)
            finally:
                sums.close()
            header = checksumfile.unpack_header(raw, layout.crc_name(block.id))
            if header.generation != block.generation:
                raise ChecksumException(
                    f"{block}: the checksum file is of generation {header.generation}"
                )
            if crcs is None:
                crcs = raw[checksumfile.HEADER_BYTES :]
            if len(crcs) < chunk_count(block.length, header.chunk_bytes) * CRC_BYTES:
                raise ChecksumException(f"{block}: the checksum file is too short")
            data = volume.disk.open(volume.data_path(place, block.id))
        return cls(volume, block, header.chunk_bytes, crcs, data)

    def run(self, offset: int, length: int) -> tuple[bytes, bytes]:
        """Checksums and data of up to `length` bytes from a chunk border; nothing is verified.

        Raises:
            ChecksumException: the data file is shorter than the replica.
        """
        wanted = min(length, self.block.length - offset)
        with self._volume.guard("reading a replica"):
            data = self._data.pread(wanted, offset)
        if len(data) < wanted:
            raise ChecksumException(
                f"{self.block}: the data file ends at {offset + len(data)}, not {self.block.length}"
            )
        first = offset // self.chunk_bytes
        last = first + chunk_count(len(data), self.chunk_bytes)
        return self._crcs[first * CRC_BYTES : last * CRC_BYTES], data

    def close(self) -> None:
        self._data.close()
