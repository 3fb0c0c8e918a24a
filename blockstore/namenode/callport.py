"""The call port: where clients that ask much ask without gRPC, for a fraction of its price.

Rules
- A connection is one client's thread: what it asks is answered before the next is looked at. A
  request means here what it means as a call (batch.py).
- Who has not proved the secret is told nothing, and has five seconds.
- What can't be answered here ends the connection, and is asked again over gRPC, where errors
  have words.
- `close` ends the connections that wait at once, the others after their answer.
"""

import asyncio
import contextvars
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Final, cast

from google.protobuf.message import DecodeError

from blockstore import callframes
from blockstore.errors import AccessControlException, ConfigException, UnreachableException
from blockstore.runtime import failpoint, portframes
from blockstore.runtime.identity import user_in_progress
from blockstore.runtime.secret import check_proof
from blockstore.wire import namenode_pb2 as pb

log = logging.getLogger(__name__)

# Who has dialled says at once who he is.
ENTRY_S: Final = 5.0
_BACKLOG: Final = 1024

Perform = Callable[[pb.BatchCall], Awaitable[pb.BatchOutcome]]


class CallPort:
    """Owned by the event loop."""

    def __init__(self, perform: Perform, *, connections_max: int, secret: str | None) -> None:
        self.perform = perform
        self.secret = secret
        # 0 until it listens, and when it is closed.
        self.port = 0
        self._connections_max = connections_max
        self._callers: set[_Caller] = set()
        self._server: asyncio.Server | None = None
        self._watch: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"CallPort({self.port}, {len(self._callers)} connections)"

    @property
    def is_open(self) -> bool:
        return self.port > 0

    async def listen(self, host: str, port: int) -> None:
        """Raises ConfigException when the address can't be bound."""
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(
                lambda: _Caller(self), host.strip("[]"), port, backlog=_BACKLOG
            )
        except OSError as error:
            raise ConfigException(
                f"can't listen on {host}:{port} for calls ({error.strerror}): choose another "
                "call_port (--conf call_port=…), 0 for a free one, or -1 for none"
            ) from None
        self._server = server
        self.port = server.sockets[0].getsockname()[1]
        self._look()

    def close(self) -> None:
        self.port = 0
        if self._server is not None:
            self._server.close()
        if self._watch is not None:
            self._watch.cancel()
        for caller in list(self._callers):
            caller.leave()

    def let_in(self, caller: "_Caller") -> bool:
        """False: there are too many."""
        if not self.is_open or len(self._callers) >= self._connections_max:
            return False
        self._callers.add(caller)
        return True

    def forget(self, caller: "_Caller") -> None:
        self._callers.discard(caller)

    def _look(self) -> None:
        """Ends who has been silent for too long."""
        loop = asyncio.get_running_loop()
        for caller in list(self._callers):
            if caller.due_at < loop.time():
                caller.leave()
        self._watch = loop.call_later(ENTRY_S / 2, self._look)


class _Caller(asyncio.Protocol):
    """One connection."""

    def __init__(self, port: CallPort) -> None:
        self._port = port
        self._loop = asyncio.get_running_loop()
        self._got = bytearray()
        self._nonce = secrets.token_bytes(portframes.NONCE_BYTES)
        # Set as soon as it's known who calls: whatever is done for him is done in his name.
        self._context: contextvars.Context | None = None
        self._answering: asyncio.Task[None] | None = None
        # When it's over, if nothing is heard until then.
        self.due_at = self._loop.time() + ENTRY_S

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if self._port.let_in(self):
            self._transport.write(callframes.PORT.pack_greeting(self._nonce))
        else:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._port.forget(self)

    def data_received(self, data: bytes) -> None:
        self._got += data
        if self._answering is None:
            self._go_on()
        elif len(self._got) > callframes.FRAME_BYTES_MAX:
            # Who asks on before he is answered isn't one of ours.
            self._transport.abort()

    def leave(self) -> None:
        """After the answer that is being made."""
        if self._answering is None:
            self._transport.close()

    def _go_on(self) -> None:
        try:
            if self._context is None and not self._enter():
                return
            request = self._next()
        except (UnreachableException, AccessControlException, DecodeError) as error:
            log.info("a connection to the call port is ended: %s", error)
            self._transport.abort()
            return
        if request is not None:
            self.due_at = float("inf")
            self._answering = self._loop.create_task(self._answer(request), context=self._context)

    def _enter(self) -> bool:
        """Whether it's known now who calls."""
        if len(self._got) < callframes.ENTRY_BYTES:
            return False
        proof, name_bytes = callframes.unpack_entry(self._got)
        end = callframes.ENTRY_BYTES + name_bytes
        check_proof(self._port.secret, callframes.PORT.purpose, self._nonce, proof)
        if len(self._got) < end:
            return False
        user = self._got[callframes.ENTRY_BYTES : end].decode(errors="replace")
        del self._got[:end]
        self._context = contextvars.Context()
        self._context.run(user_in_progress.set, user)
        self.due_at = self._loop.time() + callframes.IDLE_S
        return True

    def _next(self) -> pb.BatchCall | None:
        if len(self._got) < portframes.SIZE_BYTES:
            return None
        end = portframes.SIZE_BYTES + callframes.PORT.frame_bytes(self._got)
        if len(self._got) < end:
            return None
        request = pb.BatchCall.FromString(bytes(self._got[portframes.SIZE_BYTES : end]))
        del self._got[:end]
        return request

    async def _answer(self, request: pb.BatchCall) -> None:
        try:
            outcome = await self._port.perform(request)
            failpoint.hit("callport.answer.before_ack")
            self._transport.write(portframes.pack_frame(outcome.SerializeToString()))
            failpoint.hit("callport.answer.after_ack")
        except Exception as error:
            log.info("a request is left to gRPC: %s: %s", type(error).__name__, error)
            self._transport.abort()
            return
        finally:
            self._answering = None
        self.due_at = self._loop.time() + callframes.IDLE_S
        if self._transport.get_write_buffer_size() > callframes.FRAME_BYTES_MAX:
            # He asks and asks and listens to nothing.
            self._transport.abort()
        elif not self._port.is_open:
            self._transport.close()
        elif self._got:
            self._go_on()
