"""Map outputs from other TaskTrackers: /mapred.TaskTrackerData/Fetch and FetchSheets, raw bytes.

Only a reduce that needs another machine's output imports this, and with it gRPC.
"""

import random
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

import grpc

from blockstore.errors import StoreError, UnreachableException
from blockstore.runtime.config import cluster_secret
from blockstore.runtime.retry import RetryPolicy, retry
from blockstore.runtime.rpc import channel, translate
from mapred import wireerrors
from mapred.errors import FetchError
from mapred.model import MapOutput
from mapred.shuffle.announced import Batch
from mapred.shuffle.parts import Kind, Part, parts_in, piece_in
from mapred.shuffle.sheetfetch import Pieces, Taken
from mapred.shuffle.sink import Sink
from mapred.wire import tasktracker_pb2, types_pb2

Result = TypeVar("Result")

FETCH_METHOD: Final = "/mapred.TaskTrackerData/Fetch"
SHEETS_METHOD: Final = "/mapred.TaskTrackerData/FetchSheets"

# A tracker that restarts is back within this; one that is gone is reported soon.
_POLICY: Final = RetryPolicy(deadline_s=10.0, base_s=0.1, cap_s=1.0, attempts_max=4)
# One try: this, and what the bytes take on a slow network.
_TRY_S: Final = 10.0
_BYTES_PER_S_MIN: Final = 4_000_000
# Beside that: the tracker may make packs first, or wait until others have.
_MAKING_S: Final = 120.0
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

        _tried(attempt, f"the output of map {output.map_index}", output)

    def _stream(self, address: str, request: bytes, output: MapOutput, sink: Sink) -> None:
        call: Any = CHANNELS.to(address, self._ahead_bytes).unary_stream(FETCH_METHOD)
        try:
            for chunk in call(request, timeout=_TRY_S + output.bytes / _BYTES_PER_S_MIN):
                sink.write(chunk)
        except grpc.RpcError as error:
            raise translate(error, output.tracker_id) from None

    def fetch_sheets(self, outputs: Batch, pieces: Pieces) -> Taken:
        """Of sheets of one tracker. Raises FetchError when it can't be asked after a few tries."""
        one = next(iter(outputs.values()))
        request = tasktracker_pb2.SheetsRequest(
            job_id=self._job_id,
            partition=self._partition,
            maps=list(outputs),
            attempts=[output.attempt_number for output in outputs.values()],
            pack_bytes=pieces.pack_bytes,
        ).SerializeToString()
        size = sum(output.bytes for output in outputs.values())
        timeout = _TRY_S + _MAKING_S + size / _BYTES_PER_S_MIN
        call: Any = CHANNELS.to(f"{one.host}:{one.port}", self._ahead_bytes)
        call = call.unary_stream(SHEETS_METHOD)

        def attempt(_: float) -> Taken:
            try:
                return _taken(parts_in(call(request, timeout=timeout)), pieces, one.tracker_id)
            except grpc.RpcError as error:
                raise translate(error, one.tracker_id) from None

        return _tried(attempt, f"outputs of {len(outputs)} maps", one)

    def close(self) -> None:
        CHANNELS.close_oldest()


def _taken(parts: Iterable[Part], pieces: Pieces, tracker_id: str) -> Taken:
    """Raises FetchError when the stream is cut off, or a piece of many maps is damaged."""
    taken = Taken()
    for part in parts:
        if part.kind is Kind.PIECE:
            taken.add(pieces.that_came(*piece_in(part), what=f"a piece of {tracker_id}"))
        elif part.kind is Kind.LOST:
            taken.lost[part.number] = part.body.decode(errors="replace")
        else:
            what = f"output of map {part.number} from {tracker_id}"
            try:
                taken.add(pieces.of_sheet(part.body, part.number, what=what))
            except FetchError as error:
                taken.lost[part.number] = str(error)
    return taken


def _tried(attempt: Callable[[float], Result], what: str, output: MapOutput) -> Result:
    try:
        return retry(
            attempt,
            policy=_POLICY,
            again=lambda error: isinstance(error, UnreachableException),
            rng=random.Random(),
        )
    except (StoreError, FetchError) as error:
        address = f"{output.host}:{output.port}"
        raise FetchError(
            f"{what} can't be fetched from {output.tracker_id} ({address}): {error}"
        ) from None
