"""The nouns of operating a cluster, for administrators and the NameNode. Immutable, no rules."""

from dataclasses import dataclass

from blockstore.model import Block, Excluded, Node, SafeMode


@dataclass(frozen=True, slots=True)
class WaitedBlock:
    """A block without a good replica, and who had one."""

    block: Block
    path: str
    last_holders: tuple[Excluded, ...]


@dataclass(frozen=True, slots=True)
class SafeModeWhy:
    """What is missing, and who may bring it."""

    mode: SafeMode
    # Blocks without a good replica, and some of them.
    missing: int
    sample: tuple[WaitedBlock, ...]
    # Known from before and not heard of yet; registered, and silent since; not yet reported.
    absent: tuple[Node, ...]
    silent: tuple[Node, ...]
    unreported: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Utilisation:
    """How full a node is."""

    node: Node
    used_bytes: int
    capacity_bytes: int


@dataclass(frozen=True, slots=True)
class BalancerStatus:
    """`reason` says why it runs, or why it doesn't; fractions of 1."""

    running: bool
    reason: str
    threshold: float
    bytes_per_s: int
    bytes_moved: int
    # At least so many must arrive until the cluster is balanced; with those under way.
    bytes_left: int
    # Under way now.
    moves: int
    # None while nobody knows.
    seconds_left: float | None
    mean: float
    nodes: tuple[Utilisation, ...]
