"""python -m benchmarks.echo: a gRPC server that does nothing, of the NameNode's kind.

    /benchmark.Echo/Unary    the request's bytes come back
    /benchmark.Echo/Stream   SIZE bytes in frames of 1 MiB, raw, as DataNodes send

It is the most that any server on this library can do on this machine.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import grpc

from blockstore.runtime import rpc

UNARY: Final = "/benchmark.Echo/Unary"
STREAM: Final = "/benchmark.Echo/Stream"
FRAME_BYTES: Final = 1024 * 1024


async def _unary(request: bytes, context: Any) -> bytes:
    return request


async def _stream(request: bytes, context: Any) -> AsyncIterator[bytes]:
    frame = bytes(FRAME_BYTES)
    for _ in range(int(request) // FRAME_BYTES):
        yield frame


async def _serve() -> None:
    server = grpc.aio.server(options=rpc.server_options())
    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        "Unary": grpc.unary_unary_rpc_method_handler(_unary),
        "Stream": grpc.unary_stream_rpc_method_handler(_stream),
    }
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("benchmark.Echo", handlers),)
    )
    port = rpc.bind(server, "127.0.0.1", 0)
    await server.start()
    print(f"ready on 127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(_serve())
