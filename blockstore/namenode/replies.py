"""Answers of the core that the model has no noun for."""

from dataclasses import dataclass

from blockstore.model import Block, Excluded, FileStatus, Lease, LocatedBlock, Node, NodeLoad
from blockstore.namenode.safemode import SafeModeStatus


@dataclass(frozen=True, slots=True)
class Completion:
    """`waiting_for` says in words what keeps a file from being closed."""

    done: bool
    waiting_for: str = ""


@dataclass(frozen=True, slots=True)
class PipelineGrant:
    new_generation: int
    replacement: Node | None


@dataclass(frozen=True, slots=True)
class Appended:
    """A file that its caller now writes; `last` is under construction if it's written further."""

    status: FileStatus
    last: LocatedBlock | None


@dataclass(frozen=True, slots=True)
class LeasePage:
    leases: tuple[Lease, ...]
    has_more: bool


@dataclass(frozen=True, slots=True)
class Location:
    status: FileStatus
    blocks: tuple[LocatedBlock, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    entries: tuple[FileStatus, ...]
    has_more: bool


@dataclass(frozen=True, slots=True)
class Registration:
    cluster_id: str
    epoch: int
    heartbeat_interval_s: float


@dataclass(frozen=True, slots=True)
class NodeStatus:
    node: Node
    # "live", "stale" or "dead".
    state: str
    heard_s_ago: float
    load: NodeLoad
    replicas: int


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    nodes: tuple[NodeStatus, ...]
    files: int
    directories: int
    blocks: int
    under_replicated: int
    corrupt: int
    missing: int
    safe_mode: SafeModeStatus
    epoch: int
    transaction: int
    # Blocks whose replicas are all on one rack, while there are more.
    misplaced: int = 0


@dataclass(frozen=True, slots=True)
class BlockHealth:
    block: Block
    nodes: tuple[Node, ...]
    # "healthy", "under-replicated", "corrupt", "missing" or "open".
    state: str
    last_holders: tuple[Excluded, ...] = ()


@dataclass(frozen=True, slots=True)
class FileHealth:
    path: str
    length: int
    replication: int
    blocks: tuple[BlockHealth, ...]


@dataclass(frozen=True, slots=True)
class TreeHealth:
    files: tuple[FileHealth, ...]
    # "healthy" or "corrupt".
    state: str
