"""Chunks of a loop's state from other TaskTrackers, over gRPC: /mapred.TaskTrackerData/StateView
and StateChunk.

Only a task whose loop has a large state and several trackers imports this, and with it gRPC.
"""

from typing import Any, Final

import grpc

from blockstore.errors import UnreachableException
from blockstore.runtime.clock import SYSTEM_CLOCK
from blockstore.runtime.rpc import translate
from blockstore.runtime.shunned import Shunned
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
        if peer in _SILENT:
            raise UnreachableException(f"{peer.tracker_id} didn't answer a moment ago")
        try:
            answer = pb.StateView.FromString(call(request.SerializeToString(), timeout=_VIEW_S))
        except grpc.RpcError as error:
            raise _lost(peer, error) from None
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
            raise _lost(peer, error) from None

    def close(self) -> None:
        CHANNELS.close_oldest()


# One a task process.
_SILENT: Final = Shunned(_LEFT_ALONE_S, SYSTEM_CLOCK)


def _lost(peer: Peer, error: grpc.RpcError) -> Exception:
    found = translate(error, peer.tracker_id)
    if isinstance(found, UnreachableException):
        _SILENT.add(peer)
    return found


def _address(peer: Peer) -> str:
    return f"[{peer.host}]:{peer.port}" if ":" in peer.host else f"{peer.host}:{peer.port}"
