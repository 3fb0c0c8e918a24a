"""Fetching over a real gRPC server, with trackers that fail in the ways trackers fail."""

import socket
import threading

import grpc
import pytest

from blockstore.runtime.rpc import bind, raw_handler, threaded_server
from mapred.errors import FetchError
from mapred.model import JobSpec, MapOutput, TaskId, TaskKind
from mapred.shuffle.sink import Memory, Sink
from mapred.task import remote as over_grpc
from mapred.task.fetching import shuffle_of
from mapred.task.messages import RunTask
from mapred.task.remote import RemoteTrackers
from mapred.wire import tasktracker_pb2


@pytest.fixture
def tracker():
    """A tracker's data side: what `serve` is set to answers."""

    class Tracker:
        def __init__(self):
            self.requests = []
            self.serve = lambda request, context: iter(())
            self.server = threaded_server(threads=4)
            handler = raw_handler("mapred.TaskTrackerData", unary_stream={"Fetch": self._fetch})
            self.server.add_generic_rpc_handlers((handler,))
            self.port = bind(self.server, "127.0.0.1", 0)
            self.server.start()

        def _fetch(self, request, context):
            message = tasktracker_pb2.FetchRequest.FromString(request)
            self.requests.append(message)
            yield from self.serve(message, context)

    one = Tracker()
    yield one
    one.server.stop(None).wait(10)


@pytest.fixture
def remote():
    trackers = RemoteTrackers("job_20260101000000_0001", 3)
    yield trackers
    trackers.close()


def output(port):
    return MapOutput(7, 2, "tracker_b", "127.0.0.1", port, "/elsewhere", 100)


def sink_in(folder, budget=10**6):
    return Sink(Memory(budget), folder / "fetched", "m")


def test_the_bytes_of_a_stream_arrive_joined(tracker, remote, tmp_path):
    tracker.serve = lambda request, context: iter([b"a" * 1000, b"", b"b" * 500])
    sink = sink_in(tmp_path)
    remote.fetch(output(tracker.port), sink)
    assert b"".join(sink._chunks) == b"a" * 1000 + b"b" * 500
    [request] = tracker.requests
    assert (request.map_attempt.index, request.map_attempt.number) == (7, 2)
    assert (request.map_attempt.job_id, request.partition) == ("job_20260101000000_0001", 3)


def test_a_stream_that_breaks_is_begun_again_from_its_start(tracker, remote, tmp_path):
    def breaks_once(request, context):
        yield b"half"
        if len(tracker.requests) == 1:
            context.abort(grpc.StatusCode.UNAVAILABLE, "going down")
        yield b" and half"

    tracker.serve = breaks_once
    sink = sink_in(tmp_path)
    remote.fetch(output(tracker.port), sink)
    assert len(tracker.requests) == 2
    assert b"".join(sink._chunks) == b"half and half"


def test_an_output_that_the_tracker_does_not_have_fails_at_once(tracker, remote, tmp_path):
    def missing(request, context):
        raise FetchError("no such output here")
        yield b""

    tracker.serve = missing
    with pytest.raises(FetchError, match=r"the output of map 7 can't be fetched from tracker_b"):
        remote.fetch(output(tracker.port), sink_in(tmp_path))
    assert len(tracker.requests) == 1


def test_a_tracker_that_is_gone_fails_after_a_few_tries(remote, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(FetchError, match=rf"from tracker_b \(127.0.0.1:{port}\)"):
        remote.fetch(output(port), sink_in(tmp_path))


def test_a_tracker_that_comes_back_within_the_tries_is_waited_for(tracker, remote, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    late = threaded_server(threads=2)
    handler = raw_handler(
        "mapred.TaskTrackerData", unary_stream={"Fetch": lambda request, context: iter([b"late"])}
    )
    late.add_generic_rpc_handlers((handler,))
    sink = sink_in(tmp_path)
    fetching = threading.Thread(target=remote.fetch, args=(output(port), sink))
    fetching.start()
    bind(late, "127.0.0.1", port)
    late.start()
    fetching.join(30)
    late.stop(None).wait(10)
    assert sink._chunks == [b"late"]


KIB = 1024
MIB = 1024 * KIB


class Answers:
    def tick(self, share, phase):
        pass


@pytest.mark.parametrize(
    ("memory_bytes", "ahead_bytes"),
    [(0, 0), (64 * MIB, 0), (32 * MIB, 512 * KIB), (16 * MIB, 256 * KIB), (MIB, 64 * KIB)],
)
def test_how_far_a_stream_may_be_ahead_follows_from_a_small_budget(
    monkeypatch, tmp_path, memory_bytes, ahead_bytes
):
    made = []

    class Trackers:
        """All have empty outputs."""

        def __init__(self, *arguments):
            made.append(arguments)

        def fetch(self, output, sink):
            pass

        def close(self):
            pass

    monkeypatch.setattr(over_grpc, "RemoteTrackers", Trackers)
    spec = JobSpec(
        "wc", "me", "", "", "m", "J", (), 1, f"file://{tmp_path}/out", memory_bytes=memory_bytes
    )
    attempt = TaskId("job_20260101000000_0001", TaskKind.REDUCE, 3).attempt(0)
    task = RunTask(attempt, spec, str(tmp_path), "tracker_a", short_circuit=False)
    shuffle = shuffle_of(
        task, Answers(), job_id="job_1", maps=1, partition=3, on_lost=lambda output, reason: None
    )
    shuffle.announce((output(1),))
    assert shuffle.fetched() == []
    assert made == [("job_1", 3, ahead_bytes)]


def test_a_large_output_comes_whole_however_little_may_be_ahead(monkeypatch, tracker, tmp_path):
    pieces = [bytes([at]) * (512 * KIB) for at in range(20)]
    tracker.serve = lambda request, context: iter(pieces)
    options = []
    monkeypatch.setattr(
        grpc,
        "insecure_channel",
        lambda address, options, real=grpc.insecure_channel, told=options: (
            told.extend(options) or real(address, options=options)
        ),
    )
    trackers = RemoteTrackers("job_20260101000000_0001", 3, 64 * KIB)
    sink = sink_in(tmp_path, budget=MIB)
    trackers.fetch(output(tracker.port), sink)
    assert (tmp_path / "fetched").read_bytes() == b"".join(pieces)
    assert {("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 64 * KIB)} <= set(options)
