"""ClusterEngine, JobTracker and TaskTrackers over real gRPC and with real task processes, in
one program and on local files; the JobTracker's history is a local directory."""

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from blockstore.errors import AccessControlException, UnreachableException
from blockstore.runtime import rpc
from blockstore.runtime.retry import RetryPolicy
from mapred import wireerrors
from mapred.client import ClusterEngine
from mapred.errors import NoSuchJobError, NoSuchTrackerError, OutputExistsError, RefusedError
from mapred.jobtracker.committer import Committer
from mapred.jobtracker.core import JobTracker
from mapred.jobtracker.desk import Desk
from mapred.jobtracker.opening import Opening
from mapred.jobtracker.segments import LocalFolder, SegmentedHistory, SegmentFile
from mapred.jobtracker.servicer import JobTrackerServicer, TrackerServicer
from mapred.jobtracker.settings import JobTrackerSettings
from mapred.model import JobSpec, JobState, JobStatus, Priority, Split, TrackerInfo
from mapred.storage.local import LocalStorage
from mapred.tasktracker.core import TaskTracker
from mapred.tasktracker.heartbeat import HeartbeatLoop
from mapred.tasktracker.processes import Processes
from mapred.tasktracker.remote import RemoteJobTracker
from mapred.tasktracker.workdirs import WorkDirs
from mapred.wire import jobtracker_pb2_grpc

WAIT_S = 60.0
CHILD = "tests.unit.mapred.tasktracker.fake_child"
SETTINGS = JobTrackerSettings(heartbeat_interval_s=0.2, dead_after_s=3.0, drain_s=1.0, tick_s=0.05)


class StuckFolder(LocalFolder):
    """Takes bytes only while its gate is open."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.gate = threading.Event()
        self.gate.set()
        self.tries = 0

    def create(self, name: str) -> SegmentFile:
        file = super().create(name)
        sync = file.sync

        def stuck() -> None:
            if not self.gate.is_set():
                self.tries += 1
                raise OSError(f"no DataNode has answered, try {self.tries}")
            sync()

        file.sync = stuck  # type: ignore[method-assign]
        return file


class Master:
    """A JobTracker on a thread of its own; may be crashed and started again on its port."""

    def __init__(
        self, folder: Path, secret: str | None = None, held_up_s: float | None = None
    ) -> None:
        self.folder = StuckFolder(str(folder))
        self._held_up_s = held_up_s
        self._secret = secret
        self.port = 0
        self.start()

    def start(self) -> None:
        self._started, self._stop = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        assert self._started.wait(WAIT_S)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        desk = Desk(
            JobTracker(SETTINGS),
            Committer(lambda _, __: LocalStorage()),
            SegmentedHistory(self.folder),
            held_up_s=self._held_up_s,
        )
        await desk.start()
        server = rpc.aio_server(secret=self._secret)
        self.port = rpc.bind(server, "127.0.0.1", self.port)
        wireerrors.register()
        opening = Opening(desk=desk)
        jobtracker_pb2_grpc.add_JobTrackerServicer_to_server(
            JobTrackerServicer(opening, "nn"), server
        )
        jobtracker_pb2_grpc.add_TrackerProtocolServicer_to_server(TrackerServicer(opening), server)
        await server.start()
        self._started.set()
        await self._stop.wait()
        await server.stop(0)
        await desk.stop()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(WAIT_S)


class Worker:
    """A TaskTracker without the servicer: its map outputs are on a disk all share."""

    def __init__(self, master: Master, folder: Path, name: str, **info: str) -> None:
        self.workdirs = WorkDirs(str(folder / name))
        self.workdirs.lock()
        tracker = TrackerInfo(name, 0, "localhost", 1, 2, 2, **info)  # type: ignore[arg-type]
        core = TaskTracker(tracker, self.workdirs.roots)
        self.remote = RemoteJobTracker(f"127.0.0.1:{master.port}", secret=None)
        self.loop = HeartbeatLoop(core, self.remote, self.workdirs)
        self.processes = Processes(core.settings, spares=1, child=CHILD)
        self.processes.start()
        self.loop.start(self.processes)

    def stop(self) -> None:
        self.loop.stop()
        self.processes.stop()
        self.remote.close()
        self.workdirs.close()


@pytest.fixture
def master(tmp_path: Path) -> Iterator[Master]:
    master = Master(tmp_path / "history")
    yield master
    master.stop()


@pytest.fixture
def workers(master: Master, tmp_path: Path) -> Iterator[list[Worker]]:
    workers = [Worker(master, tmp_path, f"tracker{number}") for number in range(2)]
    yield workers
    for worker in workers:
        worker.stop()


@pytest.fixture
def engine(master: Master) -> Iterator[ClusterEngine]:
    with ClusterEngine(f"127.0.0.1:{master.port}") as engine:
        yield engine


def _spec(folder: Path, maps: int = 3, **behaviour: str) -> JobSpec:
    splits = tuple(Split("file:///in", i, 1) for i in range(maps))
    return JobSpec(
        "wc", "me", "", "", "m", "J", splits, 2, f"file://{folder}/out", settings=behaviour
    )


def _end(engine: ClusterEngine, job_id: str) -> JobStatus:
    deadline = time.monotonic() + WAIT_S
    status, version = engine.status(job_id)
    while not status.state.ended:
        assert time.monotonic() < deadline, status
        status, version = engine.status(job_id, known_version=version, wait_s=5.0)
    return status


def test_a_job_runs_over_the_wire(
    engine: ClusterEngine, workers: list[Worker], tmp_path: Path
) -> None:
    job_id = engine.submit(_spec(tmp_path))

    status = _end(engine, job_id)

    assert status.state is JobState.SUCCEEDED
    assert status.counters[("tasks", "map")] == 3
    assert sorted(os.listdir(tmp_path / "out")) == ["_SUCCESS", "part-r-00000", "part-r-00001"]
    assert [job.job_id for job in engine.jobs()] == [job_id]
    assert engine.jobs()[0].counters == {}
    assert {tracker.state for tracker in engine.trackers()} == {"live"}


def test_refusals_are_the_same_errors_on_this_side(
    engine: ClusterEngine, workers: list[Worker], tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()

    with pytest.raises(OutputExistsError, match="choose another -o"):
        engine.submit(_spec(tmp_path))
    with pytest.raises(NoSuchJobError, match="job_1"):
        engine.status("job_1")


def test_priorities_pools_and_drained_trackers_over_the_wire(
    engine: ClusterEngine, workers: list[Worker], tmp_path: Path
) -> None:
    spec = replace(_spec(tmp_path, map0="slow", map1="slow"), pool="etl", priority=Priority.LOW)
    job_id = engine.submit(spec)

    assert engine.set_priority(job_id, Priority.HIGH)
    status = engine.status(job_id)[0]
    assert (status.pool, status.priority) == ("etl", Priority.HIGH)
    assert [(pool.name, pool.jobs_running) for pool in engine.pools()] == [
        ("default", 0),
        ("etl", 1),
    ]
    assert engine.drain_tracker("tracker0", drain=True) == ("tracker0", True)
    assert engine.drain_tracker("tracker0", drain=True) == ("tracker0", False)
    assert engine.trackers()[0].state in ("draining", "drained")
    with pytest.raises(NoSuchTrackerError, match="tracker9"):
        engine.drain_tracker("tracker9", drain=True)
    assert _end(engine, job_id).state is JobState.SUCCEEDED


def test_other_versions_are_refused_at_submit(
    engine: ClusterEngine, master: Master, tmp_path: Path
) -> None:
    worker = Worker(master, tmp_path, "old", python_version="3.9", engine_version="0")
    assert worker.loop.registered.wait(WAIT_S)
    spec = _spec(tmp_path)

    with pytest.raises(RefusedError, match="install the same versions"):
        engine.submit(
            JobSpec(*(getattr(spec, n) for n in JobSpec.__slots__[:9]), python_version="3.11")
        )
    worker.stop()


def test_a_job_outlives_a_restart_of_the_jobtracker(
    engine: ClusterEngine, workers: list[Worker], master: Master, tmp_path: Path
) -> None:
    job_id = engine.submit(_spec(tmp_path, maps=4, map3="slow"))
    status, version = engine.status(job_id)
    while status.maps_done < 3:
        status, version = engine.status(job_id, known_version=version, wait_s=5.0)

    master.stop()
    master.start()
    status = _end(engine, job_id)

    assert status.state is JobState.SUCCEEDED
    assert status.counters[("tasks", "map")] == 4
    assert status.attempts_failed == status.attempts_killed == 0
    parts = (tmp_path / "history").glob("*.jsonl")
    (segment,) = (path.read_text() for path in parts)
    assert segment.count('"AttemptLaunched"') == 6, "finished maps were not run again"


def test_who_submits_while_the_history_cant_be_written_is_told_why_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mapred.jobtracker.journaling.RETRY_S", 0.05)
    master = Master(tmp_path / "history", held_up_s=0.01)

    def told() -> list[str]:
        return [one.getMessage() for one in caplog.records if one.name == "mapred.client"]

    why = "block store to take the JobTracker's history: no DataNode has answered"
    with (
        ClusterEngine(f"127.0.0.1:{master.port}") as engine,
        ThreadPoolExecutor(1) as somebody,
    ):
        master.folder.gate.clear()
        submitting = somebody.submit(engine.submit, _spec(tmp_path))
        until = time.monotonic() + WAIT_S
        while not any(why in words for words in told()) or master.folder.tries < 4:
            assert time.monotonic() < until, told()
            time.sleep(0.01)
        assert not submitting.done()
        assert engine.jobs() != [], "it is on its way"
        master.folder.gate.set()
        job_id = submitting.result(WAIT_S)
        assert engine.status(job_id)[0].job_id == job_id
    assert sum(why in words for words in told()) == 1
    master.stop()


def test_a_tracker_that_is_gone_costs_nothing_but_time(
    engine: ClusterEngine, workers: list[Worker], tmp_path: Path
) -> None:
    job_id = engine.submit(_spec(tmp_path, maps=4, map0="slow", map1="slow"))
    status, version = engine.status(job_id)
    while status.maps_done < 1:
        status, version = engine.status(job_id, known_version=version, wait_s=5.0)

    workers[0].stop()
    status = _end(engine, job_id)

    assert (status.state, status.attempts_failed) == (JobState.SUCCEEDED, 0)
    assert status.counters[("tasks", "map")] == 4


def test_a_wrong_address_is_told_soon() -> None:
    policy = RetryPolicy(deadline_s=0.3)
    with (
        ClusterEngine("127.0.0.1:1", first_contact=policy) as engine,
        pytest.raises(UnreachableException, match=r"doesn.t answer"),
    ):
        engine.jobs()


def test_a_client_without_the_secret_is_turned_away(tmp_path: Path) -> None:
    master = Master(tmp_path / "history", secret="s3cret")
    address = f"127.0.0.1:{master.port}"
    with ClusterEngine(address) as stranger, pytest.raises(AccessControlException):
        stranger.jobs()
    with ClusterEngine(address, secret="s3cret") as friend:
        assert friend.jobs() == []
    master.stop()
