"""The embedded engine with real processes; tasks do what fake_child is told."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from mapred.embedded import EmbeddedEngine
from mapred.errors import MapredError, NoSuchJobError, OutputExistsError
from mapred.model import FailureKind, JobSpec, JobState, JobStatus, Split

WAIT_S = 60.0
CHILD = "tests.unit.mapred.tasktracker.fake_child"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[EmbeddedEngine]:
    with EmbeddedEngine(2, str(tmp_path / "work"), child=CHILD) as engine:
        yield engine


def _spec(folder: Path, maps: int = 3, reducers: int = 2, **behaviour: str) -> JobSpec:
    splits = tuple(Split("file:///in", i, 1) for i in range(maps))
    return JobSpec(
        "wc", "me", "", "", "m", "J", splits, reducers, f"file://{folder}/out", settings=behaviour
    )


def _end(engine: EmbeddedEngine, job_id: str) -> JobStatus:
    status, version = engine.status(job_id)
    while not status.state.ended:
        before = version
        status, version = engine.status(job_id, known_version=before, wait_s=WAIT_S)
        assert version > before, "nothing happens any more"
    return status


def test_a_job_runs_from_end_to_end(engine: EmbeddedEngine, tmp_path: Path) -> None:
    status = _end(engine, engine.submit(_spec(tmp_path)))

    assert status.state is JobState.SUCCEEDED
    assert status.counters[("tasks", "map")] == 3
    assert status.counters[("tasks", "reduce")] == 2
    assert sorted(os.listdir(tmp_path / "out")) == ["_SUCCESS", "part-r-00000", "part-r-00001"]
    assert (tmp_path / "out/part-r-00001").read_text() == "reduce 1\n"


def test_a_job_without_reduces_publishes_what_its_maps_wrote(
    engine: EmbeddedEngine, tmp_path: Path
) -> None:
    _end(engine, engine.submit(_spec(tmp_path, reducers=0)))

    assert sorted(os.listdir(tmp_path / "out"))[1:] == [f"part-m-0000{i}" for i in range(3)]


def test_a_failed_try_is_tried_again(engine: EmbeddedEngine, tmp_path: Path) -> None:
    status = _end(engine, engine.submit(_spec(tmp_path, map1="fail-once")))

    assert (status.state, status.attempts_failed) == (JobState.SUCCEEDED, 1)


def test_a_job_that_cannot_succeed_says_why_and_leaves_no_output(
    engine: EmbeddedEngine, tmp_path: Path
) -> None:
    status = _end(engine, engine.submit(_spec(tmp_path, map1="fail")))

    assert (status.state, status.attempts_failed) == (JobState.FAILED, 4)
    assert (status.failures[0].reason, status.failures[0].traceback) == ("map 1 is bad", "trace")
    assert not (tmp_path / "out").exists()


def test_a_process_that_dies_fails_its_task_only(engine: EmbeddedEngine, tmp_path: Path) -> None:
    status = _end(engine, engine.submit(_spec(tmp_path, reduce0="die")))

    assert status.state is JobState.FAILED
    assert "killed by SIGKILL" in status.failures[0].reason
    assert status.failures[0].kind is FailureKind.FAILED
    assert _end(engine, engine.submit(_spec(tmp_path))).state is JobState.SUCCEEDED


def test_a_kill_ends_tasks_and_removes_the_output(engine: EmbeddedEngine, tmp_path: Path) -> None:
    job_id = engine.submit(_spec(tmp_path, map0="hang"))

    assert engine.kill(job_id, "Ctrl-C")

    status = _end(engine, job_id)
    assert (status.state, status.failures[0].reason) == (JobState.KILLED, "Ctrl-C")
    assert not (tmp_path / "out").exists()
    assert not engine.kill(job_id, "again")


def test_an_existing_output_is_refused(engine: EmbeddedEngine, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()

    with pytest.raises(OutputExistsError):
        engine.submit(_spec(tmp_path))
    with pytest.raises(NoSuchJobError):
        engine.status("job_1_1")


def test_jobs_may_be_submitted_from_many_threads(engine: EmbeddedEngine, tmp_path: Path) -> None:
    ended: list[JobStatus] = []

    def work(number: int) -> None:
        folder = tmp_path / str(number)
        ended.append(_end(engine, engine.submit(_spec(folder))))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)

    assert [status.state for status in ended] == [JobState.SUCCEEDED] * 4
    assert len({status.job_id for status in engine.jobs()}) == 4


def test_close_ends_everything_and_may_be_called_twice(tmp_path: Path) -> None:
    # Of earlier tests in this process.
    before = psutil.Process().children(recursive=True)
    engine = EmbeddedEngine(2, child=CHILD)
    work_dir = Path(repr(engine).rpartition(" in ")[2].rstrip(")"))
    engine.submit(_spec(tmp_path, map0="hang"))
    children = [one for one in psutil.Process().children(recursive=True) if one not in before]

    engine.close()
    engine.close()

    _, alive = psutil.wait_procs(children, timeout=WAIT_S)
    assert alive == []
    assert not work_dir.exists()
    with pytest.raises(MapredError, match="closed"):
        engine.jobs()


def test_the_local_tracker_is_listed(engine: EmbeddedEngine) -> None:
    def trackers() -> list[tuple[str, int]]:
        return [(t.info.tracker_id, t.info.map_slots) for t in engine.trackers()]

    for _ in range(1000):
        if trackers():
            break
        threading.Event().wait(0.01)
    assert trackers() == [("local", 2)]
