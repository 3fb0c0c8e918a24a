"""The parts of the core, and what the call in progress has done so far.

`record` is how every part of the core changes the journaled state: it applies the entry,
keeps it for the journal, and draws the consequences for the soft state.
"""

import random
from collections.abc import Sequence

from blockstore.errors import LeaseExpiredException
from blockstore.model import Block, Order
from blockstore.namenode.access import Access
from blockstore.namenode.blockmap import BlockMap
from blockstore.namenode.config import NameNodeConfig
from blockstore.namenode.datanodes import DataNodes
from blockstore.namenode.entries import BlockCommitted, Entry
from blockstore.namenode.leases import Leases, client_of
from blockstore.namenode.leavetaking import Leaving
from blockstore.namenode.namespace import NAMENODE_WRITES, File, StoredBlock
from blockstore.namenode.outcomes import Outcomes
from blockstore.namenode.ready import Ready, Reply
from blockstore.namenode.replication import Replication
from blockstore.namenode.safemode import SafeMode
from blockstore.namenode.state import State
from blockstore.namenode.targets import Targets


class Parts:
    """Journaled state, soft state, and the effects of the call in progress."""

    def __init__(
        self, config: NameNodeConfig, rng: random.Random, state: State, now: float
    ) -> None:
        self.config = config
        self.rng = rng
        self.state = state
        self.names = state.names
        self.access = Access(
            state.names,
            superuser=config.superuser,
            supergroup=config.supergroup,
            enforced=config.permissions,
        )
        self.blocks = BlockMap(state.blocks)
        self.nodes = DataNodes(stale_after_s=config.stale_after_s, dead_after_s=config.dead_after_s)
        self.targets = Targets(self.nodes, state.roster, rng)
        self.leases = Leases(soft_s=config.lease_soft_s, hard_s=config.lease_hard_s)
        self.safe_mode = SafeMode(
            config.safe_mode_threshold,
            blocks=lambda: state.committed_blocks,
            reported=lambda: self.blocks.reported,
        )
        self.replication = Replication(config, state, self.blocks, self.nodes, self.targets, now)
        self.leaving = Leaving()
        self.outcomes = Outcomes()
        self.started_at = now
        state.forget_slice = config.forget_slice
        for file in state.open_files.values():
            if file.writer:
                self.leases.grant(file.writer, now)
        self._entries: list[Entry] = []
        self._orders: list[tuple[str, Order]] = []
        self._progressed: set[int] = set()
        # Open blocks: the nodes that were told to write them, and how long they may get.
        self._writers: dict[int, tuple[tuple[str, ...], int]] = {}

    # --- effects --------------------------------------------------------------

    def record(self, entry: Entry) -> None:
        self._drop(self.state.apply(entry))
        self._entries.append(entry)

    def forget(self) -> bool:
        """A slice of what was removed, lost, or is to be looked at; whether there is more."""
        self._drop(self.state.forget())
        for block_id in self.blocks.lose_some(self.config.forget_slice):
            self.replication.touch(block_id)
        for node_id, block_id in self.leaving.some(self.config.forget_slice):
            self.replication.touch(block_id)
            stored = self.state.blocks.get(block_id)
            if stored is not None and node_id in self.blocks.good(block_id):
                self.replication.draining.look(node_id, block_id, stored.length)
        return self.is_forgetting

    @property
    def is_forgetting(self) -> bool:
        return self.state.is_forgetting or self.blocks.is_losing or bool(self.leaving)

    def _drop(self, blocks: Sequence[StoredBlock]) -> None:
        for block in blocks:
            self.blocks.drop(block, self.state.next_generation)
            self.replication.touch(block.id)
            self.written(block.id)

    def order(self, node_id: str, order: Order) -> None:
        self._orders.append((node_id, order))

    def progressed(self, inode_id: int) -> None:
        self._progressed.add(inode_id)

    def ready(self, reply: Reply) -> Ready[Reply]:
        """The effects since the last call of this."""
        done = Ready(reply, tuple(self._entries), tuple(self._orders), frozenset(self._progressed))
        self._entries, self._orders, self._progressed = [], [], set()
        return done

    # --- what several parts need ----------------------------------------------

    def is_repeated(self, request_id: str, kind: type[Entry]) -> bool:
        """Whether a request with this id has been done already."""
        return isinstance(self.state.requests.get(request_id), kind)

    def commit(self, stored: StoredBlock, block: Block) -> None:
        """Gives the last block its final stamp and length, if it hasn't got them yet."""
        before = stored.value()
        if stored.committed and before == block:
            return
        self.record(BlockCommitted(stored.inode_id, block))
        self.settle(stored, before)

    def settle(self, stored: StoredBlock, before: Block) -> None:
        """Draws the consequences of a block's new stamp or length."""
        self.blocks.settle(stored, before)
        self.replication.touch(stored.id)
        if stored.committed:
            self.written(stored.id)

    def writing(self, block_id: int, node_ids: tuple[str, ...], bytes_max: int) -> None:
        """These nodes have an open block more, which may get so long."""
        self.written(block_id)
        self._writers[block_id] = node_ids, bytes_max
        self._count_writers(node_ids, 1, bytes_max)

    def written(self, block_id: int) -> None:
        node_ids, bytes_max = self._writers.pop(block_id, ((), 0))
        self._count_writers(node_ids, -1, -bytes_max)

    def _count_writers(self, node_ids: tuple[str, ...], blocks: int, bytes_more: int) -> None:
        for node in map(self.nodes.get, node_ids):
            if node is not None:
                node.writing = max(0, node.writing + blocks)
                node.promised_bytes = max(0, node.promised_bytes + bytes_more)

    def held_file(self, inode_id: int, client_id: str, now: float) -> File:
        """The open file that this writer has opened; its client's lease is renewed.

        Raises:
            LeaseExpiredException: the file is gone, closed, or opened anew since.
        """
        file = self.names.inodes.get(inode_id)
        if not isinstance(file, File) or not self.names.stands(file):
            raise LeaseExpiredException(f"file {inode_id} was deleted while it was being written")
        if not client_id or file.writer != client_id:
            path = self.names.path_of(file)
            raise LeaseExpiredException(f"'{path}' {_why_not_held(file, client_id)}")
        self.leases.renew(client_id, now)
        return file


def _why_not_held(file: File, client_id: str) -> str:
    if file.writer is None:
        return "is closed: this writer's lease was taken away or it has closed the file itself"
    if file.writer == NAMENODE_WRITES:
        return (
            "is being closed by the NameNode: this writer was silent for too long, or somebody "
            "took its lease (mapred fs lease recover)"
        )
    if client_of(file.writer) == client_of(client_id):
        return "was opened anew by this client since: this request was for the time before"
    return "is being written by another client"
