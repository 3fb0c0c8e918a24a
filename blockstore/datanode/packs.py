"""Small replicas of a volume, many in a file: what came whole and little costs no file of its own.

    DIR/packs/pack_000012_<salt>    pack.py; the record's format is in packrecord.py

A file of 1 KB as two files of its own costs a disk six times what its bytes do: two inodes, two
syncs, two renames. Here it is bytes behind others' bytes, and replicas that come at once share a
sync. The idea is Haystack's (Beaver et al., OSDI 2010).

- Only whole, finalised replicas are here. One that is to grow or to be cut moves to files first.
- A replica that is deleted stays as bytes until more than half of its pack is dead: then the rest
  moves to the newest pack. So packs take at most twice what lives in them, and one pack more.
- Readers keep the file that they have open, moved or not.
- Thread-safe; who changes a replica holds its block's lock (store.py).
"""

import logging
import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from blockstore.datanode import layout
from blockstore.datanode.disk import File
from blockstore.datanode.layout import Place
from blockstore.datanode.pack import Pack
from blockstore.datanode.volume import Volume
from blockstore.errors import ChecksumException, StoreError
from blockstore.model import Block
from blockstore.packrecord import (
    SALT_BYTES,
    RecordHeader,
    pack_record,
)
from blockstore.runtime import failpoint

log = logging.getLogger(__name__)

# A pack that has so many is followed by another one. What lives of one is moved at once: half of
# this, at most.
PACK_BYTES: Final = 64 * 1024 * 1024
# The newest one gives way to another when it is all dead, and has so much.
_EMPTIED_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class WholeReplica:
    """A replica that came whole, and was verified."""

    block: Block
    chunk_bytes: int
    crcs: bytes | memoryview
    data: bytes | memoryview


@dataclass(frozen=True, slots=True)
class Packed:
    """A replica in a pack, to be read."""

    block: Block
    chunk_bytes: int
    crcs: bytes
    path: str
    record_at: int
    data_at: int
    file: File


class Packs:
    """Of one volume."""

    def __init__(self, volume: Volume, pack_bytes: int = PACK_BYTES) -> None:
        self._volume = volume
        self._pack_bytes = pack_bytes
        # Guards the tables and what is appended; not held over a sync, but when a pack is full.
        self._guard = threading.Lock()
        # By block.
        self._where: dict[int, Pack] = {}
        # Those before the newest, which have something.
        self._sealed: set[Pack] = set()
        self._newest: Pack | None = None
        self._number = 0
        self._compacting = threading.Lock()

    def load(self) -> list[Block]:
        """What is there at start.

        Raises:
            StoreError: the directory, or a pack, can't be read.
        """
        volume = self._volume
        with volume.guard("listing packs"):
            names = volume.disk.names(volume.directory(Place.PACKS))
        found = sorted((known, name) for name in names if (known := layout.pack_of(name)))
        blocks: dict[int, Block] = {}
        for (number, salt), name in found:
            pack = Pack(volume, f"{volume.directory(Place.PACKS)}/{name}", salt)
            newest = number == found[-1][0][0]
            for at, header in pack.load(newest=newest):
                self._found(pack, at, header, blocks)
            self._number = number
            if newest:
                pack.open(create=False)
                self._newest = pack
            else:
                self._sealed.add(pack)
        for pack in [pack for pack in self._sealed if not pack.places]:
            self._drop(pack)
        return list(blocks.values())

    def _found(self, pack: Pack, at: int, header: RecordHeader, blocks: dict[int, Block]) -> None:
        """Of two records of a block that which moved last, or has the later stamp."""
        block = header.block
        known = blocks.get(block.id)
        if known is not None:
            if known.generation > block.generation:
                return
            self._where[block.id].forget(block.id)
        self._hold(pack, at, header)
        blocks[block.id] = block

    def add(self, replicas: Sequence[WholeReplica]) -> None:
        """All durable, or none counts.

        Raises:
            StoreError: the disk refused.
        """
        headers = [RecordHeader(one.block, one.chunk_bytes) for one in replicas]
        with self._guard:
            pack = self._with_room(sum(header.record_bytes for header in headers))
            records = [
                pack_record(header, one.crcs, one.data, pack.salt)
                for header, one in zip(headers, replicas, strict=True)
            ]
            at = pack.append(b"".join(records))
            upto = pack.end
            pack.coming += 1
        try:
            pack.sync(upto)
            with self._guard:
                for header in headers:
                    self._hold(pack, at, header)
                    at += header.record_bytes
        finally:
            with self._guard:
                pack.coming -= 1

    def _hold(self, pack: Pack, at: int, header: RecordHeader) -> None:
        pack.hold(at, header)
        self._where[header.block.id] = pack

    def _with_room(self, size: int) -> Pack:
        """Raises StoreError when another one is needed and can't be had."""
        pack = self._newest
        if pack is not None and not pack.untrusted and pack.end + size <= self._pack_bytes:
            return pack
        if pack is not None and not pack.untrusted and not pack.end:
            return pack
        if pack is not None:
            pack.seal()
            self._newest = None
            self._sealed.add(pack)
            if pack.is_empty:
                self._drop(pack)
        self._number += 1
        salt = secrets.token_bytes(SALT_BYTES)
        name = layout.pack_name(self._number, salt)
        fresh = Pack(self._volume, f"{self._volume.directory(Place.PACKS)}/{name}", salt)
        fresh.open(create=True)
        self._newest = fresh
        return fresh

    def open(self, block_id: int) -> Packed:
        """A replica to be read; who gets it closes its file.

        Raises:
            ChecksumException: its header is damaged, or the pack is gone.
        """
        with self._place(block_id) as (pack, at), self._volume.guard("opening a pack"):
            try:
                file = self._volume.disk.open(pack.path)
            except FileNotFoundError:
                raise ChecksumException(f"blk_{block_id}: the file {pack.path} is gone") from None
        try:
            with self._volume.guard("reading a pack"):
                header, crcs = pack.head_at(file, at, block_id)
        except BaseException:
            file.close()
            raise
        data_at = at + header.data_at
        return Packed(header.block, header.chunk_bytes, crcs, pack.path, at, data_at, file)

    @contextmanager
    def _place(self, block_id: int) -> Iterator[tuple[Pack, int]]:
        """Where a replica is; it doesn't move meanwhile."""
        with self._guard:
            pack = self._where[block_id]
            yield pack, pack.places[block_id].at

    def remove(self, block_id: int) -> int:
        """How many bytes of data went. Raises StoreError when the disk refuses."""
        with self._guard:
            pack = self._where[block_id]
            pack.strike(pack.places[block_id].at)
            length = pack.forget(block_id).length
            del self._where[block_id]
            newest = pack is self._newest
            if newest and pack.is_empty and pack.end >= _EMPTIED_BYTES:
                pack.close()
                self._newest = None
                self._drop(pack)
                return length
        if not newest and 2 * pack.live_bytes < pack.end:
            self._compact(pack)
        return length

    def forget(self, block_id: int) -> None:
        """It is gone with its volume."""
        with self._guard:
            pack = self._where.pop(block_id, None)
            if pack is not None:
                pack.forget(block_id)

    # --- room

    def _compact(self, pack: Pack) -> None:
        """Moves what lives in a pack to the newest one; what goes wrong leaves it as it is."""
        if pack.stuck or not self._compacting.acquire(blocking=False):
            return
        try:
            self._move(pack)
        except StoreError as error:
            pack.stuck = isinstance(error, ChecksumException)
            log.warning("the pack %s isn't made smaller: %s", pack.path, error)
        finally:
            self._compacting.release()

    def _move(self, pack: Pack) -> None:
        with self._guard:
            there = [(block_id, place.at) for block_id, place in sorted(pack.places.items())]
        # (to where, place, header)
        moved: list[tuple[Pack, int, RecordHeader]] = []
        try:
            for block_id, at in there:
                record = self._copied(pack, block_id, at)
                if record is not None:
                    moved.append(self._append(*record))
            for target in {target for target, *_ in moved}:
                target.sync(max(at + h.record_bytes for to, at, h in moved if to is target))
            with self._guard:
                left = self._moved(pack, moved)
                if pack.is_empty and self._drop(pack):
                    return
                # The file stays: what isn't in it any more mustn't come back.
                for at in left:
                    pack.strike(at)
        finally:
            with self._guard:
                for target, *_ in moved:
                    target.coming -= 1

    def _moved(self, pack: Pack, moved: list[tuple[Pack, int, RecordHeader]]) -> list[int]:
        """Takes note; where those were that have left the pack."""
        left: list[int] = []
        for target, at, header in moved:
            if self._where.get(header.block.id) is pack:
                left.append(pack.forget(header.block.id).at)
                self._hold(target, at, header)
            else:
                target.strike(at)
        return left

    def _append(
        self, header: RecordHeader, crcs: bytes, data: bytes
    ) -> tuple[Pack, int, RecordHeader]:
        """To the newest pack; on its way from then on."""
        with self._guard:
            target = self._with_room(header.record_bytes)
            at = target.append(pack_record(header, crcs, data, target.salt))
            target.coming += 1
        return target, at, header

    def _copied(
        self, pack: Pack, block_id: int, at: int
    ) -> tuple[RecordHeader, bytes, bytes] | None:
        """As it is, its damage with it, which its checksums go on telling; None: it went.

        Raises:
            ChecksumException: nobody knows any more what it was.
        """
        with self._volume.guard("reading a pack"):
            file = self._volume.disk.open(pack.path)
            try:
                header, crcs = pack.head_at(file, at, block_id)
                data = file.pread(header.block.length, at + header.data_at)
            except ChecksumException:
                with self._guard:
                    if self._where.get(block_id) is not pack:
                        return None
                raise
            finally:
                file.close()
        if len(data) < header.block.length:
            raise ChecksumException(f"{pack.path} ends in {header.block}")
        return header, crcs, data

    def _drop(self, pack: Pack) -> bool:
        """Removes one that has nothing. False: its file stays, and is tried again at start."""
        self._sealed.discard(pack)
        try:
            with self._volume.guard("removing a pack"):
                failpoint.hit("packs.drop.before_unlink")
                self._volume.disk.unlink(pack.path)
        except StoreError as error:
            log.warning("the pack %s stays, with nothing in it: %s", pack.path, error)
            return False
        return True

    def close(self) -> None:
        if self._newest is not None:
            self._newest.close()
