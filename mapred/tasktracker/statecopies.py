"""What this tracker has of a loop's large state, for the others at the loop: raw bytes over gRPC.

Its task processes gather the chunks (mapred/iterative/gather.py), and it serves each as soon as it
is marked as checked.
"""

import contextlib
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from google.protobuf.message import DecodeError

from mapred.errors import FetchError
from mapred.iterative.partialcopy import View, open_chunk, view_in
from mapred.tasktracker.workdirs import WorkDirs
from mapred.wire import tasktracker_pb2 as pb

FRAME_BYTES: Final = 512 * 1024
# Of the server's threads; who comes later asks elsewhere, or again.
STREAMS_MAX: Final = 8
# No more than a chunk is ever asked for at once.
LENGTH_MAX: Final = 1 << 31
_FOLDER: Final = re.compile(r"family_[0-9a-f]{1,64}")
_HASH: Final = re.compile(r"[0-9a-f]{64}")


class StateServicer:
    """Methods of FETCH_SERVICE, by `rpc.raw_handler`."""

    def __init__(self, workdirs: WorkDirs) -> None:
        self._workdirs = workdirs
        self._streams = threading.BoundedSemaphore(STREAMS_MAX)

    def view(self, request: bytes, _: Any) -> bytes:
        """Raises FetchError: that's no request."""
        found = View()
        try:
            wanted = _checked(pb.StateRequest.FromString(request))
        except DecodeError as error:
            raise FetchError(f"not a StateRequest: {error}") from None
        for folder in self._folders(wanted):
            with contextlib.suppress(OSError):
                seen = view_in(folder, wanted.sha256)
                found = seen if seen.whole or len(seen.marks) > len(found.marks) else found
        return pb.StateView(whole=found.whole, marks=found.marks).SerializeToString()

    def chunk(self, request: bytes, _: Any) -> Iterator[bytes]:
        """In frames.

        Raises:
            FetchError: it isn't here (any more), or enough others are being served.
        """
        try:
            wanted = pb.StateChunkRequest.FromString(request)
        except DecodeError as error:
            raise FetchError(f"not a StateChunkRequest: {error}") from None
        if not 0 < wanted.length <= LENGTH_MAX:
            raise FetchError(f"{wanted.length} bytes are no chunk")
        with self._stream(), self._opened(wanted) as descriptor:
            start, end = wanted.start, wanted.start + wanted.length
            while start < end:
                frame = os.pread(descriptor, min(FRAME_BYTES, end - start), start)
                if not frame:
                    raise FetchError(f"the state ends {end - start} bytes before that chunk")
                yield frame
                start += len(frame)

    @contextlib.contextmanager
    def _stream(self) -> Iterator[None]:
        if not self._streams.acquire(blocking=False):
            raise FetchError(f"{STREAMS_MAX} others are being served: ask again, or elsewhere")
        try:
            yield
        finally:
            self._streams.release()

    @contextlib.contextmanager
    def _opened(self, wanted: pb.StateChunkRequest) -> Iterator[int]:
        state = _checked(wanted.state)
        for folder in self._folders(state):
            with contextlib.suppress(OSError):
                descriptor = open_chunk(folder, state.sha256, wanted.number)
                break
        else:
            raise FetchError(f"chunk {wanted.number} of state-{state.sha256[:12]} isn't here")
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _folders(self, state: pb.StateRequest) -> Iterator[Path]:
        for root in self._workdirs.roots:
            yield Path(root, state.folder)


def _checked(state: pb.StateRequest) -> pb.StateRequest:
    """Both become paths here.

    Raises:
        FetchError: one could lead elsewhere.
    """
    if not _FOLDER.fullmatch(state.folder):
        raise FetchError(f"'{state.folder}' is no folder of a loop")
    if not _HASH.fullmatch(state.sha256):
        raise FetchError(f"'{state.sha256}' is no hash")
    return state
