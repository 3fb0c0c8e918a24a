"""The two ways on which a client's streams of requests go: the NameNode's call port
(callframes.py), and a stream of gRPC's where there is no such port, or none that can be reached.

- Which port it is the NameNode is asked; once more when nobody listens there, because one that was
  restarted has another.
- A port that can't be reached isn't tried for a while.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, Final, Protocol

import grpc
from google.protobuf.message import DecodeError

from blockstore import callframes
from blockstore.errors import UnreachableException
from blockstore.runtime import portframes
from blockstore.runtime.clock import Clock
from blockstore.runtime.line import greeted
from blockstore.runtime.rpc import CALL_TIMEOUT_S
from blockstore.runtime.secret import prove
from blockstore.runtime.shunned import Shunned
from blockstore.wire import namenode_pb2 as pb

log = logging.getLogger(__name__)

# To connect, and to be greeted: a filter that swallows packets costs a client no more than that.
DIAL_S: Final = 1.0
# How long a port that can't be reached isn't tried.
SHUNNED_S: Final = 60.0
# Most replies are shorter.
_READ_BYTES: Final = 64 * 1024


class Broken(Exception):
    """There is no reply: the request is to be made otherwise."""


class Way(Protocol):
    """For one request at a time."""

    # When its reply is overdue; or when nobody has needed it for long. Its owner's.
    due_at: float

    def ask(self, request: pb.BatchCall) -> pb.BatchOutcome:
        """Raises Broken."""
        ...

    def end(self) -> None:
        """By any thread; who waits for a reply gets Broken."""
        ...


class GrpcWay:
    """A stream of calls."""

    def __init__(self, method: Callable[..., Any], metadata: Sequence[tuple[str, Any]]) -> None:
        self._requests: SimpleQueue[Any] = SimpleQueue()
        self._replies = method(iter(self._requests.get, None), metadata=metadata)
        self.due_at = 0.0

    def ask(self, request: pb.BatchCall) -> pb.BatchOutcome:
        self._requests.put(request)
        try:
            reply: pb.BatchOutcome = next(self._replies)
        except (grpc.RpcError, StopIteration):
            raise Broken from None
        return reply

    def end(self) -> None:
        self._requests.put(None)
        self._replies.cancel()


class PortWay:
    """A connection to the call port."""

    def __init__(self, host: str, port: int, secret: str | None, user: str) -> None:
        """Raises OSError, UnreachableException."""
        self._line, greeting = greeted(host, port, DIAL_S, portframes.GREETING_BYTES)
        try:
            nonce = callframes.PORT.unpack_greeting(greeting)
        except BaseException:
            self._line.close()
            raise
        # It goes with the first request.
        self._entry = callframes.pack_entry(prove(secret, callframes.PORT.purpose, nonce), user)
        self._line.be_patient(CALL_TIMEOUT_S)
        self.due_at = 0.0
        self._guard = threading.Lock()
        # Guarded: who ends the way closes the connection, unless it is in use.
        self._in_use = False
        self._ended = False

    def ask(self, request: pb.BatchCall) -> pb.BatchOutcome:
        entry, self._entry = self._entry, b""
        self._begin()
        try:
            self._line.send(entry, portframes.pack_frame(request.SerializeToString()))
            return pb.BatchOutcome.FromString(self._reply())
        except (OSError, UnreachableException, DecodeError) as error:
            raise Broken(str(error)) from None
        finally:
            with self._guard:
                self._in_use = False
                if self._ended:
                    self._line.close()

    def _begin(self) -> None:
        with self._guard:
            if self._ended:
                raise Broken("it was ended")
            self._in_use = True

    def _reply(self) -> bytes:
        got = self._line.receive_some(_READ_BYTES)
        while len(got) < portframes.SIZE_BYTES:
            got += self._line.receive_some(_READ_BYTES)
        missing = portframes.SIZE_BYTES + callframes.PORT.frame_bytes(got) - len(got)
        if missing < 0:
            raise UnreachableException("more came than what was asked for")
        return got[portframes.SIZE_BYTES :] + (self._line.receive(missing) if missing else b"")

    def end(self) -> None:
        with self._guard:
            self._ended = True
            self._line.end()
            if not self._in_use:
                self._line.close()


class CallWays:
    """Of one client, to one NameNode. Thread-safe."""

    def __init__(
        self,
        stub: Any,
        metadata: Sequence[tuple[str, Any]],
        address: str,
        secret: str | None,
        user: str,
        clock: Clock,
    ) -> None:
        self._stub = stub
        self._metadata = metadata
        self._address = address
        self._secret = secret
        self._user = user
        # What the NameNode said last; 0: nothing yet, or that it has none.
        self._port = 0
        self._shunned = Shunned(SHUNNED_S, clock)

    def open(self) -> Way:
        return self._to_port() or GrpcWay(self._stub.Calls, self._metadata)

    def _to_port(self) -> PortWay | None:
        if self._address in self._shunned:
            return None
        known = self._port
        if known:
            with suppress(OSError, UnreachableException):
                return self._dial(known)
        try:
            self._port = fresh = int(self._asked().port)
            if fresh:
                return self._dial(fresh)
            log.debug("the NameNode at %s has no call port", self._address)
        except (OSError, UnreachableException, grpc.RpcError) as error:
            log.info("the NameNode at %s is asked over gRPC: call port: %s", self._address, error)
        self._shunned.add(self._address)
        return None

    def _asked(self) -> pb.CallPortReply:
        reply: pb.CallPortReply = self._stub.CallPort(
            pb.Empty(), timeout=CALL_TIMEOUT_S, metadata=self._metadata
        )
        return reply

    def _dial(self, port: int) -> PortWay:
        host = self._address.rpartition(":")[0]
        return PortWay(host, port, self._secret, self._user)
