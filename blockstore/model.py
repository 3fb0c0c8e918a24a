"""The nouns that every part of the block store speaks in. Immutable; no I/O, no rules."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Final, TypeAlias


@dataclass(frozen=True, slots=True, order=True)
class Block:
    """One version of one block.

    The generation stamp rises whenever a pipeline is rebuilt; a replica with an
    older stamp than the NameNode's is stale. `length` is in bytes.
    """

    id: int
    generation: int
    length: int = 0

    def __str__(self) -> str:
        return f"blk_{self.id}_{self.generation}"


@dataclass(frozen=True, slots=True)
class Node:
    """A DataNode as others dial it: advertised host and port."""

    node_id: str
    host: str
    port: int
    rack: str = "/default"
    # Where bytes are to be had without gRPC (byteframes.py) until the node starts anew; 0: nowhere.
    byte_port: int = field(default=0, compare=False)

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.node_id} ({self.address})"


@dataclass(frozen=True, slots=True)
class Excluded:
    """A node that could not be used, and why, in words for the user."""

    node: Node
    reason: str

    def __str__(self) -> str:
        return f"{self.node} {self.reason}"


@dataclass(frozen=True, slots=True)
class LocatedBlock:
    """A block of a file and where its replicas are, nearest to the asker first."""

    block: Block
    # Where the block starts in its file, in bytes.
    offset: int
    nodes: tuple[Node, ...]
    under_construction: bool = False
    # When `nodes` is empty: who held it last, and why they don't serve it.
    last_holders: tuple[Excluded, ...] = ()


@dataclass(frozen=True, slots=True)
class Permission:
    """Whose an inode is and who may do what with it."""

    owner: str
    group: str
    # rwx for owner, group and others, as in POSIX; 0o1000 is the sticky bit.
    mode: int

    @property
    def letters(self) -> str:
        """The mode as `ls` shows it: rwxr-x---, with t or T at the end for the sticky bit."""
        letters = "".join(
            letter if self.mode >> (8 - place) & 1 else "-"
            for place, letter in enumerate("rwxrwxrwx")
        )
        if not self.mode & STICKY:
            return letters
        return letters[:-1] + ("t" if self.mode & 1 else "T")

    def __str__(self) -> str:
        return f"{self.owner}:{self.group}:{self.letters}"


# Of a directory: only its owner and an entry's owner may remove or rename the entry.
STICKY: Final = 0o1000
MODE_MAX: Final = 0o1777


@dataclass(frozen=True, slots=True)
class FileStatus:
    """What `stat` and `list` tell of one path."""

    path: str
    is_directory: bool
    # Bytes; 0 for directories.
    length: int
    replication: int
    block_bytes: int
    # Seconds since the epoch, on the NameNode's wall clock.
    modified_at_s: float
    inode_id: int
    under_construction: bool = False
    # Entries of a directory.
    children: int = 0
    permission: Permission = Permission("", "", 0)
    # Files: the last reading, to the NameNode's precision; 0 for directories.
    accessed_at_s: float = 0.0
    # For who has opened it to write: what all his further requests name. Empty for others.
    writer: str = ""

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class FileChecksum:
    """CRC32C over all bytes of a file: equal for equal contents, however they are stored."""

    # Bytes.
    length: int
    crc: int

    def __str__(self) -> str:
        return f"COMPOSITE-CRC32C:{self.crc:08x}"


@dataclass(frozen=True, slots=True)
class Removal:
    """What became of a path that was to go."""

    # False: there was nothing.
    deleted: bool
    # Where it lies now; empty: it's gone for good.
    trash_path: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """What lies below a path; bytes and bytes times replication."""

    directories: int
    files: int
    bytes: int
    replicated_bytes: int


class ReplicaState(Enum):
    """What a DataNode has of a block."""

    ABSENT = "absent"
    FINALIZED = "finalized"
    # Being written now ("replica being written").
    RBW = "rbw"
    # Was being written when the node restarted ("replica waiting to be recovered").
    RWR = "rwr"
    # Only in incremental reports.
    DELETED = "deleted"
    CORRUPT = "corrupt"


@dataclass(frozen=True, slots=True)
class Replica:
    """One DataNode's word on one replica."""

    block: Block
    state: ReplicaState


@dataclass(frozen=True, slots=True)
class Receipt:
    """A DataNode's word, given to a writer, that it has finalised the writer's block."""

    node_id: str
    incarnation: int
    # No report of a lower number tells of the replica, or of what became of it since.
    report: int


@dataclass(frozen=True, slots=True)
class Replicate:
    """Order: copy the block to every target."""

    block: Block
    targets: tuple[Node, ...]
    # What all copies with such a limit may take of the node together; 0: the node's own limit.
    bytes_per_s: int = 0


@dataclass(frozen=True, slots=True)
class CopyFailure:
    """A DataNode's word that a copy it was told to make won't come."""

    block: Block
    target: Node
    reason: str
    # It was the sender's own replica that couldn't be read.
    by_source: bool

    def __str__(self) -> str:
        return f"{self.block} was not copied to {self.target}: {self.reason}"


@dataclass(frozen=True, slots=True)
class DeleteReplicas:
    """Order: forget these replicas."""

    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class RecoverBlock:
    """Order: agree with the peers on one length and finalise, for the writer is gone."""

    block: Block
    new_generation: int
    nodes: tuple[Node, ...]
    # A truncation: the length in bytes, which isn't to be agreed on then.
    cut_to: int | None = None


@dataclass(frozen=True, slots=True)
class SendReport:
    """Order: send a full block report now."""


Order: TypeAlias = Replicate | DeleteReplicas | RecoverBlock | SendReport


@dataclass(frozen=True, slots=True)
class VolumeReport:
    """One storage directory of a DataNode; sizes in bytes, times in seconds since the epoch."""

    path: str
    # "in use", "full" (takes no new replicas) or "failed" (its replicas count as gone).
    state: str
    # Why it isn't in use.
    reason: str = ""
    capacity_bytes: int = 0
    used_bytes: int = 0
    # What replicas may still take: without the reserve.
    free_bytes: int = 0
    # The scanner: bytes verified in this pass, when the last whole pass ended (0: never), and
    # damaged replicas that it found.
    scanned_bytes: int = 0
    last_pass_at_s: float = 0.0
    scan_errors: int = 0


@dataclass(frozen=True, slots=True)
class NodeLoad:
    """What a DataNode says of itself with every heartbeat; sizes in bytes."""

    capacity_bytes: int = 0
    used_bytes: int = 0
    free_bytes: int = 0
    streams: int = 0
    failed_volumes: tuple[str, ...] = field(default=())
    volumes: tuple[VolumeReport, ...] = field(default=())


# --- what administrators see -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SafeMode:
    """Whether the NameNode refuses changes, and why, or what ends it, in words."""

    on: bool
    reason: str = ""
    blocks_reported: int = 0
    blocks_needed: int = 0


@dataclass(frozen=True, slots=True)
class Lease:
    """A file that is open for writing, as `BlockStore.leases()` tells of it."""

    path: str
    # The writer's client id, HOST-PID-...; empty while the NameNode itself closes the file.
    holder: str
    # Seconds since the epoch: when the file was opened.
    since_s: float
    # How long ago the writer was heard of, in seconds.
    silence_s: float
    # While the NameNode closes the file: what that waits for, in words.
    waiting_for: str
    inode_id: int

    @property
    def host(self) -> str:
        """The writer's machine."""
        return self.holder.rsplit("-", 2)[0]


@dataclass(frozen=True, slots=True)
class NodeReport:
    """What the NameNode knows of a DataNode; sizes in bytes."""

    node: Node
    # "live", "stale", "dead", or "absent": not heard of since the NameNode began.
    state: str
    heard_s_ago: float
    capacity_bytes: int = 0
    used_bytes: int = 0
    free_bytes: int = 0
    replicas: int = 0
    failed_volumes: tuple[str, ...] = ()
    # "in service", "decommissioning", "decommissioned", "entering maintenance", "in maintenance".
    duty: str = "in service"
    # Wall clock, seconds since the epoch; when a maintenance ends.
    until_s: float = 0.0
    # On the way out: what others still need from it, how fast it goes, and how long it takes.
    blocks_left: int = 0
    bytes_left: int = 0
    bytes_per_s: float = 0.0
    seconds_left: float | None = None
    # Files that are being written to it; their writers end them or their blocks.
    open_files: tuple[str, ...] = ()
    volumes: tuple[VolumeReport, ...] = ()


@dataclass(frozen=True, slots=True)
class ClusterReport:
    """The block store's state at one moment, as `BlockStore.report()` returns it."""

    nodes: tuple[NodeReport, ...]
    files: int
    directories: int
    blocks: int
    under_replicated: int
    corrupt: int
    missing: int
    safe_mode: SafeMode
    epoch: int = 0
    transaction: int = 0
    # Blocks whose replicas are all on one rack, while there are more.
    misplaced: int = 0
    # Where the NameNode answers clients beside gRPC; 0: nowhere.
    call_port: int = 0


@dataclass(frozen=True, slots=True)
class FsckBlock:
    """A block's health: "healthy", "under-replicated", "misplaced" (all on one rack), "corrupt",
    "missing" or "open"."""

    block: Block
    nodes: tuple[Node, ...]
    state: str
    last_holders: tuple[Excluded, ...] = ()


@dataclass(frozen=True, slots=True)
class FsckFile:
    """A file and the health of its blocks."""

    path: str
    length: int
    replication: int
    blocks: tuple[FsckBlock, ...]
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class FsckReport:
    """Files below a path; "healthy" (all can be read) or "corrupt" as a whole."""

    files: tuple[FsckFile, ...]
    state: str
    # Where the next page begins; empty when these are all.
    resume_after: str = ""
