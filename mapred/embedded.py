"""The engine without a cluster: `EmbeddedEngine` runs jobs on processes of this machine.

The server of the task processes is started before anything else is imported: what it
imports and what oneprogram.py imports take equally long, and so run at the same time.
"""

from types import TracebackType
from typing import TYPE_CHECKING

from mapred.tasktracker.nurserylink import Nursery

if TYPE_CHECKING:
    from mapred.keptlogs import AttemptLogs
    from mapred.model import AttemptId, JobSpec, JobStatus, TrackerStatus


class EmbeddedEngine:
    """Runs jobs on `workers` processes of this machine. Thread-safe.

    `work_dir` holds map outputs and logs while jobs run; a temporary directory by default.
    `child` is the module whose `run(connection)` is the life of a task process.
    """

    def __init__(
        self, workers: int, work_dir: str | None = None, *, child: str = "mapred.task.child"
    ) -> None:
        nursery = Nursery(child)
        from mapred.oneprogram import OneProgram

        self.workers = max(1, workers)
        self._program = OneProgram(self.workers, work_dir, nursery, child)

    def submit(self, spec: "JobSpec") -> str:
        """The id of the job, which runs from now on.

        Raises:
            RefusedError: the output exists.
        """
        return self._program.submit(spec)

    def status(
        self, job_id: str, *, known_version: int = 0, wait_s: float = 0.0
    ) -> "tuple[JobStatus, int]":
        return self._program.status(job_id, known_version, wait_s)

    def kill(self, job_id: str, reason: str) -> bool:
        return self._program.kill(job_id, reason)

    def jobs(self) -> "list[JobStatus]":
        return self._program.jobs()

    def trackers(self) -> "list[TrackerStatus]":
        return self._program.trackers()

    def logs(self, attempt: "AttemptId", tail_bytes: int = 65536) -> "AttemptLogs":
        """The end of what an attempt said, while its job isn't forgotten."""
        return self._program.workdirs.logs(attempt, tail_bytes)

    def close(self) -> None:
        """Ends the workers, whatever they do, and removes local files. Safe to call twice."""
        self._program.close()

    def __enter__(self) -> "EmbeddedEngine":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"EmbeddedEngine({self.workers} workers in {self._program.workdirs.root})"
