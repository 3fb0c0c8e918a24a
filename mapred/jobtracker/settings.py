"""What can be set about a JobTracker: `name=value` words on its command line."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JobTrackerSettings:
    """All times in seconds."""

    # A heartbeat without orders is answered after this.
    heartbeat_interval_s: float = 1.0
    # A tracker that is silent for this long is dead: its work is given to others.
    dead_after_s: float = 30.0
    # A job that no live tracker can run fails after this, rather than hang.
    no_tracker_timeout_s: float = 120.0
    # How long killed attempts may take to end before the output is published or removed.
    drain_s: float = 10.0
    # How often time-driven rules are looked at.
    tick_s: float = 0.1
    # Second attempts of slow tasks.
    speculation: bool = True
    # A job with so much input at most, bytes, stays on one tracker where that can be; 0: none does.
    small_job_bytes: int = 128 * 1024 * 1024
    # A TOML file of pools (pools.py says what is in it); empty: pools are what jobs name.
    pools: str = ""
    # Jobs that are over and still listed.
    jobs_kept: int = 200
