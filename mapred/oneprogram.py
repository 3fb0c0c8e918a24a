"""The inside of the embedded engine: JobTracker, TaskTracker and task processes in one program.

There is no gRPC, no journal and no second machine here; everything else is the code that a
cluster runs. The JobTracker's event loop has a thread of its own; callers hand work to it.
"""

import asyncio
import atexit
import contextlib
import shutil
import threading
import uuid
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, Final, TypeVar

from mapred.errors import MapredError
from mapred.jobtracker.committer import Committer
from mapred.jobtracker.core import JobTracker
from mapred.jobtracker.desk import Desk
from mapred.jobtracker.settings import JobTrackerSettings
from mapred.model import JobSpec, JobStatus, TrackerInfo, TrackerStatus
from mapred.owndirs import engine_directory
from mapred.storage import storage_for
from mapred.tasktracker.core import TaskTracker
from mapred.tasktracker.heartbeat import HeartbeatLoop
from mapred.tasktracker.memory import for_tasks
from mapred.tasktracker.nurserylink import Nursery
from mapred.tasktracker.processes import Processes
from mapred.tasktracker.settings import TaskTrackerSettings
from mapred.tasktracker.workdirs import WorkDirs
from mapred.tracking import Heartbeat, HeartbeatReply, Registered, Registration

Result = TypeVar("Result")

# Calls into the engine's own thread: they wait for files at most, or as long as they say.
CALL_TIMEOUT_S: Final = 120.0
STOP_TIMEOUT_S: Final = 5.0
SETTINGS: Final = JobTrackerSettings(
    heartbeat_interval_s=0.2, tick_s=0.05, drain_s=5.0, speculation=False
)
# Whoever's program it is looks after its disk.
SETTINGS_HERE: Final = TaskTrackerSettings(disk_check_interval_s=0.0)


class OneProgram:
    """Thread-safe. Runs from construction to `close`."""

    def __init__(self, workers: int, work_dir: str | None, nursery: Nursery, child: str) -> None:
        self._own_dir = engine_directory() if work_dir is None else None
        self.workdirs = WorkDirs(work_dir or self._own_dir or "")
        self.workdirs.lock()
        self._processes = Processes(
            TaskTrackerSettings(), spares=workers, child=child, make=self.workdirs.make
        )
        self._processes.start(nursery)
        self._loop = asyncio.new_event_loop()
        self._desk: Desk | None = None
        self._closed = False
        self._close_lock = threading.Lock()
        self._thread = threading.Thread(target=self._serve, name="engine", daemon=True)
        self._thread.start()
        self._call(self._open())
        memory = for_tasks(TaskTrackerSettings().memory_bytes)
        info = TrackerInfo("local", 0, "localhost", 0, workers, workers, memory_bytes=memory)
        core = TaskTracker(info, self.workdirs.roots, SETTINGS_HERE)
        self._beats = HeartbeatLoop(core, _InProcess(self), self.workdirs)
        self._beats.start(self._processes)
        _running.add(self)

    def submit(self, spec: JobSpec) -> str:
        # Map outputs are on this machine's disk: a reduce that starts early would only wait.
        local = replace(spec, slowstart=1.0)
        self._begun()
        return self._call(self.desk.submit(local, uuid.uuid4().hex))

    def status(self, job_id: str, known_version: int, wait_s: float) -> tuple[JobStatus, int]:
        return self._call(self.desk.status(job_id, known_version, wait_s))

    def kill(self, job_id: str, reason: str) -> bool:
        return self._call(self.desk.kill(job_id, reason))

    def jobs(self) -> list[JobStatus]:
        return self._call(self.desk.jobs())

    def trackers(self) -> list[TrackerStatus]:
        self._begun()
        return self._call(self.desk.trackers())

    def close(self) -> None:
        with self._close_lock:
            if self._closed:
                return
            self._closed = True
        self._beats.stop()
        self._processes.stop()
        if self._desk is not None:
            self._call(self._desk.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_TIMEOUT_S)
        self.workdirs.close()
        if self._own_dir is not None:
            shutil.rmtree(self._own_dir, ignore_errors=True)
        _running.discard(self)

    @property
    def desk(self) -> Desk:
        if self._desk is None or self._closed:
            raise MapredError("this engine is closed: make a new EmbeddedEngine")
        return self._desk

    def _begun(self) -> None:
        """Waits until the tracker is known: what a job gets depends on it."""
        if not self._closed:
            self._beats.registered.wait(CALL_TIMEOUT_S)

    def send(self, work: Coroutine[Any, Any, Result]) -> "Future[Result]":
        """Runs it on the engine's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _call(self, work: Coroutine[Any, Any, Result]) -> Result:
        future = self.send(work)
        try:
            return future.result(timeout=CALL_TIMEOUT_S)
        except BaseException:
            # Ctrl-C, too: whatever was asked for isn't wanted any more.
            future.cancel()
            raise

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    async def _open(self) -> None:
        self._desk = Desk(JobTracker(SETTINGS), Committer(storage_for))
        await self._desk.start()


class _InProcess:
    """The tracker's way to a JobTracker in the same program."""

    def __init__(self, program: OneProgram) -> None:
        self._program = program

    def register(
        self, registration: Registration, reply: Callable[[Registered | Exception], None]
    ) -> None:
        self._ask(lambda: self._program.desk.register(registration), reply)

    def heartbeat(
        self, heartbeat: Heartbeat, reply: Callable[[HeartbeatReply | Exception], None]
    ) -> None:
        self._ask(lambda: self._program.desk.heartbeat(heartbeat), reply)

    def _ask(
        self,
        work: Callable[[], Coroutine[Any, Any, Result]],
        reply: Callable[[Result | Exception], None],
    ) -> None:
        try:
            future = self._program.send(work())
        except (MapredError, RuntimeError) as error:
            reply(error)
            return
        future.add_done_callback(lambda done: reply(_outcome(done)))


def _outcome(done: "Future[Any]") -> Any:
    if done.cancelled():
        return MapredError("the engine is closing")
    error = done.exception()
    if error is None:
        return done.result()
    return error if isinstance(error, Exception) else MapredError(str(error))


_running: Final[set[OneProgram]] = set()


@atexit.register
def _close_all() -> None:
    """Whoever forgot `close` leaves no process and no file behind."""
    for program in list(_running):
        with contextlib.suppress(Exception):
            program.close()
