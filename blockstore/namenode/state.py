"""The journaled state: what a restart brings back. `apply` is its only mutator.

Rules
- The same entries in the same order give the same state, live and in recovery and in the
  checkpoint process.
- Ids and generation stamps only rise, and every one handed out is in an entry.
- Entries with a request id are remembered, the last REQUESTS_MAX of them.
- Where replicas are is not here: DataNodes report it anew after every start.
- What is removed has no name at once, but is forgotten a slice at a time (`forget`), so that a
  large tree holds up nobody. No entry is ever about what is being forgotten; where it is compared
  or written, all is forgotten first.
"""

from collections import OrderedDict, deque
from collections.abc import Iterator
from itertools import islice
from typing import Final

from blockstore.model import Block, Node
from blockstore.namenode.entries import (
    BlockAbandoned,
    BlockAdded,
    BlockCommitted,
    BlockSynced,
    Concatenated,
    Deleted,
    DirectoryMade,
    DutyAssigned,
    Entry,
    EpochStarted,
    FileAppended,
    FileClosed,
    FileCreated,
    Formatted,
    GenerationTaken,
    LeaseRevoked,
    NodeEntered,
    NodeForgotten,
    PermissionSet,
    PipelineUpdated,
    Renamed,
    ReplicationSet,
    TimesSet,
    Truncated,
)
from blockstore.namenode.namespace import (
    NAMENODE_WRITES,
    ROOT_ID,
    Directory,
    File,
    Inode,
    Namespace,
    StoredBlock,
)
from blockstore.namenode.openings import Opening
from blockstore.namenode.roster import Duty, Roster

# A client repeats a request for at most 80 s; at a thousand changes a second this is nearly that,
# and it is about 30 MB.
REQUESTS_MAX: Final = 75_000
# Inodes and blocks that are forgotten in one go: some ten milliseconds of the event loop.
FORGET_SLICE: Final = 2_000


class State:
    """Namespace, blocks of files, counters and remembered requests."""

    def __init__(self) -> None:
        self.cluster_id = ""
        # Rises with every start of a NameNode.
        self.epoch = 0
        # The last one applied.
        self.transaction = 0
        self.next_inode_id = ROOT_ID + 1
        self.next_block_id = 1
        self.next_generation = 1
        self.names = Namespace()
        self.roster = Roster()
        self.requests: OrderedDict[str, Entry] = OrderedDict()
        # Of every open file.
        self.openings: dict[int, Opening] = {}
        # Derived from the namespace.
        self.blocks: dict[int, StoredBlock] = {}
        self.open_files: dict[int, File] = {}
        self.committed_blocks = 0
        # What was removed, each with its steps that are left; the oldest first.
        self._leaving: deque[Iterator[StoredBlock | None]] = deque()
        self.forget_slice = FORGET_SLICE

    def apply(self, entry: Entry) -> tuple[StoredBlock, ...]:
        """Makes the entry true; returns the blocks that left the namespace by it."""
        dropped: tuple[StoredBlock, ...] = ()
        match entry:
            case Formatted():
                self.cluster_id = entry.cluster_id
                self.names.root.modified_at_s = entry.at_s
                self.names.root.permission = self.names.shared(entry.permission)
            case EpochStarted():
                self.epoch = entry.epoch
            case DirectoryMade():
                self._directory_made(entry)
            case FileCreated():
                dropped = self._file_created(entry)
            case BlockAdded():
                self._block_added(entry)
            case BlockAbandoned():
                dropped = (self._abandoned(self.names.file(entry.inode_id)),)
            case GenerationTaken():
                self.next_generation = entry.generation + 1
            case PipelineUpdated():
                last = self.names.file(entry.inode_id).blocks[-1]
                last.generation = entry.block.generation
                last.pipeline = entry.nodes
            case BlockSynced():
                self.names.file(entry.inode_id).blocks[-1].length = entry.length
            case BlockCommitted():
                self._commit(self.names.file(entry.inode_id).blocks[-1], entry.block)
            case FileClosed():
                self._file_closed(entry)
            case LeaseRevoked():
                self.names.file(entry.inode_id).writer = NAMENODE_WRITES
            case Renamed():
                dropped = self._renamed(entry)
            case Deleted():
                dropped = self._removed(entry.inode_id, entry.at_s)
            case ReplicationSet():
                self.names.file(entry.inode_id).replication = entry.replication
            case PermissionSet():
                inode = self.names.inodes[entry.inode_id]
                inode.permission = self.names.shared(entry.permission)
            case TimesSet():
                self._times_set(entry)
            case NodeEntered():
                self.roster.enter(Node(entry.node_id, entry.host, entry.port, entry.rack))
            case DutyAssigned():
                self.roster.assign(entry.node_id, Duty(entry.duty), entry.at_s, entry.until_s)
            case NodeForgotten():
                self.roster.forget(entry.node_id)
            case FileAppended():
                self._file_appended(entry)
            case Truncated():
                dropped = self._truncated(entry)
            case Concatenated():
                self._concatenated(entry)
        self.transaction += 1
        self.remember(entry)
        return dropped

    def _directory_made(self, entry: DirectoryMade) -> None:
        permission = self.names.shared(entry.permission)
        directory = Directory(entry.inode_id, entry.name, entry.at_s, permission)
        self.names.add(directory, entry.parent_id, entry.at_s)
        self.next_inode_id = entry.inode_id + 1

    def _file_created(self, entry: FileCreated) -> tuple[StoredBlock, ...]:
        dropped = self._removed(entry.replaced_id, entry.at_s)
        file = File(
            entry.inode_id,
            entry.name,
            entry.at_s,
            self.names.shared(entry.permission),
            replication=entry.replication,
            block_bytes=entry.block_bytes,
            writer=None if entry.closed else entry.client_id,
        )
        self.names.add(file, entry.parent_id, entry.at_s)
        if not entry.closed:
            self._open(file, Opening(entry.at_s))
        self.next_inode_id = entry.inode_id + 1
        return dropped

    def _block_added(self, entry: BlockAdded) -> None:
        file = self.names.file(entry.inode_id)
        if entry.previous is not None:
            self._commit(file.blocks[-1], entry.previous)
            file.blocks[-1].pipeline = ()
        block = StoredBlock(entry.block, file.id, pipeline=entry.targets)
        file.blocks.append(block)
        self.blocks[block.id] = block
        self.next_block_id = block.id + 1
        self.next_generation = block.generation + 1

    def _commit(self, stored: StoredBlock, block: Block) -> None:
        assert stored.id == block.id, f"{stored} is not {block}"
        stored.generation, stored.length = block.generation, block.length
        self.committed_blocks += not stored.committed
        stored.committed = True

    def _open(self, file: File, opening: Opening) -> None:
        self.open_files[file.id] = file
        self.openings[file.id] = opening

    def _reopen(self, last: StoredBlock, block: Block, nodes: tuple[Node, ...]) -> None:
        assert last.id == block.id, f"{last} is not {block}"
        last.length, last.pipeline = block.length, nodes
        self.committed_blocks -= last.committed
        last.committed = False

    def _file_appended(self, entry: FileAppended) -> None:
        file = self.names.file(entry.inode_id)
        file.writer = entry.client_id
        before = len(file.blocks)
        if entry.reopened is not None:
            before -= 1
            self._reopen(file.blocks[-1], entry.reopened, entry.nodes)
        self._open(file, Opening(entry.at_s, before))

    def _truncated(self, entry: Truncated) -> tuple[StoredBlock, ...]:
        file = self.names.file(entry.inode_id)
        file.modified_at_s = entry.at_s
        dropped = []
        while len(file.blocks) > entry.kept:
            dropped.append(self._abandoned(file))
        if entry.cut is not None:
            self._reopen(file.blocks[-1], entry.cut, entry.nodes)
            file.writer = NAMENODE_WRITES
            self._open(file, Opening(entry.at_s, entry.kept - 1, is_cut=True))
        return tuple(dropped)

    def _concatenated(self, entry: Concatenated) -> None:
        target = self.names.file(entry.target_id)
        target.modified_at_s = entry.at_s
        for source_id in entry.source_ids:
            source = self.names.file(source_id)
            for block in source.blocks:
                block.inode_id = target.id
            target.blocks += source.blocks
            source.blocks = []
            self.names.detach(source, entry.at_s)
            self.names.forget(source)

    def _file_closed(self, entry: FileClosed) -> None:
        file = self.open_files.pop(entry.inode_id)
        del self.openings[entry.inode_id]
        file.writer = None
        file.modified_at_s = entry.at_s
        if file.blocks:
            file.blocks[-1].pipeline = ()

    def _times_set(self, entry: TimesSet) -> None:
        inode = self.names.inodes[entry.inode_id]
        inode.modified_at_s = entry.modified_at_s
        if isinstance(inode, File):
            inode.accessed_at_s = entry.accessed_at_s

    def _renamed(self, entry: Renamed) -> tuple[StoredBlock, ...]:
        dropped = self._removed(entry.replaced_id, entry.at_s)
        inode = self.names.inodes[entry.inode_id]
        self.names.move(inode, entry.parent_id, entry.name, entry.at_s)
        return dropped

    def _removed(self, inode_id: int, at_s: float) -> tuple[StoredBlock, ...]:
        if not inode_id:
            return ()
        top = self.names.inodes[inode_id]
        self.names.detach(top, at_s)
        steps = self._steps_to_forget(top)
        done = list(islice(steps, self.forget_slice))
        if len(done) == self.forget_slice:
            self._leaving.append(steps)
            for file in [f for f in self.open_files.values() if not self.names.stands(f)]:
                self._not_open(file)
        return tuple(filter(None, done))

    @property
    def is_forgetting(self) -> bool:
        return bool(self._leaving)

    def forget(self) -> tuple[StoredBlock, ...]:
        """A slice of what was removed; returns the blocks that left the namespace by it."""
        dropped: list[StoredBlock] = []
        left = self.forget_slice
        while self._leaving and left > 0:
            steps = list(islice(self._leaving[0], left))
            dropped += filter(None, steps)
            left -= len(steps)
            if left > 0:
                self._leaving.popleft()
        return tuple(dropped)

    def forget_all(self) -> None:
        """As a restart would have it."""
        while self._leaving:
            self.forget()

    def _steps_to_forget(self, top: Inode) -> Iterator[StoredBlock | None]:
        """An inode or a block each, from the leaves on, so that nothing is freed in one go."""
        waiting = [top]
        while waiting:
            inode = waiting[-1]
            if isinstance(inode, Directory) and inode.children:
                waiting.append(inode.children.popitem()[1])
                continue
            waiting.pop()
            if isinstance(inode, File):
                self._not_open(inode)
                while inode.blocks:
                    yield self._abandoned(inode)
            self.names.forget(inode)
            yield None

    def _not_open(self, file: File) -> None:
        self.open_files.pop(file.id, None)
        self.openings.pop(file.id, None)

    def _abandoned(self, file: File) -> StoredBlock:
        block = file.blocks.pop()
        del self.blocks[block.id]
        self.committed_blocks -= block.committed
        return block

    def adopt(self, file: File, opening: Opening | None) -> None:
        """Derives what follows from a file that an image brought."""
        self.names.files += 1
        if opening is not None:
            self._open(file, opening)
        for block in file.blocks:
            self.blocks[block.id] = block
            self.committed_blocks += block.committed

    def remember(self, entry: Entry) -> None:
        """Keeps an entry as the answer to repeats of its request."""
        request_id = getattr(entry, "request_id", "")
        if request_id:
            self.requests[request_id] = entry
            if len(self.requests) > REQUESTS_MAX:
                self.requests.popitem(last=False)
