"""The NameNode as a pure machine: requests, reports and ticks in, `Ready` out.

    naming     names: mkdir, rename, delete, list, stat
    attributes owner, group, mode, times
    writing    open files: create, blocks, complete
    pipelines  open blocks whose pipeline broke
    closing    how files get closed, by their writer or without it
    changes    closed files: append, truncate, concat; leases
    reporting  DataNodes: registration, heartbeats, replicas, replication
    reading    locations
    admin      health, duties of nodes, safe mode's reasons, the balancer

Rules
- No clock, socket, disk, thread or randomness of its own: `now` (monotonic seconds), `wall`
  (seconds since the epoch) and `rng` are arguments.
- Every call changes the state at once and returns what the shell must do about it; the shell
  makes entries durable before anybody hears of them (ready.py).
- A call that raises has changed nothing that needs an entry, except that a Create which meets
  an open file may take its lease: the shell asks `take_ready()` after an error.
- In safe mode changes are refused, reads and reports go on.
"""

import random
from collections.abc import Sequence

from blockstore.model import (
    Block,
    ClusterReport,
    CopyFailure,
    Excluded,
    FileStatus,
    LocatedBlock,
    Node,
    NodeLoad,
    Replica,
    SafeMode,
    Summary,
)
from blockstore.namenode.access import Caller
from blockstore.namenode.administration import Administration
from blockstore.namenode.attributes import Attributes
from blockstore.namenode.closing import Closing
from blockstore.namenode.config import NameNodeConfig
from blockstore.namenode.entries import EpochStarted
from blockstore.namenode.filechanges import FileChanges
from blockstore.namenode.naming import Naming
from blockstore.namenode.nodereports import cluster_report
from blockstore.namenode.outcomes import once
from blockstore.namenode.ownership import DEFAULT_MODES, Modes
from blockstore.namenode.parts import Parts
from blockstore.namenode.pipelines import Pipelines
from blockstore.namenode.reading import Reading
from blockstore.namenode.ready import Ready
from blockstore.namenode.replies import Completion, Listing, Location, PipelineGrant, Registration
from blockstore.namenode.reporting import Reporting
from blockstore.namenode.state import State
from blockstore.namenode.trash import Trash
from blockstore.namenode.treewalk import RemovalLook, SummaryWalk
from blockstore.namenode.writing import Writing


class NameNode:
    """One NameNode from start to stop.

    Make one from a recovered `State` (recovery.py; or `State()` with a `Formatted` entry
    applied, for a fresh namespace), then call `start` first: it begins a new epoch. Arguments
    and replies are the model's nouns and replies.py's.

    A simulator drives it as the daemon does: append `ready.entries` to its journal, and after they
    are durable deliver `ready.orders` and use `ready.reply`. After a crash, make a new one from the
    state that the durable entries give.
    """

    def __init__(
        self, config: NameNodeConfig, rng: random.Random, state: State, now: float
    ) -> None:
        self.state = state
        self._parts = Parts(config, rng, state, now)
        self._naming = Naming(self._parts)
        self.attributes = Attributes(self._parts)
        self.trash = Trash(self._parts, self._naming)
        self._closing = Closing(self._parts)
        self._writing = Writing(self._parts, self._naming, self._closing)
        self._pipelines = Pipelines(self._parts)
        self.changes = FileChanges(self._parts, self._naming, self._closing)
        self.reporting = Reporting(self._parts)
        self._reading = Reading(self._parts)
        self.admin = Administration(self._parts, self.reporting)

    def start(self) -> Ready[int]:
        """Begins the next epoch; replies with its number."""
        self._parts.record(EpochStarted(self.state.epoch + 1))
        return self._parts.ready(self.state.epoch)

    def on_behalf_of(self, caller: Caller | None) -> "NameNode":
        """The next call is this caller's. None, and at the start: the superuser's."""
        self._parts.access.act_for(caller)
        return self

    def tick(self, *, now: float, wall: float) -> Ready[bool]:
        """What time alone brings: deaths, late copies. Call it often; soon, when it replies so."""
        self._parts.access.act_for(None)
        self._parts.forget()
        is_behind = self.reporting.tick(now)
        self.admin.tick(now, wall)
        if not self._parts.safe_mode.on:
            self._closing.tick(now, wall)
            self.trash.tick(now, wall)
        return self._parts.ready(is_behind)

    def forget(self) -> Ready[bool]:
        """A slice of what was removed or lost; whether there is more: call it again, soon."""
        return self._parts.ready(self._parts.forget())

    @property
    def is_forgetting(self) -> bool:
        return self._parts.is_forgetting

    def take_ready(self) -> Ready[None]:
        """What a call that raised has left to do."""
        return self._parts.ready(None)

    # --- names ----------------------------------------------------------------

    def stat(self, path: str) -> Ready[FileStatus]:
        return Ready(self._naming.stat(path))

    def check_access(self, path: str, wanted: int) -> Ready[None]:
        self._naming.check_access(path, wanted)
        return Ready(None)

    def listing(self, path: str, start_after: str = "", limit: int = 0) -> Ready[Listing]:
        return Ready(self._naming.listing(path, start_after, limit))

    def page(self, path: str, start_after: str = "", limit: int = 0) -> Ready[Listing | None]:
        """A listing, or None after a slice of the work for it: ask again."""
        if self._naming.order_some(path):
            return Ready(None)
        return Ready(self._naming.listing(path, start_after, limit))

    def walk(self, path: str) -> Ready[SummaryWalk]:
        """Begins a summary: `walk_on` until it replies one."""
        return Ready(self._naming.walk(path))

    def walk_on(self, walk: SummaryWalk) -> Ready[Summary | None]:
        return Ready(walk.go_on(self._parts.access))

    @once
    def mkdirs(
        self,
        path: str,
        *,
        parents: bool = True,
        modes: Modes = DEFAULT_MODES,
        request_id: str = "",
        wall: float,
    ) -> Ready[None]:
        self._parts.safe_mode.check(f"making the directory '{path}'")
        self._naming.mkdirs(path, parents=parents, modes=modes, request_id=request_id, wall=wall)
        return self._parts.ready(None)

    @once
    def rename(
        self,
        source: str,
        target: str,
        *,
        overwrite: bool = False,
        request_id: str = "",
        wall: float,
    ) -> Ready[None]:
        self._parts.safe_mode.check(f"renaming '{source}'")
        self._naming.rename(source, target, overwrite=overwrite, request_id=request_id, wall=wall)
        return self._parts.ready(None)

    @once
    def delete(
        self,
        path: str,
        *,
        recursive: bool = False,
        look: RemovalLook | None = None,
        request_id: str = "",
        wall: float,
    ) -> Ready[bool]:
        """For good. Whether there was something to delete."""
        self._parts.safe_mode.check(f"deleting '{path}'")
        deleted = self._naming.delete(
            path, recursive=recursive, look=look, request_id=request_id, wall=wall
        )
        return self._parts.ready(deleted)

    @once
    def set_replication(self, path: str, replication: int, *, request_id: str = "") -> Ready[None]:
        self._parts.safe_mode.check(f"setting the replication of '{path}'")
        self._naming.set_replication(path, replication, request_id)
        return self._parts.ready(None)

    # --- writers --------------------------------------------------------------

    @once
    def create(
        self,
        path: str,
        *,
        client_id: str,
        replication: int = 0,
        block_bytes: int = 0,
        overwrite: bool = False,
        parents: bool = True,
        modes: Modes = DEFAULT_MODES,
        close: bool = False,
        request_id: str = "",
        now: float,
        wall: float,
    ) -> Ready[FileStatus]:
        """`close`: it stays empty."""
        self._parts.safe_mode.check(f"creating '{path}'")
        status = self._writing.create(
            path,
            client_id=client_id,
            replication=replication,
            block_bytes=block_bytes,
            overwrite=overwrite,
            parents=parents,
            modes=modes,
            close=close,
            request_id=request_id,
            now=now,
            wall=wall,
        )
        return self._parts.ready(status)

    def add_block(
        self,
        inode_id: int,
        *,
        client_id: str,
        previous: Block | None = None,
        excluded: Sequence[Excluded] = (),
        client_host: str = "",
        request_id: str = "",
        bytes_max: int = 0,
        now: float,
    ) -> Ready[LocatedBlock]:
        """`bytes_max`: the block won't get longer than this; 0: a whole block."""
        self._parts.safe_mode.check(f"adding a block to file {inode_id}")
        located = self._writing.add_block(
            inode_id, client_id, previous, excluded, client_host, request_id, bytes_max, now
        )
        return self._parts.ready(located)

    def abandon_block(
        self, inode_id: int, *, client_id: str, block: Block, now: float
    ) -> Ready[None]:
        self._parts.safe_mode.check(f"abandoning {block}")
        self._writing.abandon_block(inode_id, client_id, block, now)
        return self._parts.ready(None)

    def recover_pipeline(
        self,
        inode_id: int,
        *,
        client_id: str,
        block: Block,
        survivors: Sequence[str],
        excluded: Sequence[Excluded] = (),
        want_replacement: bool = True,
        now: float,
    ) -> Ready[PipelineGrant]:
        self._parts.safe_mode.check(f"rebuilding the pipeline of {block}")
        grant = self._pipelines.recover(
            inode_id,
            client_id=client_id,
            block=block,
            survivors=survivors,
            excluded=excluded,
            want_replacement=want_replacement,
            now=now,
        )
        return self._parts.ready(grant)

    def update_pipeline(
        self,
        inode_id: int,
        *,
        client_id: str,
        old: Block,
        new: Block,
        node_ids: Sequence[str],
        now: float,
    ) -> Ready[None]:
        self._parts.safe_mode.check(f"rebuilding the pipeline of {old}")
        self._pipelines.update(
            inode_id, client_id=client_id, old=old, new=new, node_ids=node_ids, now=now
        )
        return self._parts.ready(None)

    def sync(self, inode_id: int, *, client_id: str, block: Block, now: float) -> Ready[None]:
        self._parts.safe_mode.check(f"recording the synced length of {block}")
        self._writing.sync(inode_id, client_id, block, now)
        return self._parts.ready(None)

    def complete(
        self, inode_id: int, *, client_id: str, last: Block | None, now: float, wall: float
    ) -> Ready[Completion]:
        self._parts.safe_mode.check(f"closing file {inode_id}")
        return self._parts.ready(self._writing.complete(inode_id, client_id, last, now, wall))

    # --- readers --------------------------------------------------------------

    def locate(
        self, path: str, *, offset: int = 0, length: int = 0, client_host: str = "", now: float
    ) -> Ready[Location]:
        return Ready(
            self._reading.locate(
                path, offset=offset, length=length, client_host=client_host, now=now
            )
        )

    def report_bad_replica(
        self, block: Block, node_id: str, reason: str, *, now: float
    ) -> Ready[None]:
        self.reporting.bad_replica(block.id, node_id, reason, now)
        return self._parts.ready(None)

    # --- DataNodes ------------------------------------------------------------

    def register(
        self, node: Node, *, incarnation: int, cluster_id: str = "", now: float
    ) -> Ready[Registration]:
        registration = self.reporting.register(node, incarnation, cluster_id, now)
        return self._parts.ready(registration)

    def heartbeat(
        self, node_id: str, *, incarnation: int, epoch: int, load: NodeLoad, now: float
    ) -> Ready[bool]:
        """Whether the node is known; otherwise it must register again."""
        known = self.reporting.heartbeat(node_id, incarnation, epoch, load, now)
        return self._parts.ready(known)

    def full_report(
        self,
        node_id: str,
        *,
        incarnation: int,
        epoch: int,
        replicas: Sequence[Replica],
        number: int = 0,
        piece: int = 0,
        more: bool = False,
        now: float,
    ) -> Ready[None]:
        self.reporting.full_report(node_id, incarnation, epoch, replicas, number, piece, more, now)
        return self._parts.ready(None)

    def incremental_report(
        self,
        node_id: str,
        *,
        incarnation: int,
        epoch: int,
        replicas: Sequence[Replica],
        number: int = 0,
        now: float,
    ) -> Ready[None]:
        self.reporting.incremental_report(node_id, incarnation, epoch, replicas, number, now)
        return self._parts.ready(None)

    def copy_failed(
        self, node_id: str, failure: CopyFailure, *, epoch: int, now: float
    ) -> Ready[None]:
        self.reporting.copy_failed(node_id, failure, epoch=epoch, now=now)
        return self._parts.ready(None)

    def commit_recovery(
        self,
        node_id: str,
        *,
        epoch: int,
        old: Block,
        new: Block | None,
        node_ids: Sequence[str],
        wall: float,
    ) -> Ready[None]:
        self.reporting.check_epoch(node_id, epoch)
        self._closing.commit_recovery(node_id, old, new, node_ids, wall)
        return self._parts.ready(None)

    # --- administration -------------------------------------------------------

    def report(self, *, now: float) -> Ready[ClusterReport]:
        return Ready(cluster_report(self._parts, now))

    def safe_mode(self, enter: bool | None = None) -> Ready[SafeMode]:
        """Enters, leaves, or (None) only tells."""
        if enter is not None:
            self._parts.access.superuser(f"{'enter' if enter else 'leave'} safe mode")
            (self._parts.safe_mode.enter if enter else self._parts.safe_mode.leave)()
        return Ready(self._parts.safe_mode.status())
