"""What can be set about a TaskTracker: `name=value` words on its command line."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TaskTrackerSettings:
    """All times in seconds."""

    # An attempt that stands still for this long is ended, unless its job says otherwise: it has
    # neither gone on to another record nor read or written a file (task/pulse.py).
    stall_s: float = 60.0
    # For all tasks together, bytes; 0: four fifths of the machine's, or of its container's.
    memory_bytes: int = 0
    # From SIGTERM to SIGKILL.
    kill_grace_s: float = 1.0
    # A task process ends after so many tasks: leaks of user code stay bounded.
    tasks_per_process: int = 200
    # ... or when it holds this much memory between two tasks, bytes.
    idle_process_bytes_max: int = 1 << 30
    # Processes of a family (the rounds of a loop) wait this long for its next job.
    idle_family_s: float = 10.0
    # A job without attempts and outputs here is dropped after this, logs and all.
    unused_job_s: float = 900.0
    # Room in each local directory that attempts leave: with less it gets no new ones, bytes.
    reserved_bytes: int = 64 * 1024 * 1024
    # How often the local directories are looked at, and for how long one is left out in which an
    # attempt found no room; 0: never.
    disk_check_interval_s: float = 10.0
    # A disk that doesn't answer for so long is ill.
    disk_check_timeout_s: float = 60.0
    # Reduces read the outputs of other trackers from their files, where they are on this machine.
    short_circuit: bool = True
    # How often time-driven rules, and the tasks' memory, are looked at.
    tick_s: float = 0.2
