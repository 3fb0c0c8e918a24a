"""Journal entries: everything that ever changes the journaled state, as facts.

An entry says what has happened, with all that was decided (ids, targets, time),
so that applying it needs no clock, no randomness and no choice. `State.apply`
is the only place that acts on them. The same fields, by name, are in
protos/blockstore/journal.proto.

`request_id`: entries that carry one are remembered, so that a repeated request
gets the first one's answer.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

from blockstore.model import Block, Node, Permission

# A root without a word on it: everybody may make entries, and remove only his own.
OPEN_ROOT: Final = Permission("root", "supergroup", 0o1777)


@dataclass(frozen=True, slots=True)
class Formatted:
    """The first transaction of a namespace."""

    cluster_id: str
    # Seconds since the epoch, wall clock; so are all times below.
    at_s: float
    # The root's.
    permission: Permission = OPEN_ROOT


@dataclass(frozen=True, slots=True)
class EpochStarted:
    """A NameNode took over this namespace."""

    epoch: int


@dataclass(frozen=True, slots=True)
class DirectoryMade:
    inode_id: int
    parent_id: int
    name: str
    at_s: float
    permission: Permission
    # The last of one request has it.
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class FileCreated:
    inode_id: int
    parent_id: int
    name: str
    replication: int
    block_bytes: int
    client_id: str
    at_s: float
    permission: Permission
    # The file that stood at this name and is gone now; 0: none.
    replaced_id: int = 0
    request_id: str = ""
    # It stays empty, and nobody has it open.
    closed: bool = False


@dataclass(frozen=True, slots=True)
class BlockAdded:
    """A further block; the one before got its final length."""

    inode_id: int
    previous: Block | None
    block: Block
    # Where the block starts in its file, in bytes.
    offset: int
    targets: tuple[Node, ...]
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class BlockAbandoned:
    """The last block is gone; it never had a byte that counts."""

    inode_id: int
    block_id: int


@dataclass(frozen=True, slots=True)
class GenerationTaken:
    """A generation stamp was handed out; it is never handed out again."""

    generation: int


@dataclass(frozen=True, slots=True)
class PipelineUpdated:
    """The last block is written under another stamp, by these nodes."""

    inode_id: int
    block: Block
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class BlockSynced:
    """The last block has at least this many durable bytes."""

    inode_id: int
    block_id: int
    length: int


@dataclass(frozen=True, slots=True)
class BlockCommitted:
    """The last block got its final stamp and length."""

    inode_id: int
    block: Block


@dataclass(frozen=True, slots=True)
class FileClosed:
    inode_id: int
    at_s: float


@dataclass(frozen=True, slots=True)
class LeaseRevoked:
    """The writer lost its lease; the NameNode closes the file."""

    inode_id: int


@dataclass(frozen=True, slots=True)
class Renamed:
    inode_id: int
    parent_id: int
    name: str
    at_s: float
    # What stood at the target and is gone now; 0: nothing.
    replaced_id: int = 0
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Deleted:
    """An inode and all below it are gone."""

    inode_id: int
    at_s: float
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class ReplicationSet:
    inode_id: int
    replication: int
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class PermissionSet:
    """Owner, group and mode of an inode, all three as they are now."""

    inode_id: int
    permission: Permission
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class TimesSet:
    """Both times of an inode as they are now; a directory has no access time: 0."""

    inode_id: int
    modified_at_s: float
    accessed_at_s: float
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class NodeEntered:
    """A DataNode registered for the first time, or under another address or rack."""

    node_id: str
    host: str
    port: int
    rack: str


@dataclass(frozen=True, slots=True)
class DutyAssigned:
    """What an administrator wants of a DataNode from now on."""

    node_id: str
    # A value of roster.Duty.
    duty: str
    at_s: float
    # When a rest ends; 0 for other duties.
    until_s: float = 0.0


@dataclass(frozen=True, slots=True)
class NodeForgotten:
    """A DataNode is not waited for any more."""

    node_id: str


@dataclass(frozen=True, slots=True)
class FileAppended:
    """A closed file is open again, for a writer that adds to it."""

    inode_id: int
    client_id: str
    at_s: float
    # The last block, if it's written further, and its replicas' nodes.
    reopened: Block | None
    nodes: tuple[Node, ...]
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Truncated:
    """A closed file ends after its first `kept` blocks."""

    inode_id: int
    kept: int
    # The last of them with the length that it's cut to, if it is, and its replicas' nodes.
    cut: Block | None
    nodes: tuple[Node, ...]
    at_s: float
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Concatenated:
    """The blocks of the sources follow those of the target; the sources are gone."""

    target_id: int
    source_ids: tuple[int, ...]
    at_s: float
    request_id: str = ""


Entry: TypeAlias = (
    Formatted
    | EpochStarted
    | DirectoryMade
    | FileCreated
    | BlockAdded
    | BlockAbandoned
    | GenerationTaken
    | PipelineUpdated
    | BlockSynced
    | BlockCommitted
    | FileClosed
    | LeaseRevoked
    | Renamed
    | Deleted
    | ReplicationSet
    | PermissionSet
    | TimesSet
    | NodeEntered
    | DutyAssigned
    | NodeForgotten
    | FileAppended
    | Truncated
    | Concatenated
)
