"""All replicas on a DataNode's volumes: the only part of it that touches disks.

Layout and formats are in layout.py. One block has at most one replica here. Operations
on different blocks may run at once; store.py keeps those on one block apart.
"""

import contextlib
import logging
import os
import random
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from blockstore.checksumfile import HEADER_BYTES
from blockstore.datanode import layout
from blockstore.datanode.disk import Disk, SystemDisk
from blockstore.datanode.identity import write_small
from blockstore.datanode.inventory import Inventory, own_header, read_checksums
from blockstore.datanode.layout import Place
from blockstore.datanode.memorydisk import MemoryDisk
from blockstore.datanode.openfiles import OpenFiles
from blockstore.datanode.packs import Packs, WholeReplica
from blockstore.datanode.storedfiles import StoredFiles
from blockstore.datanode.volume import Volume, VolumeFailure
from blockstore.datanode.volumes import Volumes
from blockstore.errors import ConfigException, StoreError
from blockstore.model import Block, NodeLoad, Replica, ReplicaState
from blockstore.runtime import failpoint

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LocalPaths:
    """Where a client on the same machine finds a replica, and what proves that it is one.

    In a pack both paths are the pack's, and its record begins at `record_at`.
    """

    data_path: str
    checksum_path: str
    witness_path: str
    witness: str
    record_at: int | None = None


class BlockFiles:
    """Replicas as files, and in packs."""

    def __init__(
        self,
        directories: Iterable[str | os.PathLike[str]],
        disk: Disk | None = None,
        reserved_bytes: int = 0,
    ) -> None:
        """Locks the directories.

        Raises:
            ConfigException: another DataNode uses one of them, or none can be used.
        """
        self._where: dict[int, tuple[Volume, Place]] = {}
        self._witness = secrets.token_hex(16)
        paths = [os.fspath(path).rstrip("/") or "/" for path in directories]
        self._volumes = Volumes(disk or SystemDisk(), paths, reserved_bytes)
        self._packs = {volume.path: Packs(volume) for volume in self._volumes.opened}

    @property
    def volumes(self) -> list[Volume]:
        return self._volumes.opened

    def exhausted(self) -> str:
        """Why no volume is left; empty while there is one."""
        return "" if self._volumes.usable else self._volumes.reasons()

    def load(self) -> list[Replica]:
        """What is on the disks at start: finalised, waiting for recovery, or damaged.

        Finishes or undoes what a crash interrupted.

        Raises:
            ConfigException: no volume can be read.
        """
        found: dict[int, Replica] = {}
        for volume in self._volumes.usable:
            try:
                write_small(volume, layout.WITNESS_FILE, self._witness.encode())
                replicas = Inventory(volume).take()
                packed = self._packs[volume.path].load()
            except (StoreError, OSError) as error:
                log.error("volume %s can't be read: %s", volume.path, error)
                volume.fail(f"its replicas can't be listed: {error}")
                continue
            for replica, place in replicas:
                self._found(volume, place, replica, found)
            for block in packed:
                self._found(volume, Place.PACKS, Replica(block, ReplicaState.FINALIZED), found)
        if reasons := self.exhausted():
            raise ConfigException(f"no storage directory can be used ({reasons})")
        for block_id, replica in found.items():
            self._where[block_id][0].count(replica.block.length)
        return list(found.values())

    def _found(
        self, volume: Volume, place: Place, replica: Replica, found: dict[int, Replica]
    ) -> None:
        block_id = replica.block.id
        known = found.get(block_id)
        if known is not None:
            at, before = self._where[block_id]
            if at is volume:
                log.info("%s was on its way out of a pack", replica.block)
            else:
                log.warning("%s is on two volumes, also on %s", replica.block, volume.path)
            if _worth(known) >= _worth(replica):
                if at is volume:
                    self._leave(volume, place, block_id)
                return
            if at is volume:
                self._leave(volume, before, block_id)
        self._where[block_id] = (volume, place)
        found[block_id] = replica

    def _leave(self, volume: Volume, place: Place, block_id: int) -> None:
        """Removes the lesser of two replicas on one volume: it was caught on its way out of a
        pack, or in again."""
        try:
            if place is Place.PACKS:
                self._packs[volume.path].remove(block_id)
            else:
                self._unlink(volume, place, block_id)
        except StoreError as error:
            log.warning("what is left of blk_%d stays: %s", block_id, error)

    def create(self, block: Block, chunk_bytes: int, *, copy: bool) -> OpenFiles:
        """Empty files: a copy in `tmp/`, else in `rbw/`.

        A copy isn't known by its block until `adopt`.

        Raises:
            StoreError: no volume has room; says of each why.
        """
        place = Place.TMP if copy else Place.RBW
        refusals: list[str] = []
        for volume in self._volumes.with_room():
            try:
                files = OpenFiles.create(volume, place, block, chunk_bytes)
            except VolumeFailure:
                continue
            except StoreError as error:
                refusals.append(str(error))
                continue
            if not copy:
                self._where[block.id] = (volume, place)
            return files
        raise self._volumes.no_room(refusals)

    def add_whole(self, replicas: Sequence[WholeReplica]) -> None:
        """Small replicas that came whole: durable, all or none, in a pack.

        Raises:
            StoreError: no volume has room; says of each why.
        """
        refusals: list[str] = []
        for volume in self._volumes.with_room():
            try:
                volume.check_room()
                self._packs[volume.path].add(replicas)
            except VolumeFailure:
                continue
            except StoreError as error:
                refusals.append(str(error))
                continue
            for replica in replicas:
                self._where[replica.block.id] = (volume, Place.PACKS)
                volume.count(replica.block.length)
            return
        raise self._volumes.no_room(refusals)

    def adopt(self, files: OpenFiles) -> None:
        """Takes note of where a copy has come to be, or an open replica has moved."""
        self._where[files.block.id] = (files.volume, files.place)

    def finalized(self, files: OpenFiles) -> None:
        self._where[files.block.id] = (files.volume, Place.CURRENT)

    def reopen(self, block_id: int) -> OpenFiles:
        """An open replica whose files were closed; a finalised one is made open again.

        Raises:
            ChecksumException: the checksum file's header is damaged.
        """
        volume, place = self._where[block_id]
        if place is Place.PACKS:
            return self._unpacked(volume, block_id)
        header, crcs, length = read_checksums(volume, place, block_id)
        if place is Place.CURRENT:
            with volume.guard("reopening a replica", syncing=True):
                for path in (volume.data_path, volume.crc_path):
                    failpoint.hit("blockfiles.reopen.before_rename")
                    volume.disk.rename(path(place, block_id), path(Place.RBW, block_id))
                    failpoint.hit("blockfiles.reopen.after_rename")
                failpoint.hit("blockfiles.reopen.before_sync_directory")
                volume.disk.sync_directory(volume.directory(Place.RBW))
                failpoint.hit("blockfiles.reopen.after_sync_directory")
            place = Place.RBW
            self._where[block_id] = (volume, place)
        return OpenFiles(volume, place, header, length, bytearray(crcs))

    def _unpacked(self, volume: Volume, block_id: int) -> OpenFiles:
        """A replica that leaves its pack for files of its own, which are durable before that."""
        packs = self._packs[volume.path]
        found = packs.open(block_id)
        stored = StoredFiles.packed(volume, found.block, found)
        try:
            crcs, data = stored.run(0, found.block.length)
        finally:
            stored.close()
        empty = Block(block_id, found.block.generation)
        files = OpenFiles.create(volume, Place.RBW, empty, found.chunk_bytes)
        try:
            files.write(0, crcs, data)
            files.sync()
            failpoint.hit("blockfiles.unpacked.after_sync")
        except BaseException:
            with contextlib.suppress(StoreError):
                files.discard()
            raise
        volume.count(-packs.remove(block_id))
        self._where[block_id] = (volume, Place.RBW)
        return files

    def read(self, block: Block, crcs: bytes | None = None) -> StoredFiles:
        """For reading the first `block.length` bytes, whatever happens to the names later.

        `crcs` are the checksums of an open replica at that length; else they are on the disk.

        Raises:
            ChecksumException: the checksum file's header is damaged or of another stamp.
        """
        volume, place = self._where[block.id]
        if place is Place.PACKS:
            return StoredFiles.packed(volume, block, self._packs[volume.path].open(block.id))
        return StoredFiles.open(volume, place, block, crcs)

    def chunk_bytes(self, block_id: int) -> int:
        """Raises ChecksumException when the checksum file's header is damaged."""
        volume, place = self._where[block_id]
        if place is Place.PACKS:
            found = self._packs[volume.path].open(block_id)
            found.file.close()
            return found.chunk_bytes
        path = volume.crc_path(place, block_id)
        with volume.guard("reading checksums"):
            sums = volume.disk.open(path)
            raw = sums.pread(HEADER_BYTES, 0)
            sums.close()
        return own_header(raw, path, block_id).chunk_bytes

    def delete(self, block_id: int) -> None:
        volume, place = self._where[block_id]
        if place is Place.PACKS:
            volume.count(-self._packs[volume.path].remove(block_id))
        else:
            volume.count(-self._unlink(volume, place, block_id))
        del self._where[block_id]

    def _unlink(self, volume: Volume, place: Place, block_id: int) -> int:
        """How many bytes went. The data goes first: checksums without data are swept at start."""
        data, sums = volume.data_path(place, block_id), volume.crc_path(place, block_id)
        length = 0
        with volume.guard("deleting a replica"):
            with contextlib.suppress(FileNotFoundError):
                file = volume.disk.open(data)
                length = file.size()
                file.close()
                volume.disk.unlink(data)
            with contextlib.suppress(FileNotFoundError):
                volume.disk.unlink(sums)
        return length

    def forget(self, block_id: int) -> None:
        """The replica is gone with its volume."""
        found = self._where.pop(block_id, None)
        if found is not None and found[1] is Place.PACKS:
            self._packs[found[0].path].forget(block_id)

    def on_volume(self, volume: Volume) -> list[int]:
        """Blocks whose replicas are there."""
        return [block_id for block_id, (at, _) in list(self._where.items()) if at is volume]

    def on_failed_volumes(self) -> list[int]:
        """Blocks whose replicas are gone with their volumes."""
        if all(volume.failure is None for volume in self.volumes):
            return []
        return [
            block_id
            for block_id, (volume, _) in list(self._where.items())
            if volume.failure is not None
        ]

    def local_paths(self, block_id: int) -> LocalPaths:
        """Raises ChecksumException when it can't be found in its pack."""
        volume, place = self._where[block_id]
        witness = f"{volume.path}/{layout.WITNESS_FILE}"
        if place is Place.PACKS:
            found = self._packs[volume.path].open(block_id)
            found.file.close()
            return LocalPaths(found.path, found.path, witness, self._witness, found.record_at)
        data, sums = volume.data_path(place, block_id), volume.crc_path(place, block_id)
        return LocalPaths(data, sums, witness, self._witness)

    def load_of_disks(self, streams: int = 0) -> NodeLoad:
        """Capacity, use and failures, for the heartbeat."""
        return self._volumes.load(streams)

    def close(self) -> None:
        for packs in self._packs.values():
            packs.close()
        self._volumes.close()


def _worth(replica: Replica) -> tuple[bool, int, bool, int]:
    """Of two replicas of one block the better one: an old volume may have come back."""
    whole = replica.state is ReplicaState.FINALIZED
    well = replica.state is not ReplicaState.CORRUPT
    return well, replica.block.generation, whole, replica.block.length


class MemoryBlockFiles(BlockFiles):
    """The twin: the same files on a disk in memory."""

    def __init__(
        self, disk: MemoryDisk | None = None, directories: Iterable[str] = ("/memory",)
    ) -> None:
        self.disk = disk or MemoryDisk()
        super().__init__(directories, self.disk)

    def crash(self, rng: random.Random | None = None) -> "MemoryBlockFiles":
        """What a node finds after a power loss; see MemoryDisk."""
        return MemoryBlockFiles(self.disk.crash(rng), [v.path for v in self.volumes])
