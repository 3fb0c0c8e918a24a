"""How patient and how greedy a client is. Times in seconds, sizes in bytes."""

from dataclasses import dataclass, field
from typing import Final

from blockstore.checksum import CHUNK_BYTES_DEFAULT
from blockstore.runtime.retry import INTERACTIVE, RetryPolicy


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """Defaults suit everybody; tests shorten the times."""

    # A sixth of the time after which somebody else may take the lease.
    lease_renew_s: float = 10.0
    # How long the first call waits for the NameNode.
    first_contact: RetryPolicy = INTERACTIVE

    chunk_bytes: int = CHUNK_BYTES_DEFAULT
    # What a writer holds in memory until every node of the pipeline has acknowledged it.
    window_bytes: int = 16 * 1024 * 1024
    # Until a pipeline stands, and until it acknowledges: longer than the nodes wait for each other.
    pipeline_setup_s: float = 15.0
    pipeline_ack_s: float = 35.0
    # A pipeline whose last node is gone: how long its nodes may take to come back.
    pipeline_restart_s: float = 30.0
    # Until some DataNode takes a new block.
    placement: RetryPolicy = field(default=RetryPolicy(deadline_s=15.0, cap_s=1.0))
    # Until enough replicas of a closed file are durable.
    close_s: float = 120.0

    # A replica that has not sent its first bytes after this is raced against another.
    hedge_after_s: float = 0.5
    # A replica that has stopped sending is left.
    read_stall_s: float = 10.0
    # How long a block may have no readable replica: a DataNode needs some seconds to restart.
    missing_after_s: float = 10.0
    # Read local files of DataNodes on this machine without going through them.
    short_circuit: bool = True
    # Read and write over DataNodes' byte ports, where they can be reached, and not over gRPC.
    byte_ports: bool = True


DEFAULT: Final = ClientSettings()
