"""The NameNode's settings; `-D`-like words fill them (runtime/config.py)."""

from dataclasses import dataclass

from blockstore.errors import ConfigException

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class NameNodeConfig:
    """Defaults are for a cluster of tens of nodes; tests shorten the times.

    Raises:
        ConfigException: values contradict each other.
    """

    # DataNodes: how often they are heard of, and when silence means something.
    heartbeat_interval_s: float = 1.0
    stale_after_s: float = 10.0
    dead_after_s: float = 30.0
    # How often a node is asked for a full report; a million replicas cost some seconds.
    full_report_interval_s: float = 6 * 3600.0

    # Where clients that ask much ask without gRPC. 0: any free port, -1: nowhere. Clients who can't
    # reach it ask over gRPC.
    call_port: int = 0
    # Connections to it at once: a client has one for each of its threads that ask.
    call_connections_max: int = 4096

    # Whether permissions are enforced; they're kept and shown in any case.
    permissions: bool = True
    # Who may do everything; the daemon's default is the user that runs it.
    superuser: str = "root"
    # The group of a new namespace's root; its members may do everything, too.
    supergroup: str = "supergroup"
    # Groups of users as user=group,group;user=group. Others have those of the NameNode's machine.
    groups: str = ""

    # How exact the times of access are; 0: readings aren't noted at all.
    access_precision_s: float = 3600.0

    # How long what was deleted can still be fetched from the trash; 0: it's gone at once.
    trash_interval_s: float = 24 * 3600.0
    # How often the trash is looked through; what lies in it stays up to this much longer.
    trash_checkpoint_s: float = 3600.0

    # Files.
    replication: int = 3
    replication_max: int = 512
    block_bytes: int = 128 * MIB
    block_bytes_min: int = KIB
    block_bytes_max: int = 64 * 1024 * MIB
    blocks_per_file_max: int = 1_000_000
    list_page: int = 1_000
    # A file is closed when this many replicas of its blocks are durable (or as many
    # as it wants, or as there are live nodes).
    durable_replicas: int = 2

    # Safe mode ends when this part of all closed blocks has a good replica.
    safe_mode_threshold: float = 0.999

    # Inodes and blocks of a removed tree that are forgotten in one go; others are answered between.
    forget_slice: int = 1_000

    # Leases: after `soft` another writer may take the file, after `hard` the NameNode closes it.
    lease_soft_s: float = 60.0
    lease_hard_s: float = 300.0
    # One try of a block recovery; then another primary gets it.
    recovery_timeout_s: float = 15.0

    # Replication: how often it looks, and how much may be under way.
    tick_interval_s: float = 0.5
    copies_per_source: int = 8
    copies_per_target: int = 8
    # A node may rest (maintenance) when so many serving nodes have each of its blocks.
    rest_replicas: int = 1
    # A copy or deletion that isn't reported by then is decided anew.
    order_timeout_s: float = 120.0
    # Blocks looked at per tick: some five milliseconds; when more are waiting, the next comes soon.
    replication_work_max: int = 250
    # Deletions ordered per tick.
    deletions_per_node_max: int = 1_000

    # A Complete that isn't done yet is held this long before it says so.
    complete_hold_s: float = 1.0

    # A checkpoint is made after so many transactions, or at this age if there is any.
    checkpoint_transactions: int = 100_000
    checkpoint_age_s: float = 3600.0

    # With less room on the journal's volume changes are refused: HDFS's
    # dfs.namenode.resource.du.reserved, at its default.
    journal_reserve_bytes: int = 100 * MIB

    def __post_init__(self) -> None:
        if not 0 < self.heartbeat_interval_s < self.stale_after_s <= self.dead_after_s:
            raise ConfigException(
                "these must rise: "
                f"heartbeat_interval_s={self.heartbeat_interval_s}, "
                f"stale_after_s={self.stale_after_s}, dead_after_s={self.dead_after_s}"
            )
        if self.trash_interval_s < 0 or self.trash_checkpoint_s <= 0:
            raise ConfigException(
                f"trash_interval_s={self.trash_interval_s} must be at least 0, "
                f"trash_checkpoint_s={self.trash_checkpoint_s} above 0"
            )
        if not 1 <= self.replication <= self.replication_max:
            raise ConfigException(
                f"replication={self.replication} is not in 1..{self.replication_max}"
            )
        if not 1 <= self.block_bytes_min <= self.block_bytes <= self.block_bytes_max:
            raise ConfigException(
                f"block_bytes={self.block_bytes} is not in "
                f"{self.block_bytes_min}..{self.block_bytes_max}"
            )
        if self.forget_slice < 1:
            raise ConfigException(f"forget_slice={self.forget_slice} must be at least 1")
        if not 0 <= self.safe_mode_threshold <= 1:
            raise ConfigException(f"safe_mode_threshold={self.safe_mode_threshold} is not in 0..1")
        if not 0 < self.lease_soft_s <= self.lease_hard_s:
            raise ConfigException(
                f"lease_soft_s={self.lease_soft_s} must be in (0, lease_hard_s={self.lease_hard_s}]"
            )
