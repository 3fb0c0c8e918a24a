"""A made-up cluster: what the pages are tested on, and can be looked at with, without one.

Both sides answer from a list in memory, and fail with an error when told to.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from blockstore.model import ClusterReport, Node, NodeReport, SafeMode
from mapred.errors import NoSuchJobError
from mapred.model import (
    Failure,
    FailureKind,
    JobSpec,
    JobState,
    JobStatus,
    TrackerInfo,
    TrackerStatus,
)

GIB = 1024**3
# A moment to count from: the pages show times of day.
START_S = 1_790_000_000.0


@dataclass(slots=True)
class ExampleStore:
    """A NameNode's report; `error` is raised instead while it is set."""

    answer: ClusterReport
    error: Exception | None = None
    asked: int = 0

    def report(self) -> ClusterReport:
        self.asked += 1
        if self.error:
            raise self.error
        return self.answer


@dataclass(slots=True)
class ExampleEngine:
    """An engine that runs nothing: `statuses`, newest first, are as they are put."""

    statuses: list[JobStatus] = field(default_factory=list)
    known_trackers: list[TrackerStatus] = field(default_factory=list)
    error: Exception | None = None

    def submit(self, spec: JobSpec) -> str:
        job_id = f"job_example_{len(self.statuses):04d}"
        self.statuses.insert(0, running_job(job_id, name=spec.name, maps=len(spec.splits)))
        return job_id

    def status(
        self, job_id: str, *, known_version: int = 0, wait_s: float = 0.0
    ) -> tuple[JobStatus, int]:
        self._fail()
        for status in self.statuses:
            if status.job_id == job_id:
                return status, known_version + 1
        raise NoSuchJobError(f"no job {job_id}")

    def kill(self, job_id: str, reason: str) -> bool:
        status, _ = self.status(job_id)
        if status.state.ended:
            return False
        killed = replace(status, state=JobState.KILLED, waiting_for=reason)
        self.statuses = [killed if each is status else each for each in self.statuses]
        return True

    def jobs(self) -> list[JobStatus]:
        self._fail()
        return [replace(status, counters={}) for status in self.statuses]

    def trackers(self) -> list[TrackerStatus]:
        self._fail()
        return list(self.known_trackers)

    def close(self) -> None:
        """Nothing is open."""

    def _fail(self) -> None:
        if self.error:
            raise self.error


def datanode(name: str, state: str = "live", *, used_gib: float = 12.5) -> NodeReport:
    used = int(used_gib * GIB)
    return NodeReport(
        Node(name, f"{name}.example", 9866),
        state,
        0.4 if state == "live" else 47.0,
        capacity_bytes=100 * GIB,
        used_bytes=used,
        free_bytes=100 * GIB - used,
        replicas=3210,
    )


def report(nodes: Sequence[NodeReport], *, safe_mode: SafeMode | None = None) -> ClusterReport:
    return ClusterReport(
        tuple(nodes),
        files=1234,
        directories=56,
        blocks=3210,
        under_replicated=7 if any(node.state == "dead" for node in nodes) else 0,
        corrupt=0,
        missing=0,
        safe_mode=safe_mode or SafeMode(on=False),
    )


def tracker(name: str, state: str = "live", *, maps: int = 1, reduces: int = 0) -> TrackerStatus:
    info = TrackerInfo(name, 1, f"{name}.example", 9868, map_slots=2, reduce_slots=1)
    return TrackerStatus(info, state, 0.3 if state == "live" else 52.0, maps, reduces)


def running_job(job_id: str, *, name: str = "WordCount", maps: int = 12) -> JobStatus:
    return JobStatus(
        job_id,
        name,
        "ana",
        JobState.RUNNING,
        map_progress=0.57,
        reduce_progress=0.12,
        maps=maps,
        maps_done=maps // 2,
        reduces=2,
        reduces_done=0,
        submitted_at_s=START_S,
        finished_at_s=0.0,
        output_uri="bs://namenode.example:8020/counts",
        counters={("input", "records"): 48_213, ("words", "long"): 9_120},
        attempts_running=3,
    )


def succeeded_job(job_id: str) -> JobStatus:
    done = replace(running_job(job_id), state=JobState.SUCCEEDED, map_progress=1.0)
    files = tuple(f"{done.output_uri}/part-r-{index:05d}" for index in range(2))
    return replace(
        done,
        reduce_progress=1.0,
        maps_done=12,
        reduces_done=2,
        finished_at_s=START_S + 83.4,
        output_files=files,
        attempts_running=0,
        attempts_killed=1,
    )


def failed_job(job_id: str) -> JobStatus:
    failure = Failure(
        FailureKind.FAILED,
        "ValueError in Words.map: invalid literal for int() with base 10: '<b>17</b>'",
        'Traceback (most recent call last):\n  File "wordcount.py", line 7, in map\n'
        "    yield int(line), 1\nValueError: invalid literal for int() with base 10: '<b>17</b>'\n",
        input_uri="bs://namenode.example:8020/logs/2026-11-23.log",
        offset=4_194_311,
        sample="<b>17</b>",
        host="tracker2.example",
    )
    return replace(
        running_job(job_id),
        state=JobState.FAILED,
        finished_at_s=START_S + 12.0,
        failures=(failure,),
        attempts_failed=4,
        attempts_running=0,
    )
