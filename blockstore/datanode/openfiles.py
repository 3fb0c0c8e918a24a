"""The two files of a replica that still grows.

Rules
- Bytes come in runs that start at a chunk border, leave no hole, and never make the replica
  shorter: a run may write the short last chunk again, now longer. What was there stays
  the same, so a reader of the earlier length is not disturbed.
- A cut and a new stamp are one atomic step: a new checksum file takes the old one's place
  before the data is truncated.
- A sync that failed is never tried again: the kernel has forgotten what it could not write. The
  replica is untrusted from then on, and whoever holds it throws it away.
- Not thread-safe: whoever holds the replica (store.py) lets one thread in at a time.
"""

from blockstore import checksumfile
from blockstore.checksum import CRC_BYTES, chunk_count, crc32c
from blockstore.checksumfile import Header
from blockstore.datanode import layout
from blockstore.datanode.disk import File
from blockstore.datanode.layout import Place
from blockstore.datanode.volume import Volume
from blockstore.errors import ChecksumException, InvalidRequestException, StoreError
from blockstore.model import Block
from blockstore.runtime import failpoint

# The kernel starts to write behind us after this many bytes: the sync at the end is short,
# and one start costs nothing against writing them.
WRITEBACK_BYTES = 8 * 1024 * 1024


class OpenFiles:
    """Data and checksums of one replica in `rbw/` or `tmp/`."""

    def __init__(
        self,
        volume: Volume,
        place: Place,
        header: Header,
        length: int,
        crcs: bytearray,
        opened: tuple[File, File] | None = None,
    ) -> None:
        """`opened` are data and checksums, where whoever made them has them open."""
        self.volume = volume
        self.place = place
        self.chunk_bytes = header.chunk_bytes
        self.block = Block(header.block_id, header.generation, length)
        self._crcs = crcs
        # Up to here writeback was started.
        self._behind = length
        # The entries of this directory are durable.
        self._linked = False
        # A sync of the data failed.
        self.untrusted = False
        self._data, self._sums = opened or _opened(volume, place, header.block_id)

    @classmethod
    def create(cls, volume: Volume, place: Place, block: Block, chunk_bytes: int) -> "OpenFiles":
        header = Header(chunk_bytes, block.id, block.generation)
        with volume.guard("creating a replica"):
            sums = volume.disk.open(volume.crc_path(place, block.id), create=True)
            try:
                sums.pwrite(checksumfile.pack_header(header), 0)
                data = volume.disk.open(volume.data_path(place, block.id), create=True)
            except OSError:
                sums.close()
                raise
        return cls(volume, place, header, 0, bytearray(), (data, sums))

    def __repr__(self) -> str:
        return f"OpenFiles({self.block}, {self.block.length} bytes in {self.place.value})"

    @property
    def length(self) -> int:
        return self.block.length

    def write(self, offset: int, crcs: bytes | memoryview, data: bytes | memoryview) -> None:
        """Takes over a run of bytes that was checked against its checksums."""
        end = offset + len(data)
        if offset % self.chunk_bytes or offset > self.length or end < self.length:
            raise InvalidRequestException(
                f"{self.block} has {self.length} bytes: {offset} to {end} don't go on from there"
            )
        first = offset // self.chunk_bytes
        with self.volume.guard("writing a replica"):
            self._data.pwrite(data, offset)
            self._sums.pwrite(crcs, checksumfile.crc_offset(first))
            if end - self._behind >= WRITEBACK_BYTES:
                self._data.start_writeback(self._behind, end - self._behind)
                self._behind = end
                self.volume.check_room()
        self._crcs[first * CRC_BYTES :] = crcs
        self.volume.count(end - self.length)
        self.block = Block(self.block.id, self.block.generation, end)

    def sync(self) -> None:
        """What was written so far survives a power loss."""
        with self.volume.guard("syncing a replica", syncing=True):
            self._sync_both()
            if not self._linked:
                failpoint.hit("openfiles.sync.before_sync_directory")
                self.volume.disk.sync_directory(self.volume.directory(self.place))
                failpoint.hit("openfiles.sync.after_sync_directory")
                self._linked = True

    def finalize(self) -> None:
        """Durable, in `current/`, and closed."""
        volume, block_id = self.volume, self.block.id
        with volume.guard("finalising a replica", syncing=True):
            failpoint.hit("openfiles.finalize.before_sync")
            self._sync_both()
            failpoint.hit("openfiles.finalize.after_sync")
            for path in (volume.crc_path, volume.data_path):
                failpoint.hit("openfiles.finalize.before_rename")
                volume.disk.rename(path(self.place, block_id), path(Place.CURRENT, block_id))
                failpoint.hit("openfiles.finalize.after_rename")
            failpoint.hit("openfiles.finalize.before_sync_directory")
            volume.disk.sync_directory(volume.directory(Place.CURRENT))
            failpoint.hit("openfiles.finalize.after_sync_directory")
        self.close()

    def join(self) -> None:
        """A copy in `tmp/` becomes an open replica in `rbw/`, durably."""
        disk, volume, block_id = self.volume.disk, self.volume, self.block.id
        self.sync()
        with volume.guard("opening a copied replica", syncing=True):
            for path in (volume.crc_path, volume.data_path):
                failpoint.hit("openfiles.join.before_rename")
                disk.rename(path(self.place, block_id), path(Place.RBW, block_id))
                failpoint.hit("openfiles.join.after_rename")
            failpoint.hit("openfiles.join.before_sync_directory")
            disk.sync_directory(volume.directory(Place.RBW))
            failpoint.hit("openfiles.join.after_sync_directory")
        self.place = Place.RBW

    def restamp(self, generation: int, length: int) -> None:
        """Cuts to `length` bytes and gives the stamp, both or neither.

        Raises:
            InvalidRequestException: the replica is shorter than that.
            ChecksumException: the chunk that the cut goes through is damaged.
        """
        if length > self.length:
            raise InvalidRequestException(
                f"{self.block} has {self.length} bytes: it can't be cut to {length}"
            )
        kept = bytearray(self.checksums_up_to(length))
        self.block = Block(self.block.id, generation, length)
        self.volume.count(length - self._data.size())
        self._crcs = kept
        self._behind = min(self._behind, length)
        disk, volume = self.volume.disk, self.volume
        path = volume.crc_path(self.place, self.block.id)
        with volume.guard("stamping a replica", syncing=True):
            self._sync(self._data)
            sums = disk.open(path + layout.NEW_SUFFIX, create=True)
            sums.pwrite(checksumfile.pack_header(self._header()) + bytes(kept), 0)
            failpoint.hit("openfiles.restamp.before_sync")
            sums.sync()
            failpoint.hit("openfiles.restamp.after_sync")
            disk.rename(path + layout.NEW_SUFFIX, path)
            failpoint.hit("openfiles.restamp.after_rename")
            disk.sync_directory(volume.directory(self.place))
            failpoint.hit("openfiles.restamp.after_sync_directory")
            self._sums.close()
            self._sums = sums
            self._data.truncate(length)

    def checksums_up_to(self, length: int) -> bytes:
        """The checksums of the first `length` bytes; reads the chunk that `length` goes through.

        Raises:
            ChecksumException: that chunk is damaged.
        """
        whole, rest = divmod(length, self.chunk_bytes)
        crcs = bytes(self._crcs[: chunk_count(length, self.chunk_bytes) * CRC_BYTES])
        if not rest or length == self.length:
            return crcs
        start = whole * self.chunk_bytes
        with self.volume.guard("reading a replica"):
            chunk = self._data.pread(min(self.chunk_bytes, self.length - start), start)
        stored = self._crcs[whole * CRC_BYTES : (whole + 1) * CRC_BYTES]
        if crc32c(chunk) != int.from_bytes(stored, "big"):
            raise ChecksumException(f"{self.block}: the chunk at offset {start} is damaged")
        return crcs[: whole * CRC_BYTES] + crc32c(chunk[:rest]).to_bytes(CRC_BYTES, "big")

    def close(self) -> None:
        """Lets the files be as they are."""
        self._data.close()
        self._sums.close()

    def discard(self) -> None:
        """Removes the files."""
        self.close()
        self.volume.count(-self.length)
        with self.volume.guard("discarding a replica"):
            self.volume.disk.unlink(self.volume.data_path(self.place, self.block.id))
            self.volume.disk.unlink(self.volume.crc_path(self.place, self.block.id))

    def _sync_data(self) -> None:
        """The data first: the header may only remember a length whose bytes are durable."""
        self._sync(self._data)
        self._sums.pwrite(checksumfile.pack_header(self._header()), 0)

    def _sync_both(self) -> None:
        self._sync_data()
        self._sync(self._sums)

    def _sync(self, file: File) -> None:
        if self.untrusted:
            raise StoreError(f"{self.block}: an earlier sync failed")
        try:
            failpoint.hit("openfiles.sync.before_sync")
            file.sync()
            failpoint.hit("openfiles.sync.after_sync")
        except OSError:
            self.untrusted = True
            raise

    def _header(self) -> Header:
        short = self.length % self.chunk_bytes != 0
        last_crc = int.from_bytes(self._crcs[-CRC_BYTES:], "big") if short else 0
        return Header(self.chunk_bytes, self.block.id, self.block.generation, self.length, last_crc)


def _opened(volume: Volume, place: Place, block_id: int) -> tuple[File, File]:
    with volume.guard("opening a replica"):
        data = volume.disk.open(volume.data_path(place, block_id), write=True)
        return data, volume.disk.open(volume.crc_path(place, block_id), write=True)
