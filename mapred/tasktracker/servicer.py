"""gRPC: map outputs as raw bytes for reduces elsewhere, states of loops likewise, and logs."""

import os
from collections.abc import Iterator
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError

from blockstore.runtime import rpc
from mapred import codec, wireerrors
from mapred.errors import FetchError
from mapred.model import AttemptId
from mapred.shuffle.indexes import INDEXES
from mapred.shuffle.segments import DATA_NAME
from mapred.tasktracker.sheetservice import SheetServicer
from mapred.tasktracker.statecopies import StateServicer
from mapred.tasktracker.workdirs import WorkDirs, carried_dir, work_dir
from mapred.wire import tasktracker_pb2 as pb
from mapred.wire import tasktracker_pb2_grpc

# Frames of 256 KiB to 1 MiB carry about 1.2 GB/s on loopback; smaller ones less.
FRAME_BYTES: Final = 512 * 1024
LOG_BYTES_DEFAULT: Final = 64 * 1024
LOG_BYTES_MAX: Final = 8 * 1024 * 1024
FETCH_SERVICE: Final = "mapred.TaskTrackerData"


class TaskTrackerServicer(tasktracker_pb2_grpc.TaskTrackerServicer):
    """Logs of attempts that ran here."""

    def __init__(self, workdirs: WorkDirs) -> None:
        self._workdirs = workdirs

    def Logs(self, request: pb.LogsRequest, _: Any) -> Iterator[pb.AttemptLogs]:
        size = min(request.tail_bytes or LOG_BYTES_DEFAULT, LOG_BYTES_MAX)
        for logs in self._workdirs.job_logs(_job_id(request.job_id), size):
            yield pb.AttemptLogs(attempt=codec.attempt_to_wire(logs.attempt), texts=logs.texts)


class SegmentServicer:
    """Segments of finished maps; registered by `rpc.raw_handler` under FETCH_SERVICE."""

    def __init__(self, workdirs: WorkDirs) -> None:
        self._workdirs = workdirs

    def fetch(self, request: bytes, _: Any) -> Iterator[bytes]:
        """One partition of one map's output, in frames.

        Raises:
            FetchError: the output isn't here (any more).
        """
        try:
            wanted = pb.FetchRequest.FromString(request)
        except DecodeError as error:
            raise FetchError(f"not a FetchRequest: {error}") from None
        attempt = _safe(codec.attempt_from_wire(wanted.map_attempt))
        path = self._path(attempt)
        try:
            start, length = INDEXES.segment(path, wanted.partition)
            with open(path, "rb") as file:
                yield from _frames(file.fileno(), start, length)
        except OSError as error:
            raise FetchError(f"no output of {attempt} on this tracker: {error.strerror}") from None

    def _path(self, attempt: AttemptId) -> str:
        """Of its job's, or left for another job; where it would be if it's nowhere."""
        for root in self._workdirs.roots:
            path = f"{carried_dir(root, attempt)}/{DATA_NAME}"
            if os.path.exists(path):
                return path
        return f"{work_dir(self._workdirs.root_of(attempt), attempt)}/{DATA_NAME}"


def _frames(fd: int, start: int, length: int) -> Iterator[bytes]:
    end = start + length
    while start < end:
        frame = os.pread(fd, min(FRAME_BYTES, end - start), start)
        if not frame:
            raise FetchError(f"a map output ends {end - start} bytes too early")
        yield frame
        start += len(frame)


def _safe(attempt: AttemptId) -> AttemptId:
    """Ids become paths here: nothing that climbs out of the root.

    Raises:
        FetchError: the job id isn't one.
    """
    _job_id(attempt.job_id)
    return attempt


def _job_id(word: str) -> str:
    if not word.replace("_", "").isalnum():
        raise FetchError(f"'{word}' is no job id")
    return word


def serve(server: grpc.Server, workdirs: WorkDirs) -> None:
    """Adds all services to a server."""
    wireerrors.register()
    tasktracker_pb2_grpc.add_TaskTrackerServicer_to_server(TaskTrackerServicer(workdirs), server)
    segments, states = SegmentServicer(workdirs), StateServicer(workdirs)
    sheets = SheetServicer(workdirs)
    handler = rpc.raw_handler(
        FETCH_SERVICE,
        unary_unary={"StateView": states.view},
        unary_stream={
            "Fetch": segments.fetch,
            "FetchSheets": sheets.fetch,
            "StateChunk": states.chunk,
        },
    )
    server.add_generic_rpc_handlers((handler,))
