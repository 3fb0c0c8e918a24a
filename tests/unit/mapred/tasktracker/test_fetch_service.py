"""Segments and logs over real gRPC."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from blockstore.runtime import rpc
from mapred.errors import FetchError
from mapred.model import AttemptId, TaskId
from mapred.shuffle.segments import DATA_NAME, SegmentRange, write_index
from mapred.tasktracker.servicer import FETCH_SERVICE, FRAME_BYTES, serve
from mapred.tasktracker.workdirs import WorkDirs, carried_dir, log_dir, work_dir
from mapred.wire import tasktracker_pb2 as pb
from mapred.wire import tasktracker_pb2_grpc, types_pb2

ATTEMPT = TaskId("job_1_1", "m", 3).attempt(1)
PARTS = [b"first", b"", b"x" * (2 * FRAME_BYTES + 7)]


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[grpc.Channel]:
    folder = Path(work_dir(str(tmp_path), ATTEMPT))
    folder.mkdir(parents=True)
    (folder / DATA_NAME).write_bytes(b"".join(PARTS))
    starts = [sum(len(p) for p in PARTS[:i]) for i in range(len(PARTS))]
    ranges = [SegmentRange(s, len(p), 1) for s, p in zip(starts, PARTS, strict=True)]
    write_index(folder / DATA_NAME, ranges)
    server = rpc.threaded_server(threads=2)
    serve(server, WorkDirs(str(tmp_path)))
    port = rpc.bind(server, "127.0.0.1", 0)
    server.start()
    with rpc.channel(f"127.0.0.1:{port}") as channel:
        yield channel
    server.stop(0).wait()


def _fetch(channel: grpc.Channel, partition: int, attempt: AttemptId = ATTEMPT) -> bytes:
    wire = types_pb2.AttemptId(
        job_id=attempt.job_id, kind=types_pb2.MAP, index=attempt.index, number=attempt.number
    )
    request = pb.FetchRequest(map_attempt=wire, partition=partition).SerializeToString()
    call = channel.unary_stream(f"/{FETCH_SERVICE}/Fetch")
    try:
        return b"".join(call(request, timeout=30))
    except grpc.RpcError as error:
        raise rpc.translate(error, "tracker") from None


@pytest.mark.parametrize("partition", range(3))
def test_a_partition_arrives_byte_for_byte(channel: grpc.Channel, partition: int) -> None:
    assert _fetch(channel, partition) == PARTS[partition]


def test_an_output_that_is_not_here_is_a_fetch_error(channel: grpc.Channel) -> None:
    with pytest.raises(FetchError, match="can't be read"):
        _fetch(channel, 0, TaskId("job_1_1", "m", 4).attempt(0))


def test_what_an_attempt_has_left_for_another_job_arrives_likewise(
    channel: grpc.Channel, tmp_path: Path
) -> None:
    carried = Path(carried_dir(str(tmp_path), ATTEMPT))
    carried.parent.mkdir(parents=True)
    Path(work_dir(str(tmp_path), ATTEMPT)).rename(carried)

    assert [_fetch(channel, partition) for partition in range(3)] == PARTS


def test_a_partition_that_there_is_not_is_a_fetch_error(channel: grpc.Channel) -> None:
    with pytest.raises(FetchError, match="no number 3"):
        _fetch(channel, 3)


def test_a_job_id_cannot_climb_out_of_the_root(channel: grpc.Channel) -> None:
    with pytest.raises(FetchError, match="is no job id"):
        _fetch(channel, 0, TaskId("../../etc", "m", 0).attempt(0))


def test_logs_are_the_end_of_the_attempts_files(channel: grpc.Channel, tmp_path: Path) -> None:
    logs = Path(log_dir(str(tmp_path), ATTEMPT))
    logs.mkdir(parents=True)
    (logs / "stdout").write_text("a\nb\n")
    stub = tasktracker_pb2_grpc.TaskTrackerStub(channel)

    (found,) = stub.Logs(pb.LogsRequest(job_id="job_1_1", tail_bytes=2), timeout=30)

    assert dict(found.texts) == {"stdout": "b\n"}
    assert (found.attempt.index, found.attempt.number) == (3, 1)
    with pytest.raises(grpc.RpcError, match="is no job id"):
        list(stub.Logs(pb.LogsRequest(job_id="../x"), timeout=30))
