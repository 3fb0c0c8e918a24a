"""The engine without a cluster: the same JobTracker, TaskTracker and task processes in one program.

There is no gRPC, no journal and no second machine here; everything else is the code that a
cluster runs. The task processes' server starts in the constructor, so that its imports run
while the caller still plans the job.
"""

import asyncio
import atexit
import contextlib
import shutil
import tempfile
import threading
import uuid
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import replace
from types import TracebackType
from typing import Any, Final, TypeVar

from blockstore.runtime.clock import SYSTEM_CLOCK
from mapred.errors import MapredError
from mapred.jobtracker.committer import Committer
from mapred.jobtracker.core import JobTracker
from mapred.jobtracker.desk import Desk
from mapred.jobtracker.settings import JobTrackerSettings
from mapred.model import JobSpec, JobStatus, TrackerInfo, TrackerStatus
from mapred.storage import storage_for
from mapred.tasktracker.core import TaskTracker
from mapred.tasktracker.heartbeat import HeartbeatLoop
from mapred.tasktracker.processes import Processes
from mapred.tasktracker.settings import TaskTrackerSettings
from mapred.tasktracker.workdirs import WorkDirs
from mapred.tracking import Heartbeat, HeartbeatReply, Registered, Registration

Result = TypeVar("Result")

# Calls into the engine's own thread: they wait for local files at most.
CALL_TIMEOUT_S: Final = 120.0
SETTINGS: Final = JobTrackerSettings(
    heartbeat_interval_s=0.2, tick_s=0.05, drain_s=5.0, speculation=False
)


class EmbeddedEngine:
    """Runs jobs on `workers` processes of this machine. Thread-safe.

    `work_dir` holds map outputs and logs while jobs run; a temporary directory by default.
    `child` is the module whose `run(connection)` is the life of a task process.
    """

    def __init__(
        self, workers: int, work_dir: str | None = None, *, child: str = "mapred.task.child"
    ) -> None:
        self.workers = max(1, workers)
        self._own_dir = tempfile.mkdtemp(prefix="mapred-") if work_dir is None else None
        self._workdirs = WorkDirs(work_dir or self._own_dir or "")
        self._workdirs.lock()
        info = TrackerInfo("local", 0, "localhost", 0, self.workers, self.workers)
        self._tracker = TaskTracker(info, self._workdirs.root, TaskTrackerSettings())
        self._loop = asyncio.new_event_loop()
        self._beats = HeartbeatLoop(self._tracker, _InProcess(self), self._workdirs)
        self._processes = Processes(self._tracker.settings, spares=self.workers, child=child)
        self._processes.start()
        self._desk: Desk | None = None
        self._closed = False
        self._close_lock = threading.Lock()
        self._thread = threading.Thread(target=self._serve, name="engine", daemon=True)
        self._thread.start()
        self.call(self._open())
        self._beats.start(self._processes)
        _open_engines.add(self)

    # --- Engine

    def submit(self, spec: JobSpec) -> str:
        # Map outputs are on this machine's disk: a reduce that starts early would only wait.
        local = replace(spec, slowstart=1.0)
        return self.call(self.desk.submit(local, uuid.uuid4().hex))

    def status(
        self, job_id: str, *, known_version: int = 0, wait_s: float = 0.0
    ) -> tuple[JobStatus, int]:
        return self.call(self.desk.status(job_id, known_version, wait_s))

    def kill(self, job_id: str, reason: str) -> bool:
        return self.call(self.desk.kill(job_id, reason))

    def jobs(self) -> list[JobStatus]:
        return self.call(self.desk.jobs())

    def trackers(self) -> list[TrackerStatus]:
        return self.call(self.desk.trackers())

    def logs(self, attempt: Any, tail_bytes: int = 65536) -> tuple[str, str]:
        """The end of an attempt's stdout and stderr, while its job isn't forgotten."""
        return self._workdirs.logs(attempt, tail_bytes)

    def close(self) -> None:
        """Ends the workers, whatever they do, and removes local files. Safe to call twice."""
        with self._close_lock:
            if self._closed:
                return
            self._closed = True
        self._beats.stop()
        self._processes.stop()
        if self._desk is not None:
            self.call(self._desk.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5.0)
        self._workdirs.close()
        if self._own_dir is not None:
            shutil.rmtree(self._own_dir, ignore_errors=True)
        _open_engines.discard(self)

    def __enter__(self) -> "EmbeddedEngine":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"EmbeddedEngine({self.workers} workers in {self._workdirs.root})"

    # --- inside

    @property
    def desk(self) -> Desk:
        if self._desk is None or self._closed:
            raise MapredError("this engine is closed: make a new EmbeddedEngine")
        return self._desk

    def send(self, work: Coroutine[Any, Any, Result]) -> "Future[Result]":
        """Runs it on the engine's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def call(self, work: Coroutine[Any, Any, Result]) -> Result:
        future = self.send(work)
        try:
            return future.result(timeout=CALL_TIMEOUT_S)
        except BaseException:
            future.cancel()
            raise

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    async def _open(self) -> None:
        self._desk = Desk(JobTracker(SETTINGS), Committer(storage_for), None, SYSTEM_CLOCK)
        await self._desk.start()


class _InProcess:
    """The tracker's way to a JobTracker in the same program."""

    def __init__(self, engine: EmbeddedEngine) -> None:
        self._engine = weakref.proxy(engine)

    def register(
        self, registration: Registration, reply: Callable[[Registered | Exception], None]
    ) -> None:
        self._ask(lambda: self._engine.desk.register(registration), reply)

    def heartbeat(
        self, heartbeat: Heartbeat, reply: Callable[[HeartbeatReply | Exception], None]
    ) -> None:
        self._ask(lambda: self._engine.desk.heartbeat(heartbeat), reply)

    def _ask(
        self,
        work: Callable[[], Coroutine[Any, Any, Result]],
        reply: Callable[[Result | Exception], None],
    ) -> None:
        try:
            future = self._engine.send(work())
        except (ReferenceError, MapredError, RuntimeError) as error:
            reply(error if isinstance(error, MapredError) else MapredError(str(error)))
            return
        future.add_done_callback(lambda done: reply(_outcome(done)))


def _outcome(done: "Future[Result]") -> Result | Exception:
    if done.cancelled():
        return MapredError("the engine is closing")
    error = done.exception()
    if error is None:
        return done.result()
    return error if isinstance(error, Exception) else MapredError(str(error))


_open_engines: Final["weakref.WeakSet[EmbeddedEngine]"] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """Whoever forgot `close` leaves no process and no file behind."""
    for engine in list(_open_engines):
        with contextlib.suppress(Exception):
            engine.close()
