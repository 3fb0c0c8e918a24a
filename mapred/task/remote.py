"""Map outputs from other TaskTrackers: /mapred.TaskTrackerData/Fetch, raw bytes.

Only a reduce that needs another machine's output imports this, and with it gRPC.
"""

import random
import threading
from collections import OrderedDict
from typing import Any, Final

import grpc

from blockstore.errors import StoreError, UnreachableException
from blockstore.runtime.config import cluster_secret
from blockstore.runtime.retry import RetryPolicy, retry
from blockstore.runtime.rpc import channel, translate
from mapred import wireerrors
from mapred.errors import FetchError
from mapred.model import MapOutput
from mapred.shuffle.fetch import Sink
from mapred.wire import tasktracker_pb2, types_pb2

FETCH_METHOD: Final = "/mapred.TaskTrackerData/Fetch"

# A tracker that restarts is back within this; one that is gone is reported soon.
_POLICY: Final = RetryPolicy(deadline_s=10.0, base_s=0.1, cap_s=1.0, attempts_max=4)
# One try: this, and what the bytes take on a slow network.
_TRY_S: Final = 10.0
_BYTES_PER_S_MIN: Final = 4_000_000
# Between two fetches; while one goes on there are as many as it needs.
_CHANNELS_KEPT: Final = 16


class _Channels:
    """One a tracker, for as long as the process lives: to make one takes as long as to fetch what
    a round of a loop fetches. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Guarded by the lock: by address and what may come ahead, last used last.
        self._open: OrderedDict[tuple[str, int], grpc.Channel] = OrderedDict()

    def to(self, address: str, ahead_bytes: int = 0) -> grpc.Channel:
        """`ahead_bytes`: see `channel`."""
        key = address, ahead_bytes
        with self._lock:
            if key not in self._open:
                secret = cluster_secret()
                self._open[key] = channel(address, secret=secret, ahead_bytes=ahead_bytes)
            self._open.move_to_end(key)
            return self._open[key]

    def close_oldest(self) -> None:
        """Those beyond what is worth keeping; while nobody fetches."""
        with self._lock:
            while len(self._open) > _CHANNELS_KEPT:
                self._open.popitem(last=False)[1].close()


CHANNELS: Final = _Channels()


class RemoteTrackers:
    """Fetches one partition from any tracker. Thread-safe."""

    def __init__(self, job_id: str, partition: int, ahead_bytes: int = 0) -> None:
        """`ahead_bytes`: of each output, what may have come before a sink takes it; 0: as much as
        gRPC finds best."""
        wireerrors.register()
        self._job_id = job_id
        self._partition = partition
        self._ahead_bytes = ahead_bytes

    def fetch(self, output: MapOutput, sink: Sink) -> None:
        """Raises FetchError when the output can't be had after a few tries."""
        address = f"{output.host}:{output.port}"
        request = tasktracker_pb2.FetchRequest(
            map_attempt=types_pb2.AttemptId(
                job_id=self._job_id,
                kind=types_pb2.MAP,
                index=output.map_index,
                number=output.attempt_number,
            ),
            partition=self._partition,
        ).SerializeToString()

        def attempt(_: float) -> None:
            sink.restart()
            self._stream(address, request, output, sink)

        try:
            retry(
                attempt,
                policy=_POLICY,
                again=lambda error: isinstance(error, UnreachableException),
                rng=random.Random(),
            )
        except (StoreError, FetchError) as error:
            raise FetchError(
                f"the output of map {output.map_index} can't be fetched from "
                f"{output.tracker_id} ({address}): {error}"
            ) from None

    def _stream(self, address: str, request: bytes, output: MapOutput, sink: Sink) -> None:
        call: Any = CHANNELS.to(address, self._ahead_bytes).unary_stream(FETCH_METHOD)
        try:
            for chunk in call(request, timeout=_TRY_S + output.bytes / _BYTES_PER_S_MIN):
                sink.write(chunk)
        except grpc.RpcError as error:
            raise translate(error, output.tracker_id) from None

    def close(self) -> None:
        CHANNELS.close_oldest()
