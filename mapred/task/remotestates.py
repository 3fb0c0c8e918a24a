"""Chunks of a loop's state from other TaskTrackers, over gRPC: /mapred.TaskTrackerData/StateView
and StateChunk.

Only a task whose loop has a large state and several trackers imports this, and with it gRPC.
"""

import threading
import time
from typing import Any, Final

import grpc

from blockstore.errors import UnreachableException
from blockstore.runtime.rpc import translate
from mapred import wireerrors
from mapred.iterative.chunks import Chunks
from mapred.iterative.gather import Peer
from mapred.iterative.partialcopy import View
from mapred.task.remote import CHANNELS
from mapred.wire import tasktracker_pb2 as pb

VIEW_METHOD: Final = "/mapred.TaskTrackerData/StateView"
CHUNK_METHOD: Final = "/mapred.TaskTrackerData/StateChunk"

# A tracker that is there answers in milliseconds; of one that isn't the store is asked meanwhile.
_VIEW_S: Final = 10.0
# One chunk: this, and what its bytes take on a slow network.
_CHUNK_S: Final = 5.0
_BYTES_PER_S_MIN: Final = 2_000_000
# Who hasn't answered isn't asked about the next files either: until the JobTracker has noticed.
_LEFT_ALONE_S: Final = 30.0


class RemotePeers:
    """Other trackers' copies for one loop. Thread-safe."""

    def __init__(self, folder: str) -> None:
        """`folder`: the name of the loop's on each tracker."""
        wireerrors.register()
        self._folder = folder

    def view(self, peer: Peer, sha256: str) -> View:
        """Raises StoreError: it doesn't answer."""
        request = pb.StateRequest(folder=self._folder, sha256=sha256)
        call: Any = CHANNELS.to(_address(peer)).unary_unary(VIEW_METHOD)
        _SILENT.check(peer)
        try:
            answer = pb.StateView.FromString(call(request.SerializeToString(), timeout=_VIEW_S))
        except grpc.RpcError as error:
            raise _SILENT.noted(peer, translate(error, peer.tracker_id)) from None
        return View(answer.whole, answer.marks)

    def chunk(self, peer: Peer, chunks: Chunks, number: int) -> bytes:
        """Raises FetchError: it won't give it just now. StoreError: it doesn't answer."""
        size = chunks.size(number)
        request = pb.StateChunkRequest(
            state=pb.StateRequest(folder=self._folder, sha256=chunks.sha256),
            number=number,
            start=chunks.start(number),
            length=size,
        )
        call: Any = CHANNELS.to(_address(peer)).unary_stream(CHUNK_METHOD)
        timeout = _CHUNK_S + size / _BYTES_PER_S_MIN
        try:
            return b"".join(call(request.SerializeToString(), timeout=timeout))
        except grpc.RpcError as error:
            raise _SILENT.noted(peer, translate(error, peer.tracker_id)) from None

    def close(self) -> None:
        CHANNELS.close_oldest()


class _Silent:
    """Who didn't answer a moment ago. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Guarded by the lock.
        self._until: dict[Peer, float] = {}

    def check(self, peer: Peer) -> None:
        """Raises UnreachableException: it is left alone."""
        with self._lock:
            if time.monotonic() < self._until.get(peer, 0.0):
                raise UnreachableException(f"{peer.tracker_id} didn't answer a moment ago")

    def noted(self, peer: Peer, error: Exception) -> Exception:
        if isinstance(error, UnreachableException):
            now = time.monotonic()
            with self._lock:
                self._until = {peer: until for peer, until in self._until.items() if until > now}
                self._until[peer] = now + _LEFT_ALONE_S
        return error


# One a task process.
_SILENT: Final = _Silent()


def _address(peer: Peer) -> str:
    return f"[{peer.host}]:{peer.port}" if ":" in peer.host else f"{peer.host}:{peer.port}"
