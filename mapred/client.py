"""The engine of a cluster: a JobTracker, reached over gRPC.

Every call is tried again while nobody answers, for as long as a JobTracker takes to be
restarted; a submit carries an id, so that trying again doesn't submit twice.
"""

import logging
import re
import time
import uuid
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final

from blockstore.runtime import rpc
from blockstore.runtime.config import cluster_secret
from blockstore.runtime.retry import INTERACTIVE, MASTER_RESTART, RetryPolicy
from mapred import codec, wireerrors
from mapred.errors import NotYetError
from mapred.model import AttemptId, JobSpec, JobStatus, PoolStatus, Priority, TrackerStatus
from mapred.wire import jobtracker_pb2 as pb
from mapred.wire import jobtracker_pb2_grpc

# The JobTracker says within two seconds what holds a submit up; the rest is for a large job's way.
SUBMIT_TIMEOUT_S: Final = 60.0
# What a status call may take beyond the wait that it asks for.
STATUS_SLACK_S: Final = 10.0
# The JobTracker holds no status call longer.
STATUS_WAIT_MAX_S: Final = 30.0
# A JobTracker that can't write its history, or make an output directory, gives up by then.
HELD_UP_MAX_S: Final = 660.0

_NUMBER: Final = re.compile(r"\d+")

log = logging.getLogger(__name__)


class ClusterEngine:
    """`jobtracker` is "host:port". Thread-safe. The first call fails soon when nobody answers,
    since then the address is wrong; later ones wait for the JobTracker to come back."""

    def __init__(
        self,
        jobtracker: str,
        *,
        secret: str | None = None,
        first_contact: RetryPolicy = INTERACTIVE,
        later: RetryPolicy = MASTER_RESTART,
    ) -> None:
        wireerrors.register()
        # As it was given.
        self.address = jobtracker
        self._name = f"JobTracker at {jobtracker}"
        self._channel = rpc.channel(jobtracker, secret=secret or cluster_secret())
        self._stub: Any = jobtracker_pb2_grpc.JobTrackerStub(self._channel)
        self._first_contact, self._later = first_contact, later
        self._reached = False

    def submit(self, spec: JobSpec) -> str:
        """The id of the job, which runs from now on.

        Raises:
            RefusedError: the output exists, or no tracker can run it.
            UnreachableException: nobody answers.
        """
        request = pb.SubmitRequest(spec=codec.spec_to_wire(spec), request_id=uuid.uuid4().hex)
        self._held(self._reach)
        reply = self._held(lambda: self._call(self._stub.Submit, request, SUBMIT_TIMEOUT_S))
        return str(reply.job_id)

    def status(
        self, job_id: str, *, known_version: int = 0, wait_s: float = 0.0
    ) -> tuple[JobStatus, int]:
        held_s = min(wait_s, STATUS_WAIT_MAX_S)
        request = pb.StatusRequest(job_id=job_id, known_version=known_version, wait_s=held_s)
        self._held(self._reach)
        reply = self._held(lambda: self._call(self._stub.Status, request, held_s + STATUS_SLACK_S))
        return codec.status_from_wire(reply.status), reply.version

    def kill(self, job_id: str, reason: str) -> bool:
        reply = self._call(self._stub.Kill, pb.KillRequest(job_id=job_id, reason=reason))
        return bool(reply.killed)

    def end_attempt(self, attempt: AttemptId, reason: str, *, fail: bool) -> bool:
        """False when it had ended before.

        Raises:
            NoSuchJobError, NoSuchAttemptError: no such thing there.
        """
        wire = codec.attempt_to_wire(attempt)
        request = pb.EndAttemptRequest(attempt=wire, reason=reason, fail=fail)
        return bool(self._call(self._stub.EndAttempt, request).ended)

    def set_priority(self, job_id: str, priority: Priority) -> bool:
        """False when the job had ended.

        Raises:
            NoSuchJobError: no job of this id.
        """
        request = pb.SetPriorityRequest(job_id=job_id, priority=codec.priority_to_wire(priority))
        return bool(self._call(self._stub.SetPriority, request).changed)

    def pools(self) -> list[PoolStatus]:
        reply = self._call(self._stub.Pools, pb.PoolsRequest())
        return [codec.pool_from_wire(pool) for pool in reply.pools]

    def drain_tracker(self, tracker: str, *, drain: bool) -> tuple[str, bool]:
        """The tracker's id, and whether that was new; `tracker` is its id or host:port.

        Raises:
            NoSuchTrackerError: none is called so.
        """
        request = pb.DrainTrackerRequest(tracker=tracker, drain=drain)
        reply = self._call(self._stub.DrainTracker, request)
        return str(reply.tracker_id), bool(reply.changed)

    def jobs(self) -> list[JobStatus]:
        reply = self._call(self._stub.List, pb.ListJobsRequest())
        return [codec.status_from_wire(status) for status in reply.jobs]

    def story(self, job_id: str) -> bytes:
        """What has happened to a job that runs, as jobtracker/stories.py writes it.

        Raises:
            NoSuchJobError: none of this id runs.
        """
        return bytes(self._call(self._stub.Story, pb.StoryRequest(job_id=job_id)).story)

    def trackers(self) -> list[TrackerStatus]:
        reply = self._call(self._stub.ClusterStatus, pb.ClusterStatusRequest())
        return [codec.tracker_status_from_wire(status) for status in reply.trackers]

    def namenode(self) -> str:
        """The address of the cluster's NameNode, as the cluster's own machines dial it."""
        return str(self._call(self._stub.ClusterStatus, pb.ClusterStatusRequest()).namenode)

    def close(self) -> None:
        self._channel.close()

    def _reach(self) -> None:
        """Whether anybody is there is asked with a call that is answered at once."""
        if not self._reached:
            self._call(self._stub.ClusterStatus, pb.ClusterStatusRequest())

    def _held(self, ask: Callable[[], Any]) -> Any:
        """Asks again as long as the JobTracker says what holds it up; its user hears that."""
        until, said = time.monotonic() + HELD_UP_MAX_S, ""
        while True:
            try:
                return ask()
            except NotYetError as error:
                if time.monotonic() > until:
                    raise
                # Numbers of tries and blocks are no news.
                if (words := _NUMBER.sub("", str(error))) != said:
                    said = words
                    log.warning("waiting for %s", error)

    def _call(
        self,
        method: Any,
        request: Any,
        timeout_s: float = rpc.CALL_TIMEOUT_S,
    ) -> Any:
        reply = rpc.call(
            method,
            request,
            to=self._name,
            timeout_s=timeout_s,
            policy=self._later if self._reached else self._first_contact,
        )
        self._reached = True
        return reply

    def __enter__(self) -> "ClusterEngine":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"ClusterEngine({self._name})"
