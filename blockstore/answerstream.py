"""An open stream in which one question after the other is asked and answered: an answer costs a
fraction of what it does as a call.

gRPC's thread that sends for the stream looks after it, too: it gives up an answer that doesn't
come in time, and ends a stream that nobody uses.
"""

import queue
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import grpc

from blockstore.errors import StoreError, UnreachableException
from blockstore.runtime import rpc

# Each open stream holds a thread of a DataNode that serves it.
IDLE_S: Final = 5.0
STREAM_S_MAX: Final = 3600.0
_PAUSE_S_MIN: Final = 0.01


class AnswerStream:
    """For one thread at a time."""

    def __init__(self, method: Callable[..., Any], to: str, idle_s: float = IDLE_S) -> None:
        self.over = False
        self._to = to
        self._idle_s = idle_s
        # When the answer to what was asked is overdue.
        self._due_at: float | None = None
        self._used_at = time.monotonic()
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._call: Any = method(self._outgoing(), timeout=STREAM_S_MAX)

    def begin(self, request: Any, patience_s: float) -> None:
        """Asks; `end` gives the reply, or `cancel` is due. `patience_s`: how long it may take."""
        self._due_at = time.monotonic() + patience_s
        self._requests.put(request)

    def end(self) -> Any:
        """The reply to what was asked; after an error the stream is over.

        Raises:
            UnreachableException, StoreError: there is no answer in time, or a refusal.
        """
        try:
            reply = next(self._call)
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
        self._used_at, self._due_at = time.monotonic(), None
        return reply

    def close(self) -> None:
        """Nobody asks any more."""
        self.over = True
        self._requests.put(None)

    def cancel(self) -> None:
        """Nobody wants the answer."""
        self.close()
        self._call.cancel()

    def _outgoing(self) -> Iterator[Any]:
        """On gRPC's thread."""
        while not self.over:
            try:
                request = self._requests.get(timeout=self._pause_s())
            except queue.Empty:
                if self._is_late_or_idle():
                    break
                continue
            if request is None:
                break
            yield request
        self.over = True

    def _pause_s(self) -> float:
        """Until the stream is to be looked at."""
        due_at = self._due_at
        if due_at is None:
            return self._idle_s
        return min(self._idle_s, max(_PAUSE_S_MIN, due_at - time.monotonic()))

    def _is_late_or_idle(self) -> bool:
        now, due_at = time.monotonic(), self._due_at
        if due_at is None:
            return now - self._used_at > self._idle_s
        if now < due_at:
            return False
        self._call.cancel()
        return True
