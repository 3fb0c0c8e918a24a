"""The routes: each asks the masters through `Readings` and hands the answers to a page.

Nothing can be changed from here. The pages show names, samples of records and tracebacks of
whoever uses the cluster, so on loopback only requests that name a loopback host are answered:
a web page elsewhere can't read them by pointing a name of its own at 127.0.0.1.
"""

import asyncio
import logging
from dataclasses import dataclass
from importlib.resources import files
from typing import Final, Protocol, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from blockstore.model import ClusterReport
from blockstore.runtime.metrics import CONTENT_TYPE, Metrics
from mapred.engine import Engine
from mapred.errors import NoSuchJobError
from mapred.model import JobStatus, TrackerStatus
from mapred.web.cluster_page import cluster_page
from mapred.web.figures import engine_families, store_families
from mapred.web.job_page import job_page
from mapred.web.jobs_page import jobs_page
from mapred.web.layout import page
from mapred.web.markup import Html, tag
from mapred.web.readings import Reading, Readings

log = logging.getLogger(__name__)

Value = TypeVar("Value")

# Nothing from elsewhere is loaded, and nobody may put a page into a frame.
POLICY: Final = (
    b"default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    b"img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS: Final = (
    (b"content-security-policy", POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
STATIC: Final = {
    "style.css": "text/css",
    "refresh.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}


class Store(Protocol):
    """What is asked of the NameNode; `blockstore.BlockStore` is one."""

    def report(self) -> ClusterReport: ...


@dataclass(frozen=True, slots=True)
class Masters:
    """Both masters and the addresses by which people know them."""

    store: Store
    namenode: str
    engine: Engine
    jobtracker: str


class Site:
    """The application. `allowed_hosts` are the Host names answered; None: all."""

    def __init__(
        self, masters: Masters, readings: Readings, *, allowed_hosts: frozenset[str] | None = None
    ) -> None:
        self._masters = masters
        self._readings = readings
        self._static = {name: files(__package__).joinpath(name).read_bytes() for name in STATIC}
        routes = [
            Route("/", self._cluster),
            Route("/jobs", self._jobs),
            Route("/jobs/{job_id}", self._job),
            Route("/metrics", self._metrics),
            Route("/healthz", self._health),
            Route("/static/{name}", self._file),
        ]
        handlers = {HTTPException: _refused, 500: _broken}
        application = Starlette(routes=routes, exception_handlers=handlers)
        self.app: ASGIApp = _Guarded(application, allowed_hosts)

    async def _cluster(self, _: Request) -> Response:
        store, trackers, jobs = await self._everything()
        masters = self._masters
        return HTMLResponse(
            cluster_page(masters.namenode, store, masters.jobtracker, trackers, jobs)
        )

    async def _jobs(self, _: Request) -> Response:
        return HTMLResponse(jobs_page(await self._all_jobs()))

    async def _job(self, request: Request) -> Response:
        job_id = str(request.path_params["job_id"])

        def ask() -> JobStatus:
            return self._masters.engine.status(job_id)[0]

        reading = await self._readings.read(f"job {job_id}", ask)
        if isinstance(reading.problem, NoSuchJobError):
            raise HTTPException(404, f"The JobTracker knows no job {job_id}.")
        return HTMLResponse(job_page(job_id, reading))

    async def _metrics(self, _: Request) -> Response:
        store, trackers, jobs = await self._everything()
        metrics = Metrics()
        metrics.watch(lambda: store_families(_fresh(store)))
        metrics.watch(lambda: engine_families(_fresh(trackers), _fresh(jobs)))
        return Response(metrics.text(), headers={"content-type": CONTENT_TYPE})

    async def _health(self, _: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def _file(self, request: Request) -> Response:
        name = str(request.path_params["name"])
        if name not in self._static:
            raise HTTPException(404, "There is no such file.")
        return Response(self._static[name], media_type=STATIC[name])

    async def _everything(
        self,
    ) -> tuple[Reading[ClusterReport], Reading[list[TrackerStatus]], Reading[list[JobStatus]]]:
        masters, read = self._masters, self._readings.read
        return await asyncio.gather(
            read("store", masters.store.report),
            read("trackers", masters.engine.trackers),
            self._all_jobs(),
        )

    async def _all_jobs(self) -> Reading[list[JobStatus]]:
        return await self._readings.read("jobs", self._masters.engine.jobs)


def _fresh(reading: Reading[Value]) -> Value | None:
    return reading.value if reading.problem is None else None


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return HTMLResponse(_sorry(error.detail), error.status_code)


async def _broken(_: Request, error: Exception) -> Response:
    log.error("a page could not be made", exc_info=error)
    return HTMLResponse(_sorry("This page could not be made; the log says why."), 500)


def _sorry(text: str) -> Html:
    return page("Not here", tag("p", text), tag("p", tag("a", "The cluster", href="/")), where="")


class _Guarded:
    """Checks whom the request names as host, and adds `HEADERS` to every answer."""

    def __init__(self, application: ASGIApp, allowed_hosts: frozenset[str] | None) -> None:
        self._application = application
        self._allowed_hosts = allowed_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *HEADERS]
            await send(message)

        if scope["type"] == "http" and not self._is_allowed(scope):
            text = "This site answers only under the name of the host that it listens on.\n"
            await PlainTextResponse(text, 421)(scope, receive, send_guarded)
            return
        await self._application(scope, receive, send_guarded)

    def _is_allowed(self, scope: Scope) -> bool:
        if self._allowed_hosts is None:
            return True
        named = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
        return _without_port(named).lower() in self._allowed_hosts


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0].removeprefix("[")
    return host.partition(":")[0]
