"""`mapred web`: builds the clients and the site, serves it, ends on a signal."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Final

import uvicorn

from blockstore import BlockStore
from blockstore.errors import ConfigException
from blockstore.runtime.daemon import (
    STOP_GRACE_S,
    announce,
    check_bind,
    configure_logging,
    stop_event_for_loop,
)
from mapred.client import ClusterEngine
from mapred.web.readings import Readings
from mapred.web.site import Masters, Site

LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def run(namenode: str, jobtracker: str, host: str, port: int, *, insecure: bool = False) -> int:
    """Serves until SIGTERM or SIGINT; returns the exit code.

    Raises:
        ConfigException: `host` is beyond loopback without `insecure`, or can't be bound.
    """
    _check_open(host, insecure=insecure)
    configure_logging("web")
    listener = _listen(host, port)
    with BlockStore(namenode) as store, contextlib.closing(ClusterEngine(jobtracker)) as engine:
        site = Site(
            Masters(store, namenode, engine, jobtracker),
            Readings(),
            allowed_hosts=None if insecure else LOOPBACK_NAMES | {host.lower()},
        )
        asyncio.run(_serve(site, listener, host))
    return 0


def _check_open(host: str, *, insecure: bool) -> None:
    # The cluster's secret doesn't help here: browsers can't prove it.
    try:
        check_bind("web", host, secret=None, insecure=insecure)
    except ConfigException:
        raise ConfigException(
            f"the status site would listen on {host} for anybody, and its pages show names, "
            "records and tracebacks: say --insecure if the network is trusted, "
            "or listen on 127.0.0.1 behind a proxy that asks for a password"
        ) from None


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigException(
            f"can't listen on {host}:{port}: {error.strerror}. "
            "Choose another --port, or --port 0 for a free one"
        ) from None


class _Server(uvicorn.Server):
    """Leaves signals to us, and says when it is ready."""

    def __init__(self, config: uvicorn.Config, host: str) -> None:
        super().__init__(config)
        self._host = host

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        assert sockets
        announce("web", self._host, sockets[0].getsockname()[1])


async def _serve(site: Site, listener: socket.socket, host: str) -> None:
    config = uvicorn.Config(
        site.app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=int(STOP_GRACE_S),
    )
    server = _Server(config, host)
    stop = stop_event_for_loop()
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    stopping.cancel()
    await serving
