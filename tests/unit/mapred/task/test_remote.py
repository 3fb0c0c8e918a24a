"""Fetching over a real gRPC server, with trackers that fail in the ways trackers fail."""

import socket
import threading

import grpc
import pytest

from blockstore.runtime.rpc import bind, raw_handler, threaded_server
from mapred.errors import FetchError
from mapred.model import MapOutput
from mapred.shuffle.fetch import Sink, _Memory
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
    return Sink(_Memory(budget), folder / "fetched", "m")


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
