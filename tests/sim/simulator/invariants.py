"""What must be true of the block store after every step, whatever was lost, late or killed.

Rules (each compares with the step before where it can)
- A file whose close was acknowledged stands where its user put it, with the same blocks, and
  every block has a durable, finalised replica with the right bytes on some disk.
- A closed file's blocks never change stamp or length, unless it is appended to or cut; what
  was in it before an append, or below the cut, is there whatever becomes of its writer.
- Epochs, transactions, ids and generation stamps only rise, over restarts too.
- Only the holder of a lease changes an open file; a revoked lease stays revoked.
- After a restart the namespace is what the journal's entries make: nothing that was durable is
  missing, nothing that was never written is there.
- Replicas with a stamp that the NameNode never gave out don't exist.
"""

from typing import Any

from blockstore.datanode import layout
from blockstore.model import Block
from blockstore.namenode.entries import (
    BlockAdded,
    BlockSynced,
    Concatenated,
    Entry,
    EpochStarted,
    FileAppended,
    FileClosed,
    GenerationTaken,
    LeaseRevoked,
    PipelineUpdated,
    Truncated,
)
from blockstore.namenode.namespace import Directory, File
from blockstore.namenode.state import State
from simulator.datanode_host import DataNodeHost
from simulator.ledger import Ledger, Promise
from simulator.namenode_host import NameNodeHost
from simulator.world import Broken, World


class StoreChecker:
    """Called after every step; remembers the step before."""

    def __init__(
        self,
        world: World,
        namenode: NameNodeHost,
        datanodes: list[DataNodeHost],
        ledger: Ledger,
    ) -> None:
        self._world = world
        self._namenode = namenode
        self._datanodes = datanodes
        self._ledger = ledger
        # What the durable entries make.
        self._shadow = State()
        self._closed: dict[int, tuple[Block, ...]] = {}
        # Who ever held the lease of a file: one client, for the file's whole life.
        self._writers: dict[int, str] = {}
        # Lengths that last blocks are being cut to, by file.
        self._cuts: dict[int, int] = {}
        self._looked_at: tuple[int, int] = (-1, -1)
        self._core: Any = None

    def check(self) -> None:
        self._follow_journal()
        core = self._namenode.core
        if core is not self._core:
            self._core = core
            if core is not None:
                self._check_recovered(core.state)
        if core is not None:
            version = (core.state.transaction, self._ledger.version)
            if version != self._looked_at:
                self._looked_at = version
                self._check_promises(core.state)
        self._check_disks()

    # --- the journal

    def _follow_journal(self) -> None:
        namenode, shadow = self._namenode, self._shadow
        while shadow.transaction < namenode.durable:
            entry = namenode.written[shadow.transaction]
            self._before(entry)
            shadow.apply(entry)
            self._after(entry)

    def _before(self, entry: Entry) -> None:
        shadow = self._shadow
        match entry:
            case EpochStarted():
                self.must(entry.epoch > shadow.epoch, f"{entry} after epoch {shadow.epoch}")
            case BlockAdded():
                block = entry.block
                self.must(block.id >= shadow.next_block_id, f"{entry}: the id was used before")
                self.must(
                    block.generation >= shadow.next_generation, f"{entry}: the stamp was used"
                )
            case GenerationTaken():
                self.must(entry.generation >= shadow.next_generation, f"{entry}: used before")
            case PipelineUpdated():
                last = shadow.names.file(entry.inode_id).blocks[-1]
                self.must(entry.block.generation > last.generation, f"{entry} after {last}")
                self.must(not last.committed, f"{entry}: {last} is committed")
            case _:
                pass
        if isinstance(entry, FileAppended | Truncated):
            # What was closed changes now, and may have another writer.
            self.must(not shadow.names.file(entry.inode_id).is_open, f"{entry} of an open file")
            self._closed.pop(entry.inode_id, None)
            self._writers.pop(entry.inode_id, None)
        if isinstance(entry, Truncated) and entry.cut is not None:
            self._cuts[entry.inode_id] = entry.cut.length
        if isinstance(entry, Concatenated):
            for inode_id in (entry.target_id, *entry.source_ids):
                self._closed.pop(inode_id, None)
        if isinstance(entry, BlockAdded | BlockSynced | PipelineUpdated):
            file = shadow.names.file(entry.inode_id)
            self.must(bool(file.writer), f"{entry}, but nobody holds the lease of {file}")
        if isinstance(entry, LeaseRevoked):
            file = shadow.names.file(entry.inode_id)
            self.must(bool(file.writer), f"{entry}: {file} has no writer")
            self._world.count("lease taken away", entry.inode_id)

    def _after(self, entry: Entry) -> None:
        inode_id = getattr(entry, "inode_id", 0)
        known = self._closed.get(inode_id)
        file = self._shadow.names.inodes.get(inode_id)
        if known is not None and isinstance(file, File):
            now = tuple(block.value() for block in file.blocks)
            self.must(now == known, f"{entry} changed a closed file from {known} to {now}")
        if isinstance(file, File) and file.writer:
            holder = self._writers.setdefault(inode_id, file.writer)
            self.must(holder == file.writer, f"{entry}: the lease went from {holder} to {file}")
        if isinstance(entry, FileClosed) and isinstance(file, File):
            cut = self._cuts.pop(inode_id, None)
            self.must(
                cut is None or file.blocks[-1].length == cut, f"{file} was to be cut to {cut}"
            )
            self._closed[inode_id] = tuple(block.value() for block in file.blocks)
            self._check_close(file)

    def is_closed(self, inode_id: int) -> bool:
        return inode_id in self._closed

    def _check_close(self, file: File) -> None:
        """Nothing that its writer could rely on was cut away by the close."""
        written = self._ledger.written.get(file.id)
        if written is None:
            return
        self.must(
            written.synced <= file.length <= len(written.content),
            f"{file} was closed with {file.length} bytes; {written.synced} were synced, "
            f"{len(written.content)} written",
        )
        kept = written.acknowledged <= file.length
        calm = not any(self._ledger.power_losses.get(node) for node in written.pipeline)
        if calm and not kept:
            # Unsynced bytes go when all who had them seemed dead, and then as a whole block.
            self.must(
                file.length == written.block_start,
                f"{file} was closed with {file.length} bytes; {written.acknowledged} were "
                f"acknowledged, and no machine of {sorted(written.pipeline)} lost power",
            )
            self._world.count("open block dropped, its nodes away", file.id)

    def _check_recovered(self, state: State) -> None:
        while self._shadow.transaction < state.transaction:
            entry = self._namenode.written[self._shadow.transaction]
            self._before(entry)
            self._shadow.apply(entry)
            self._after(entry)
        ours, theirs = dump(self._shadow), dump(state)
        self.must(ours == theirs, f"the namespace came back as\n{theirs}\ninstead of\n{ours}")
        self.must(
            state.next_generation > self._ledger.generation_told,
            f"stamp {self._ledger.generation_told} was given out, "
            f"the next one would be {state.next_generation}",
        )

    # --- promises

    def _check_promises(self, state: State) -> None:
        names = state.names
        for path, inode_id in self._ledger.paths.items():
            found = names.find(path)
            if inode_id is None:
                self.must(found is None, f"{path} was deleted, but {found} is there")
                continue
            self.must(found is not None, f"{path} is gone; it was acknowledged")
            assert found is not None
            self.must(found.id == inode_id, f"{path} is {found}, not inode {inode_id}")
            promise = self._ledger.promises.get(inode_id)
            if promise is not None:
                assert isinstance(found, File)
                self.must(not found.is_open, f"{path} is open again: {found}")
                blocks = tuple(block.value() for block in found.blocks)
                self.must(blocks == promise.blocks, f"{path}: {blocks} for {promise.blocks}")

    def promised(self, inode_id: int) -> None:
        """A close was acknowledged just now: its bytes must be on disks."""
        promise = self._ledger.promises[inode_id]
        copies = [self._check_block(promise, index) for index in range(len(promise.blocks))]
        wanted = min(2, promise.file.replication)
        if copies and min(copies) < wanted:
            self._world.count("closed with one durable replica", promise.file.path)

    def _check_disks(self) -> None:
        for datanode in self._datanodes:
            disk = datanode.disk
            if disk.touched is None:
                disk.touched = set()
                block_ids = list(self._ledger.blocks)
            elif disk.touched:
                block_ids = sorted(
                    found
                    for path in disk.touched
                    if "/current/" in path
                    and (found := layout.block_id_of(path.rpartition("/")[2].split(".")[0]))
                )
                disk.touched.clear()
            else:
                continue
            for block_id in block_ids:
                place = self._ledger.blocks.get(block_id)
                if place is not None:
                    self._check_block(self._ledger.promises[place[0]], place[1])

    def _check_block(self, promise: Promise, index: int) -> int:
        block, content = promise.blocks[index], promise.content_of(index)
        good = [d.name for d in self._datanodes if d.intact(block, content)]
        self.must(
            bool(good),
            f"{block} ({block.length} bytes) of {promise.file.path}: no disk has it whole any more",
        )
        return len(good)

    def intact_on(self, block_id: int) -> list[DataNodeHost]:
        place = self._ledger.blocks.get(block_id)
        if place is None:
            return []
        promise = self._ledger.promises[place[0]]
        block, content = promise.blocks[place[1]], promise.content_of(place[1])
        return [d for d in self._datanodes if d.intact(block, content)]

    def must(self, true: bool, message: str) -> None:
        if not true:
            raise Broken(f"at {self._world.now:.3f} s: {message}")


def dump(state: State) -> list[object]:
    """Everything that is journaled, in a form that compares."""
    lines: list[object] = [
        state.cluster_id,
        state.epoch,
        state.transaction,
        state.next_inode_id,
        state.next_block_id,
        state.next_generation,
        state.committed_blocks,
        sorted(state.openings.items()),
        list(state.requests),
    ]
    for inode_id in sorted(state.names.inodes):
        inode = state.names.inodes[inode_id]
        parent = inode.parent.id if inode.parent is not None else 0
        if isinstance(inode, Directory):
            lines.append(
                (
                    inode.id,
                    parent,
                    inode.name,
                    inode.modified_at_s,
                    inode.permission,
                    sorted(inode.children),
                )
            )
        else:
            blocks = [(b.value(), b.committed, b.pipeline) for b in inode.blocks]
            lines.append(
                (inode.id, parent, inode.name, inode.modified_at_s, inode.accessed_at_s,
                 inode.permission, inode.replication,
                 inode.block_bytes, inode.writer, blocks)
            )  # fmt: skip
    return lines
