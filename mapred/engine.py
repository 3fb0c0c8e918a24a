"""The port that a submitted job goes through: a cluster's JobTracker, or this machine alone.

`mapred.client.ClusterEngine` and `mapred.embedded.EmbeddedEngine` are its two sides; the
command line, pipelines and loops know only this.
"""

from typing import Final, Protocol

from mapred.model import JobSpec, JobStatus, TrackerStatus

# In JobSpec.settings: who submitted the job reads its output at once and removes it, so it needs
# no _SUCCESS, and what attempts left there may stay. Parts of so many bytes are in their names.
TRANSIENT_OUTPUT: Final = "transient_output"


class Engine(Protocol):
    """Runs jobs. Thread-safe."""

    def submit(self, spec: JobSpec) -> str:
        """The id of the job, which runs from now on."""
        ...

    def status(
        self, job_id: str, *, known_version: int = 0, wait_s: float = 0.0
    ) -> tuple[JobStatus, int]:
        """The job and its version; waits up to `wait_s` for a version past `known_version`.

        Raises:
            NoSuchJobError: no job of this id.
        """
        ...

    def kill(self, job_id: str, reason: str) -> bool:
        """False when the job had ended before."""
        ...

    def jobs(self) -> list[JobStatus]:
        """Newest first, without counters."""
        ...

    def trackers(self) -> list[TrackerStatus]: ...

    def close(self) -> None:
        """Ends what belongs to this client; an embedded engine ends its workers."""
        ...
