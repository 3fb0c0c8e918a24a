"""Processes that jobs of one family share: the rounds of a loop."""

import queue
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mapred.model import PROCESS_FAMILY, AttemptId, JobSpec, Split, TaskId
from mapred.task.messages import RunTask, TaskDone
from mapred.tasktracker.processes import Processes
from mapred.tasktracker.settings import TaskTrackerSettings
from mapred.tasktracker.workdirs import code_dir, family_dir

WAIT_S = 60.0
SETTINGS = TaskTrackerSettings(idle_family_s=5.0, tasks_per_process=3)


class Bench:
    """Processes of a tracker, one task at a time; `now` only moves when told."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._said: queue.SimpleQueue[tuple[AttemptId, object]] = queue.SimpleQueue()
        self._pids: dict[AttemptId, str] = {}
        self.processes = Processes(
            SETTINGS, spares=1, child="tests.unit.mapred.tasktracker.fake_child"
        )
        self.processes.report_to(lambda attempt, said: self._said.put((attempt, said)))
        self.processes.start()

    def start(self, job: str, index: int, family: str = "") -> AttemptId:
        attempt = AttemptId(TaskId(job, "m", index), 0)
        settings = {PROCESS_FAMILY: family} if family else {}
        spec = JobSpec(
            "J", "ana", "c0de", "file:///c", "j", "J", (), 1, "file:///o", settings=settings
        )
        folder = self._folder / str(attempt)
        self.processes.run(
            RunTask(
                attempt,
                spec,
                work_dir=str(folder),
                tracker_id="t",
                split=Split("file:///a", index, 1),
                log_dir=str(folder / "logs"),
            )
        )
        return attempt

    def pid(self, attempt: AttemptId) -> str:
        """Of the process that has done the attempt."""
        while attempt not in self._pids:
            about, said = self._said.get(timeout=WAIT_S)
            if isinstance(said, TaskDone):
                self._pids[about] = next(n for group, n in said.counters if group == "pids")
        return self._pids[attempt]

    def run(self, job: str, index: int, family: str = "") -> str:
        return self.pid(self.start(job, index, family))


@pytest.fixture
def bench(tmp_path) -> Iterator[Bench]:
    found = Bench(tmp_path)
    yield found
    found.processes.stop()


def test_the_next_job_of_a_family_finds_its_process(bench):
    first = bench.run("job_1_1", 0, "loop")
    bench.processes.dismiss_job("job_1_1", 100.0)
    assert bench.run("job_1_2", 0, "loop") == first
    assert bench.run("job_1_3", 0, "other loop") != first
    assert bench.run("job_1_4", 0) != first


def test_a_map_goes_to_the_process_that_has_had_its_split_before(bench):
    attempts = [bench.start("job_1_1", index, "loop") for index in (0, 1)]
    pids = [bench.pid(attempt) for attempt in reversed(attempts)][::-1]
    assert len(set(pids)) == 2
    bench.processes.dismiss_job("job_1_1", 100.0)
    assert bench.run("job_1_2", 1, "loop") == pids[1]
    assert bench.run("job_1_2", 0, "loop") == pids[0]


def test_many_tasks_do_not_use_up_what_a_family_keeps(bench):
    assert len({bench.run("job_1_1", index, "loop") for index in range(5)}) == 1
    assert len({bench.run("job_1_2", index) for index in range(5)}) == 2


def test_a_family_that_has_no_next_job_ends_after_a_while(bench):
    first = bench.run("job_1_1", 0, "loop")
    assert bench.processes.dismiss_families(100.0) == []
    bench.processes.dismiss_job("job_1_1", 100.0)
    bench.run("job_1_2", 0, "loop")
    bench.processes.dismiss_job("job_1_2", 103.0)
    assert bench.processes.dismiss_families(107.9) == []
    bench.processes.dismiss_families(108.0)
    assert bench.run("job_1_3", 0, "loop") != first


def test_a_family_is_gone_when_its_last_process_is(bench):
    pid = bench.run("job_1_1", 0, "loop")
    bench.processes.dismiss_job("job_1_1", 100.0)
    until = time.monotonic() + WAIT_S
    while not (gone := bench.processes.dismiss_families(200.0)):
        assert time.monotonic() < until
        time.sleep(0.01)
    assert gone == ["loop"]
    assert not Path(f"/proc/{pid}").exists()


def test_the_code_of_a_family_outlives_its_jobs():
    spec = JobSpec("J", "ana", "c0de", "file:///c", "j", "J", (), 1, "file:///o")
    family = JobSpec(
        *(getattr(spec, name) for name in JobSpec.__slots__[:9]),
        settings={PROCESS_FAMILY: "../../etc"},
    )
    assert code_dir("/root", "job_1_1", spec) == "/root/job_1_1/code"
    assert code_dir("/root", "job_1_1", family) == family_dir("/root", "../../etc")
    assert "etc" not in family_dir("/root", "../../etc")
