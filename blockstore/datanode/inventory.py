"""What one volume holds at start, after a clean stop, a killed process or a power loss.

- tmp/ is emptied: copies that aren't whole belong to nobody.
- A replica in rbw/ is cut to the bytes that its checksums prove (salvage.py).
- One caught between its two moves to current/ is moved on: it was durable already.
- Checksum files without data, and data without any checksums in rbw/, are leftovers.
- A finalised replica with damaged or missing checksums is reported, never removed here.
"""

import logging

from blockstore import checksumfile
from blockstore.checksum import CRC_BYTES, chunk_count, crc32c
from blockstore.checksumfile import Header
from blockstore.datanode import layout, salvage
from blockstore.datanode.layout import Place
from blockstore.datanode.volume import Volume
from blockstore.errors import ChecksumException
from blockstore.model import Block, Replica, ReplicaState
from blockstore.runtime import failpoint

log = logging.getLogger(__name__)


class Inventory:
    """What one volume holds at start."""

    def __init__(self, volume: Volume) -> None:
        self._volume = volume
        self._found: list[tuple[Replica, Place]] = []

    def take(self) -> list[tuple[Replica, Place]]:
        with self._volume.guard("listing replicas"):
            for name in self._names(Place.TMP):
                self._remove(Place.TMP, name)
            # What a killed process has named counts from now on; it may not be durable yet.
            for place in (Place.CURRENT, Place.RBW):
                failpoint.hit("inventory.take.before_sync_directory")
                self._volume.disk.sync_directory(self._volume.directory(place))
                failpoint.hit("inventory.take.after_sync_directory")
            current, rbw = self._names(Place.CURRENT), self._names(Place.RBW)
            for block_id in _block_ids(rbw):
                self._halfway(block_id, current, rbw)
            for block_id in _block_ids(current):
                self._finalized(block_id, layout.crc_name(block_id) in current)
            self._sweep(Place.CURRENT, current)
            self._sweep(Place.RBW, rbw)
        return self._found

    def _names(self, place: Place) -> set[str]:
        """Without checksum files that weren't whole yet, which are removed."""
        names = set(self._volume.disk.names(self._volume.directory(place)))
        unfinished = {name for name in names if name.endswith(layout.NEW_SUFFIX)}
        for name in unfinished:
            self._remove(place, name)
        return names - unfinished

    def _halfway(self, block_id: int, current: set[str], rbw: set[str]) -> None:
        """A data file in `rbw/`: open, or caught between its two moves to `current/`."""
        volume, disk = self._volume, self._volume.disk
        data, sums = layout.data_name(block_id), layout.crc_name(block_id)
        if data in current:
            self._remove(Place.RBW, data)
            rbw.discard(data)
        elif sums in rbw:
            self._salvage(block_id)
        elif sums in current:
            failpoint.hit("inventory.halfway.before_rename")
            disk.rename(
                volume.data_path(Place.RBW, block_id), volume.data_path(Place.CURRENT, block_id)
            )
            failpoint.hit("inventory.halfway.after_rename")
            disk.sync_directory(volume.directory(Place.CURRENT))
            failpoint.hit("inventory.halfway.after_sync_directory")
            current.add(data)
        else:
            self._remove(Place.RBW, data)
            rbw.discard(data)

    def _salvage(self, block_id: int) -> None:
        volume = self._volume
        sums = volume.disk.open(volume.crc_path(Place.RBW, block_id))
        raw = sums.pread(sums.size(), 0)
        sums.close()
        try:
            header = own_header(raw, volume.crc_path(Place.RBW, block_id), block_id)
        except ChecksumException as error:
            log.error("%s; the replica is left aside", error)
            return
        length = self._cut(header, raw[checksumfile.HEADER_BYTES :])
        block = Block(block_id, header.generation, length)
        self._found.append((Replica(block, ReplicaState.RWR), Place.RBW))

    def _cut(self, header: Header, crcs: bytes) -> int:
        """Cuts data and checksums to what is right; returns that length."""
        volume, block_id = self._volume, header.block_id
        data = volume.disk.open(volume.data_path(Place.RBW, block_id), write=True)
        try:
            length = salvage.right_length(header, crcs, data)
            whole, rest = divmod(length, header.chunk_bytes)
            kept, last_crc = crcs[: whole * CRC_BYTES], 0
            if rest:
                last_crc = crc32c(data.pread(rest, whole * header.chunk_bytes))
                kept += last_crc.to_bytes(CRC_BYTES, "big")
            if length == data.size() and kept == crcs:
                return length
            log.warning(
                "blk_%d_%d: of %d bytes %d are proved by their checksums",
                block_id, header.generation, data.size(), length,
            )  # fmt: skip
            cut = Header(header.chunk_bytes, block_id, header.generation, length, last_crc)
            failpoint.hit("inventory.cut.before_sync")
            data.sync()
            failpoint.hit("inventory.cut.after_sync")
            self._replace_checksums(cut, kept)
            data.truncate(length)
            return length
        finally:
            data.close()

    def _replace_checksums(self, header: Header, crcs: bytes) -> None:
        volume = self._volume
        path = volume.crc_path(Place.RBW, header.block_id)
        sums = volume.disk.open(path + layout.NEW_SUFFIX, create=True)
        sums.pwrite(checksumfile.pack_header(header) + crcs, 0)
        failpoint.hit("inventory.replace_checksums.before_sync")
        sums.sync()
        failpoint.hit("inventory.replace_checksums.after_sync")
        sums.close()
        failpoint.hit("inventory.replace_checksums.before_rename")
        volume.disk.rename(path + layout.NEW_SUFFIX, path)
        failpoint.hit("inventory.replace_checksums.after_rename")
        volume.disk.sync_directory(volume.directory(Place.RBW))
        failpoint.hit("inventory.replace_checksums.after_sync_directory")

    def _finalized(self, block_id: int, has_sums: bool) -> None:
        try:
            if not has_sums:
                raise ChecksumException(f"blk_{block_id} has no checksum file")
            header, _, length = read_checksums(self._volume, Place.CURRENT, block_id)
            block = Block(block_id, header.generation, length)
            if header.length != length:
                raise ChecksumException(f"{block} has {length} bytes instead of {header.length}")
            replica = Replica(block, ReplicaState.FINALIZED)
        except ChecksumException as error:
            log.error("%s: the replica is reported as damaged", error)
            replica = Replica(Block(block_id, 0), ReplicaState.CORRUPT)
        self._found.append((replica, Place.CURRENT))

    def _sweep(self, place: Place, names: set[str]) -> None:
        """Checksum files without data are leftovers."""
        for name in names:
            data = name.removesuffix(layout.CRC_SUFFIX)
            if name != data and data not in names:
                self._remove(place, name)

    def _remove(self, place: Place, name: str) -> None:
        self._volume.disk.unlink(f"{self._volume.directory(place)}/{name}")


def _block_ids(names: set[str]) -> list[int]:
    return sorted(found for name in names if (found := layout.block_id_of(name)) is not None)


def own_header(raw: bytes, what: str, block_id: int) -> Header:
    """Raises ChecksumException when the header is damaged, or another block's."""
    header = checksumfile.unpack_header(raw, what)
    if header.block_id != block_id:
        raise ChecksumException(f"{what} has the checksums of block {header.block_id}")
    return header


def read_checksums(volume: Volume, place: Place, block_id: int) -> tuple[Header, bytes, int]:
    """Header, checksums, and the length of the data that they cover.

    Raises:
        ChecksumException: the header is damaged, or there are too few checksums.
    """
    with volume.guard("reading checksums"):
        sums = volume.disk.open(volume.crc_path(place, block_id))
        raw = sums.pread(sums.size(), 0)
        sums.close()
        data = volume.disk.open(volume.data_path(place, block_id))
        length = data.size()
        data.close()
    header = own_header(raw, layout.crc_name(block_id), block_id)
    chunks = chunk_count(length, header.chunk_bytes)
    crcs = raw[checksumfile.HEADER_BYTES : checksumfile.crc_offset(chunks)]
    if len(crcs) != chunks * CRC_BYTES:
        raise ChecksumException(f"blk_{block_id}: the checksum file is too short")
    return header, crcs, length
