"""Requests of writers: create, blocks, close.

Rules
- Only the writer changes an open file; everybody else, and who wrote it before it was opened
  anew, gets LeaseExpiredException.
- Adding a block commits the one before; a committed block keeps its stamp and length.
- A file is closed when each of its blocks has min(durable_replicas, wanted, live nodes) good
  replicas on live nodes. DataNodes report a replica finalised only after its fsync.
- A repeated request (same id) gets the first one's answer; Complete and AbandonBlock may be
  repeated by their nature.
"""

from collections.abc import Sequence

from blockstore.errors import (
    AlreadyBeingCreatedException,
    FileAlreadyExistsException,
    FileNotFoundException,
    InvalidRequestException,
    IsADirectoryException,
)
from blockstore.model import Block, Excluded, FileStatus, LocatedBlock
from blockstore.namenode.closing import Closing
from blockstore.namenode.entries import (
    BlockAbandoned,
    BlockAdded,
    BlockSynced,
    FileCreated,
)
from blockstore.namenode.namespace import Directory, File, StoredBlock
from blockstore.namenode.naming import Naming
from blockstore.namenode.ownership import Modes, of_new_file
from blockstore.namenode.parts import Parts
from blockstore.namenode.replies import Completion


class Writing:
    """Open files, as their writers change them."""

    def __init__(self, parts: Parts, naming: Naming, closing: Closing) -> None:
        self._parts = parts
        self._naming = naming
        self._closing = closing

    # --- create ---------------------------------------------------------------

    def create(
        self,
        path: str,
        *,
        client_id: str,
        replication: int,
        block_bytes: int,
        overwrite: bool,
        parents: bool,
        modes: Modes,
        close: bool,
        request_id: str,
        now: float,
        wall: float,
    ) -> FileStatus:
        before = self._parts.state.requests.get(request_id)
        if isinstance(before, FileCreated):
            return _status_at_creation(before, path)
        if not client_id:
            raise InvalidRequestException("a writer needs a client id for its lease")
        replication = replication or self._parts.config.replication
        block_bytes = block_bytes or self._parts.config.block_bytes
        self._naming.check_replication(replication)
        self._check_block_bytes(block_bytes)
        self._parts.access.enter(path)
        standing = self._parts.names.find(path)
        directory, missing = self._parts.names.parent_for(path)
        self._parts.access.add_entry(directory, missing[0] if missing else "")
        self._check_free(standing, path, overwrite, now)
        if len(missing) > 1:
            if not parents:
                raise FileNotFoundException(
                    f"'{path}' can't be created: the directory '{missing[0]}' does not exist in "
                    f"'{self._parts.names.path_of(directory)}'"
                )
            directory = self._naming.make_above(directory, missing[:-1], modes, wall)
        entry = FileCreated(
            self._parts.state.next_inode_id,
            directory.id,
            missing[-1],
            replication,
            block_bytes,
            client_id,
            wall,
            of_new_file(self._parts.access.caller, directory, modes),
            standing.id if standing else 0,
            request_id,
            close,
        )
        self._parts.record(entry)
        if not close:
            self._parts.leases.grant(client_id, now)
        return _status_at_creation(entry, path)

    def _check_block_bytes(self, block_bytes: int) -> None:
        least, most = self._parts.config.block_bytes_min, self._parts.config.block_bytes_max
        if not least <= block_bytes <= most:
            raise InvalidRequestException(f"block size {block_bytes} is not in {least}..{most}")

    def _check_free(
        self, standing: File | Directory | None, path: str, overwrite: bool, now: float
    ) -> None:
        if isinstance(standing, Directory):
            raise (IsADirectoryException if overwrite else FileAlreadyExistsException)(
                f"'{path}' is a directory"
            )
        if standing is None:
            return
        if overwrite:
            self._parts.access.write(standing)
            self._parts.access.take_entry(standing)
            return
        if standing.is_open:
            self._parts.access.write(standing)
            self._closing.claim(standing, now)
            raise AlreadyBeingCreatedException(
                f"'{path}' {self._closing.who_writes(standing, now)}"
            )
        raise FileAlreadyExistsException(f"'{path}' exists already")

    # --- blocks ---------------------------------------------------------------

    def add_block(
        self,
        inode_id: int,
        client_id: str,
        previous: Block | None,
        excluded: Sequence[Excluded],
        client_host: str,
        request_id: str,
        bytes_max: int,
        now: float,
    ) -> LocatedBlock:
        before = self._parts.state.requests.get(request_id)
        if isinstance(before, BlockAdded):
            return LocatedBlock(before.block, before.offset, before.targets, True)
        file = self._parts.held_file(inode_id, client_id, now)
        self._check_previous(file, previous)
        bytes_max = min(bytes_max or file.block_bytes, file.block_bytes)
        targets = self._parts.targets.choose(
            wanted=file.replication,
            block_bytes=bytes_max,
            now=now,
            what=f"a block of '{self._parts.names.path_of(file)}'",
            near=client_host,
            excluded=excluded,
        )
        if previous is not None:
            self._commit(file.blocks[-1], previous, now)
        state = self._parts.state
        block = Block(state.next_block_id, state.next_generation)
        offset = file.length
        self._parts.record(BlockAdded(file.id, previous, block, offset, targets, request_id))
        self._parts.writing(block.id, tuple(node.node_id for node in targets), bytes_max)
        return LocatedBlock(block, offset, targets, True)

    def _check_previous(self, file: File, previous: Block | None) -> None:
        path = self._parts.names.path_of(file)
        if len(file.blocks) >= self._parts.config.blocks_per_file_max:
            raise InvalidRequestException(
                f"'{path}' has {len(file.blocks)} blocks, the limit: use a larger block size"
            )
        if not file.blocks:
            if previous is not None:
                raise InvalidRequestException(f"'{path}' has no block {previous} yet")
            return
        if previous is None:
            raise InvalidRequestException(
                f"'{path}' has blocks already: the last, {file.blocks[-1].value()}, must be named"
            )
        self._check_last(file, previous)

    def _check_last(self, file: File, block: Block) -> StoredBlock:
        """The file's last block, if the writer's word on its stamp and length can be taken."""
        last, path = file.blocks[-1], self._parts.names.path_of(file)
        if last.id != block.id or last.generation != block.generation:
            raise InvalidRequestException(
                f"the last block of '{path}' is {last.value()}, not {block}"
            )
        if not last.length <= block.length <= file.block_bytes or (
            last.committed and last.length != block.length
        ):
            raise InvalidRequestException(
                f"{block} of '{path}' can't have {block.length} bytes: {last.length} are "
                f"{'committed' if last.committed else 'synced'}, a block has {file.block_bytes}"
            )
        return last

    def _commit(self, stored: StoredBlock, block: Block, now: float) -> None:
        was_committed = stored.committed
        self._parts.commit(stored, block)
        if not was_committed:
            self._parts.replication.settled(stored, now)

    def abandon_block(self, inode_id: int, client_id: str, block: Block, now: float) -> None:
        file = self._parts.held_file(inode_id, client_id, now)
        if block.id not in (stored.id for stored in file.blocks[-1:]):
            return
        last = file.blocks[-1]
        if last.committed or last.length:
            raise InvalidRequestException(
                f"{block} can't be abandoned: {last.length} bytes of it are acknowledged"
            )
        self._parts.record(BlockAbandoned(file.id, block.id))

    def sync(self, inode_id: int, client_id: str, block: Block, now: float) -> None:
        file = self._parts.held_file(inode_id, client_id, now)
        if not file.blocks:
            raise InvalidRequestException(f"file {inode_id} has no block to sync")
        last = file.blocks[-1]
        if last.id == block.id and (last.committed or block.length <= last.length):
            return
        self._check_last(file, block)
        self._parts.record(BlockSynced(file.id, block.id, block.length))

    # --- close ----------------------------------------------------------------

    def complete(
        self, inode_id: int, client_id: str, last: Block | None, now: float, wall: float
    ) -> Completion:
        standing = self._parts.names.inodes.get(inode_id)
        is_closed = isinstance(standing, File) and _was_closed_with(standing, last)
        if standing is not None and is_closed and self._parts.names.stands(standing):
            return Completion(True)
        file = self._parts.held_file(inode_id, client_id, now)
        if last is None and file.blocks:
            raise InvalidRequestException(
                f"'{self._parts.names.path_of(file)}' has blocks: the last must be named"
            )
        if last is not None:
            if not file.blocks:
                raise InvalidRequestException(
                    f"'{self._parts.names.path_of(file)}' has no block {last}"
                )
            self._commit(self._check_last(file, last), last, now)
        waiting_for = self._closing.waiting_for(file, now)
        if not waiting_for:
            self._closing.close(file, wall)
        return Completion(not waiting_for, waiting_for)


def _status_at_creation(entry: FileCreated, path: str) -> FileStatus:
    return FileStatus(
        path,
        False,
        0,
        entry.replication,
        entry.block_bytes,
        entry.at_s,
        entry.inode_id,
        under_construction=not entry.closed,
        permission=entry.permission,
        accessed_at_s=entry.at_s,
    )


def _was_closed_with(file: File, last: Block | None) -> bool:
    if file.is_open:
        return False
    return (file.blocks[-1].value() if file.blocks else None) == last
