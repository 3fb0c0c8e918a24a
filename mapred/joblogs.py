"""What the attempts of a job have said: from the trackers that are there, and from the block
store, which has those that ended on others, too.

Trackers are asked first: what one removes meanwhile is in the store by then.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

import grpc

from blockstore import BlockStore
from blockstore.errors import FileNotFoundException
from blockstore.runtime import rpc
from blockstore.runtime.config import cluster_secret
from mapred import codec
from mapred.keptlogs import TEXT_BYTES_MAX, AttemptLogs, decode_logs, job_directory
from mapred.model import AttemptId, TrackerStatus
from mapred.wire import tasktracker_pb2 as pb
from mapred.wire import tasktracker_pb2_grpc

# A tracker that is there answers in milliseconds; its job's logs may be megabytes.
ASK_TIMEOUT_S: Final = 20.0
ASKED_AT_ONCE: Final = 16


@dataclass(slots=True)
class JobLogs:
    """By attempt, those that have said anything."""

    logs: dict[AttemptId, AttemptLogs] = field(default_factory=dict)
    # Attempts whose logs had no room.
    dropped: int = 0
    # Trackers that couldn't be asked, with the reason.
    unreached: list[str] = field(default_factory=list)


def logs_of(job_id: str, trackers: Iterable[TrackerStatus], namenode: str) -> JobLogs:
    """Raises StoreError: the block store can't be asked."""
    found = JobLogs()
    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        live = [status for status in trackers if status.state != "dead"]
        for answer in pool.map(lambda status: _asked(job_id, status), live):
            if isinstance(answer, str):
                found.unreached.append(answer)
            else:
                found.logs.update((one.attempt, one) for one in answer)
    with BlockStore(namenode) as store:
        try:
            files = [entry.path for entry in store.list(job_directory(job_id))]
        except FileNotFoundException:
            return found
        for path in files:
            with store.open(path, "rb") as file:
                for one in decode_logs(file.read()):
                    if isinstance(one, int):
                        found.dropped += one
                    else:
                        found.logs.setdefault(one.attempt, one)
    return found


def _asked(job_id: str, status: TrackerStatus) -> list[AttemptLogs] | str:
    """The tracker's logs, or why there are none."""
    address = f"{status.info.host}:{status.info.port}"
    channel = rpc.channel(address, secret=cluster_secret())
    try:
        stub: Any = tasktracker_pb2_grpc.TaskTrackerStub(channel)
        request = pb.LogsRequest(job_id=job_id, tail_bytes=TEXT_BYTES_MAX)
        return [
            AttemptLogs(codec.attempt_from_wire(one.attempt), dict(one.texts))
            for one in stub.Logs(request, timeout=ASK_TIMEOUT_S)
        ]
    except grpc.RpcError as error:
        return f"{status.info.tracker_id}: {rpc.translate(error, address)}"
    finally:
        channel.close()
