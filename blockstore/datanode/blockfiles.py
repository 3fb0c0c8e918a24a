"""All replicas on a DataNode's volumes: the only part of it that touches disks.

Layout and formats are in layout.py. One block has at most one replica here. Operations
on different blocks may run at once; store.py keeps those on one block apart.
"""

import contextlib
import logging
import os
import random
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from blockstore.checksumfile import HEADER_BYTES
from blockstore.datanode import layout
from blockstore.datanode.disk import Disk, SystemDisk
from blockstore.datanode.identity import write_small
from blockstore.datanode.inventory import Inventory, own_header, read_checksums
from blockstore.datanode.layout import Place
from blockstore.datanode.memorydisk import MemoryDisk
from blockstore.datanode.openfiles import OpenFiles
from blockstore.datanode.storedfiles import StoredFiles
from blockstore.datanode.volume import Volume, VolumeFailure
from blockstore.datanode.volumes import Volumes
from blockstore.errors import ConfigException, StoreError
from blockstore.model import Block, NodeLoad, Replica, ReplicaState
from blockstore.runtime import failpoint

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LocalPaths:
    """Where a client on the same machine finds a replica, and what proves that it is one."""

    data_path: str
    checksum_path: str
    witness_path: str
    witness: str


class BlockFiles:
    """Replicas as files."""

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
            except (StoreError, OSError) as error:
                log.error("volume %s can't be read: %s", volume.path, error)
                volume.fail(f"its replicas can't be listed: {error}")
                continue
            for replica, place in replicas:
                known = found.get(replica.block.id)
                if known is not None:
                    log.warning("%s is on two volumes, also on %s", replica.block, volume.path)
                    if _worth(known) >= _worth(replica):
                        continue
                    self._where[replica.block.id][0].count(-known.block.length)
                self._where[replica.block.id] = (volume, place)
                volume.count(replica.block.length)
                found[replica.block.id] = replica
        if reasons := self.exhausted():
            raise ConfigException(f"no storage directory can be used ({reasons})")
        return list(found.values())

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

    def read(self, block: Block, crcs: bytes | None = None) -> StoredFiles:
        """For reading the first `block.length` bytes, whatever happens to the names later.

        `crcs` are the checksums of an open replica at that length; else they are on the disk.

        Raises:
            ChecksumException: the checksum file's header is damaged or of another stamp.
        """
        volume, place = self._where[block.id]
        return StoredFiles.open(volume, place, block, crcs)

    def chunk_bytes(self, block_id: int) -> int:
        """Raises ChecksumException when the checksum file's header is damaged."""
        volume, place = self._where[block_id]
        path = volume.crc_path(place, block_id)
        with volume.guard("reading checksums"):
            sums = volume.disk.open(path)
            raw = sums.pread(HEADER_BYTES, 0)
            sums.close()
        return own_header(raw, path, block_id).chunk_bytes

    def delete(self, block_id: int) -> None:
        """The data goes first: checksums without data are swept at start."""
        volume, place = self._where[block_id]
        data, sums = volume.data_path(place, block_id), volume.crc_path(place, block_id)
        with volume.guard("deleting a replica"):
            with contextlib.suppress(FileNotFoundError):
                file = volume.disk.open(data)
                length = file.size()
                file.close()
                volume.disk.unlink(data)
                volume.count(-length)
            with contextlib.suppress(FileNotFoundError):
                volume.disk.unlink(sums)
        del self._where[block_id]

    def forget(self, block_id: int) -> None:
        """The replica is gone with its volume."""
        self._where.pop(block_id, None)

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
        volume, place = self._where[block_id]
        return LocalPaths(
            volume.data_path(place, block_id),
            volume.crc_path(place, block_id),
            f"{volume.path}/{layout.WITNESS_FILE}",
            self._witness,
        )

    def load_of_disks(self, streams: int = 0) -> NodeLoad:
        """Capacity, use and failures, for the heartbeat."""
        return self._volumes.load(streams)

    def close(self) -> None:
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
