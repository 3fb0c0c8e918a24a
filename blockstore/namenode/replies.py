"""Answers of the core that the model has no noun for."""

from dataclasses import dataclass

from blockstore.model import FileStatus, Lease, LocatedBlock, Node


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
