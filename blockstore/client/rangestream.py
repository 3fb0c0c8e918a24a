"""An open Ranges stream to one DataNode: an answer costs it a fraction of what a call does.

gRPC's thread that sends for the stream looks after it, too: it gives up an answer that doesn't
come in time, and ends a stream that nobody uses.
"""

import queue
import time
from collections.abc import Iterator
from typing import Any, Final

import grpc

from blockstore.datastream import RANGES_METHOD
from blockstore.errors import StoreError, UnreachableException
from blockstore.runtime import rpc

# Each open stream holds a thread of the DataNode.
IDLE_S: Final = 5.0
STREAM_S_MAX: Final = 3600.0


class RangeStream:
    """For one thread at a time."""

    def __init__(
        self, channel: grpc.Channel, to: str, patience_s: float, idle_s: float = IDLE_S
    ) -> None:
        """`patience_s`: how long an answer may take."""
        self.over = False
        self._to = to
        self._patience_s = patience_s
        self._idle_s = idle_s
        self._asked_at: float | None = None
        self._used_at = time.monotonic()
        self._requests: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        method: Any = channel.stream_stream(RANGES_METHOD)
        self._call: Any = method(self._outgoing(), timeout=STREAM_S_MAX)

    def ask(self, request: bytes) -> bytes:
        """The reply to a serialised ReadHeader; after an error the stream is over.

        Raises:
            UnreachableException, StoreError: there is no answer in time, or a refusal.
        """
        self._asked_at = time.monotonic()
        self._requests.put(request)
        try:
            reply: bytes = next(self._call)
        except StopIteration:
            self.close()
            raise UnreachableException(f"{self._to} ended the stream") from None
        except grpc.RpcError as error:
            self.close()
            failure = rpc.translate(error, self._to)
            raise failure if isinstance(failure, StoreError) else StoreError(str(failure)) from None
        except BaseException:
            # A reply may still come: nobody else must take it for his.
            self.close()
            raise
        self._used_at, self._asked_at = time.monotonic(), None
        return reply

    def close(self) -> None:
        """Nobody asks any more."""
        self.over = True
        self._requests.put(None)

    def _outgoing(self) -> Iterator[bytes]:
        """On gRPC's thread."""
        while not self.over:
            try:
                request = self._requests.get(timeout=self._patience_s)
            except queue.Empty:
                if self._is_late_or_idle():
                    break
                continue
            if request is None:
                break
            yield request
        self.over = True

    def _is_late_or_idle(self) -> bool:
        now, asked_at = time.monotonic(), self._asked_at
        if asked_at is None:
            return now - self._used_at > self._idle_s
        if now - asked_at < self._patience_s:
            return False
        self._call.cancel()
        return True
