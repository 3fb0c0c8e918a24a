"""gRPC as every part of the house uses it: channels, servers, deadlines, errors, the secret.

- An error of ours crosses the wire as its status code (one table, below), its message, and
  its class name in the trailing metadata; the client raises the same class again.
- Every call has a deadline. `call` retries what didn't reach the other side.
- With a cluster secret every call proves it (secret.py).
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent import futures
from typing import Any, Final, cast

import grpc
from grpc import StatusCode

from blockstore import errors
from blockstore.runtime.clock import SYSTEM_CLOCK, Clock
from blockstore.runtime.identity import user_in_progress, user_of
from blockstore.runtime.retry import MASTER_RESTART, RetryPolicy, retry
from blockstore.runtime.secret import SigningInterceptor, refusal

log = logging.getLogger(__name__)

# What is sent at once fits: a bundle of small blocks has 8 MiB, a packet 4 MiB.
MESSAGE_BYTES_MAX: Final = 64 * 1024 * 1024
# What a stream of bytes may send before it is taken, and the largest piece on the wire. By default
# a new stream waits for its receiver after 64 KiB, and a packet travels in pieces of 16 KiB.
_DATA_OPTIONS: Final = [
    ("grpc.http2.lookahead_bytes", 4 * 1024 * 1024),
    ("grpc.http2.max_frame_size", 4 * 1024 * 1024),
]
# One try of a call that only touches memory and a journal.
CALL_TIMEOUT_S: Final = 10.0

ERROR_KEY: Final = "mapred-error"

STATUS_OF: Final[dict[type[Exception], StatusCode]] = {
    errors.FileNotFoundException: StatusCode.NOT_FOUND,
    errors.FileAlreadyExistsException: StatusCode.ALREADY_EXISTS,
    errors.ParentNotDirectoryException: StatusCode.FAILED_PRECONDITION,
    errors.IsADirectoryException: StatusCode.FAILED_PRECONDITION,
    errors.PathIsNotEmptyDirectoryException: StatusCode.FAILED_PRECONDITION,
    errors.InvalidPathException: StatusCode.INVALID_ARGUMENT,
    errors.InvalidRequestException: StatusCode.INVALID_ARGUMENT,
    errors.AlreadyBeingCreatedException: StatusCode.FAILED_PRECONDITION,
    errors.LeaseExpiredException: StatusCode.FAILED_PRECONDITION,
    errors.AccessControlException: StatusCode.UNAUTHENTICATED,
    errors.ConfigException: StatusCode.INVALID_ARGUMENT,
    errors.SafeModeException: StatusCode.FAILED_PRECONDITION,
    errors.ManualSafeModeException: StatusCode.FAILED_PRECONDITION,
    errors.PlacementException: StatusCode.RESOURCE_EXHAUSTED,
    errors.NotReadyException: StatusCode.FAILED_PRECONDITION,
    errors.StaleEpochException: StatusCode.FAILED_PRECONDITION,
    errors.ReplicaNotFoundException: StatusCode.NOT_FOUND,
    errors.ChecksumException: StatusCode.DATA_LOSS,
    errors.BlockMissingException: StatusCode.DATA_LOSS,
    errors.EOFException: StatusCode.OUT_OF_RANGE,
    errors.JournalCorruptException: StatusCode.DATA_LOSS,
    errors.StoreError: StatusCode.UNKNOWN,
}
_CLASS_OF: Final[dict[str, type[Exception]]] = {kind.__name__: kind for kind in STATUS_OF}


def register_errors(table: Mapping[type[Exception], StatusCode]) -> None:
    """Adds another package's errors to the table; each must take one message."""
    STATUS_OF.update(table)
    _CLASS_OF.update({kind.__name__: kind for kind in table})


def name_of(error: BaseException) -> str | None:
    """What the error is called on the wire; None when it isn't one of the table."""
    return next((kind.__name__ for kind in type(error).__mro__ if kind in STATUS_OF), None)


def named(name: str, message: str) -> Exception:
    """The error of that name."""
    return _CLASS_OF.get(name, errors.StoreError)(message)


# --- the client's side -----------------------------------------------------------------


def channel(
    address: str, *, secret: str | None = None, data: bool = False, ahead_bytes: int = 0
) -> grpc.Channel:
    """A channel for threads; connects on first use and again by itself.

    `data`: to one of `threaded_server`, for bytes. `ahead_bytes` of an answer come at most before
    they're taken; 0: gRPC tries how many make it fast.
    """
    options = _channel_options() + (_DATA_OPTIONS if data else [])
    if ahead_bytes:
        options += [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", ahead_bytes)]
    plain = grpc.insecure_channel(address, options=options)
    return grpc.intercept_channel(plain, SigningInterceptor(secret)) if secret else plain


def _channel_options() -> list[tuple[str, int]]:
    return [
        ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
        ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
        # A master that comes back is found within half a second, not after gRPC's two minutes.
        ("grpc.initial_reconnect_backoff_ms", 100),
        # gRPC takes this for the time that one attempt may need, too: a busy server needs some.
        ("grpc.min_reconnect_backoff_ms", 2_000),
        ("grpc.max_reconnect_backoff_ms", 500),
        # A peer whose machine vanished closes nothing: ask it while calls are open.
        ("grpc.keepalive_time_ms", 10_000),
        ("grpc.keepalive_timeout_ms", 5_000),
        ("grpc.http2.max_pings_without_data", 0),
        # Each of our clients has its own connection: a dead one never hurts another.
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_http_proxy", 0),
    ]


def unreached(error: Exception) -> bool:
    """Whether it may help to send the call again: nobody answered, or the answer got lost."""
    return isinstance(error, errors.UnreachableException)


def call(
    method: Callable[..., Any],
    request: Any,
    *,
    to: str,
    timeout_s: float = CALL_TIMEOUT_S,
    policy: RetryPolicy = MASTER_RESTART,
    again: Callable[[Exception], bool] = unreached,
    clock: Clock = SYSTEM_CLOCK,
    rng: random.Random | None = None,
    metadata: Sequence[tuple[str, str | bytes]] = (),
) -> Any:
    """One unary call within the policy's deadline; `to` names the other side in errors.

    Raises:
        StoreError: what the other side raised.
        UnreachableException: nobody answered in time.
    """

    said: dict[str, Any] = {"metadata": metadata} if metadata else {}

    def attempt(left_s: float) -> Any:
        limit = min(timeout_s, left_s) if left_s > 0 else timeout_s
        try:
            return method(request, timeout=limit, **said)
        except grpc.RpcError as error:
            raise translate(error, to) from None

    return retry(attempt, policy=policy, again=again, clock=clock, rng=rng)


def translate(error: grpc.RpcError, to: str) -> Exception:
    """The exception that a failed call stands for."""
    code, details = error.code(), error.details() or ""
    metadata: Any = error.trailing_metadata() or ()
    for key, value in metadata:
        if key == ERROR_KEY and value in _CLASS_OF:
            return _CLASS_OF[value](details)
    if code in (StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED, StatusCode.CANCELLED):
        return errors.UnreachableException(f"{to} doesn't answer ({code.name.lower()}: {details})")
    return errors.StoreError(f"{to} failed ({code.name.lower()}): {details}")


# --- the server's side -----------------------------------------------------------------


def server_options() -> list[tuple[str, int]]:
    return [
        # Without it two servers share one port silently.
        ("grpc.so_reuseport", 0),
        ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
        ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
        ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
        ("grpc.keepalive_permit_without_calls", 1),
        # A client whose machine vanished frees its streams and their threads in half a minute.
        ("grpc.keepalive_time_ms", 20_000),
        ("grpc.keepalive_timeout_ms", 10_000),
    ]


def threaded_server(*, threads: int, secret: str | None = None) -> grpc.Server:
    """A server for handlers that block on disks and move bytes. Must be made after any fork."""
    pool = futures.ThreadPoolExecutor(max_workers=threads, thread_name_prefix="rpc")
    options = server_options() + _DATA_OPTIONS
    return grpc.server(pool, interceptors=[_ServerErrors(secret)], options=options)


def aio_server(*, secret: str | None = None) -> grpc.aio.Server:
    """A server whose event loop is the one lock of a core."""
    guarded = _GuardedServer(grpc.aio.server(options=server_options()), secret)
    return cast("grpc.aio.Server", guarded)


class _GuardedServer:
    """grpc.aio's, with every method guarded.

    An interceptor does the same, for a tenth of a millisecond more a call: it is a coroutine
    between every call and its method, and has to wrap the method anew for each.
    """

    def __init__(self, server: grpc.aio.Server, secret: str | None) -> None:
        self._server = server
        self._secret = secret

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        guarded = tuple(_GuardedHandler(handler, self._secret) for handler in handlers)
        self._server.add_generic_rpc_handlers(guarded)

    def add_registered_method_handlers(self, service: str, handlers: Any) -> None:
        """Generated code calls it; the generic handlers have the same methods."""

    def add_insecure_port(self, address: str) -> int:
        return self._server.add_insecure_port(address)

    async def start(self) -> None:
        await self._server.start()

    async def stop(self, grace: float | None) -> None:
        await self._server.stop(grace)


def bind(server: grpc.Server | grpc.aio.Server, host: str, port: int) -> int:
    """Binds; returns the real port.

    Raises:
        ConfigException: the address can't be bound.
    """
    wanted = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        real = server.add_insecure_port(wanted)
    except RuntimeError:
        real = 0
    if not real:
        raise errors.ConfigException(
            f"can't listen on {wanted}: the port is taken or the address is not this machine's. "
            "Choose another --port, or --port 0 for a free one"
        )
    return real


def raw_handler(
    service: str,
    *,
    unary_unary: Mapping[str, Callable[..., Any]] | None = None,
    unary_stream: Mapping[str, Callable[..., Any]] | None = None,
    stream_stream: Mapping[str, Callable[..., Any]] | None = None,
) -> grpc.GenericRpcHandler:
    """Methods that carry bytes as they are."""
    handlers: dict[str, Any] = {
        name: grpc.unary_unary_rpc_method_handler(function)
        for name, function in (unary_unary or {}).items()
    }
    handlers |= {
        name: grpc.unary_stream_rpc_method_handler(function)
        for name, function in (unary_stream or {}).items()
    }
    handlers |= {
        name: grpc.stream_stream_rpc_method_handler(function)
        for name, function in (stream_stream or {}).items()
    }
    return grpc.method_handlers_generic_handler(service, handlers)


def _status_for(
    error: BaseException, method: str
) -> tuple[StatusCode, str, tuple[tuple[str, str], ...]]:
    name = name_of(error)
    if name is not None:
        return STATUS_OF[_CLASS_OF[name]], str(error), ((ERROR_KEY, name),)
    log.exception("%s failed", method, exc_info=error)
    return StatusCode.INTERNAL, f"{type(error).__name__} in {method}: {error}", ()


class _ServerErrors(grpc.ServerInterceptor):
    """Checks the secret, and turns our exceptions into statuses."""

    def __init__(self, secret: str | None) -> None:
        self._secret = secret

    def intercept_service(self, continuation: Any, details: grpc.HandlerCallDetails) -> Any:
        handler = continuation(details)
        if handler is None:
            return None
        refused = refusal(self._secret, details)

        def guarded_reply(function: Any) -> Any:
            def run(request: Any, context: grpc.ServicerContext) -> Any:
                try:
                    if refused:
                        raise refused
                    return function(request, context)
                except Exception as error:
                    _abort(context, error, details.method)

            return run

        def guarded_stream(function: Any) -> Any:
            def run(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
                try:
                    if refused:
                        raise refused
                    yield from function(request, context)
                except Exception as error:
                    _abort(context, error, details.method)

            return run

        return _rewrap(handler, guarded_reply, guarded_stream)


def _abort(context: Any, error: Exception, method: str) -> None:
    # Who went away while more was expected of him can't be told.
    if context.code() is not None or (isinstance(error, grpc.RpcError) and not context.is_active()):
        raise error
    code, message, metadata = _status_for(error, method)
    context.set_trailing_metadata(metadata)
    context.abort(code, message)


class _GuardedHandler(grpc.GenericRpcHandler):
    """The same, for event-loop servers, each method wrapped once; and says whose call it is."""

    def __init__(self, inner: grpc.GenericRpcHandler, secret: str | None) -> None:
        self._inner = inner
        self._secret = secret
        self._guarded: dict[str, Any] = {}

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        method = details.method
        handler = self._guarded.get(method)
        if handler is None:
            handler = self._inner.service(details)
            if handler is None:
                return None
            handler = self._guarded[method] = _guarded(handler, method)
        refused = refusal(self._secret, details)
        return _refusing(handler, method, refused) if refused else handler


def _guarded(handler: Any, method: str) -> Any:
    def reply(function: Any) -> Any:
        async def run(request: Any, context: Any) -> Any:
            user_in_progress.set(user_of(context.invocation_metadata()))
            try:
                return await function(request, context)
            except (grpc.aio.AbortError, asyncio.CancelledError):
                raise
            except Exception as error:
                await _fail(context, error, method)

        return run

    def stream(function: Any) -> Any:
        async def run(request: Any, context: Any) -> AsyncIterator[Any]:
            user_in_progress.set(user_of(context.invocation_metadata()))
            try:
                async for item in function(request, context):
                    yield item
            except (grpc.aio.AbortError, asyncio.CancelledError):
                raise
            except Exception as error:
                await _fail(context, error, method)

        return run

    return _rewrap(handler, reply, stream)


def _refusing(handler: Any, method: str, refused: Exception) -> Any:
    async def reply(request: Any, context: Any) -> Any:
        await _fail(context, refused, method)

    async def stream(request: Any, context: Any) -> AsyncIterator[Any]:
        await _fail(context, refused, method)
        yield

    return _rewrap(handler, lambda _: reply, lambda _: stream)


async def _fail(context: Any, error: Exception, method: str) -> None:
    code, message, metadata = _status_for(error, method)
    await context.abort(code, message, trailing_metadata=metadata)


def _rewrap(handler: Any, reply: Callable[[Any], Any], stream: Callable[[Any], Any]) -> Any:
    serializers = {
        "request_deserializer": handler.request_deserializer,
        "response_serializer": handler.response_serializer,
    }
    if handler.unary_unary:
        return grpc.unary_unary_rpc_method_handler(reply(handler.unary_unary), **serializers)
    if handler.unary_stream:
        return grpc.unary_stream_rpc_method_handler(stream(handler.unary_stream), **serializers)
    if handler.stream_unary:
        return grpc.stream_unary_rpc_method_handler(reply(handler.stream_unary), **serializers)
    return grpc.stream_stream_rpc_method_handler(stream(handler.stream_stream), **serializers)
