"""Real processes, forked by a real nursery; what they do is said by fake_child."""

import os
import queue
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from mapred.model import AttemptId, JobSpec, MapOutput, TaskId
from mapred.task.messages import MoreOutputs, RunTask, TaskDone, TaskFailed, TaskProgress
from mapred.tasktracker.processes import Gone, Processes, Said
from mapred.tasktracker.settings import TaskTrackerSettings

# For a busy machine; nothing here waits for its end.
WAIT_S = 60.0
CHILD = "tests.unit.mapred.tasktracker.fake_child"
ROOT = Path(__file__).parents[4]
OUTPUT = MapOutput(0, 0, "t", "h", 1, "/p", 5)


class Bench:
    """Processes, and what they said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: queue.SimpleQueue[tuple[AttemptId, Said]] = queue.SimpleQueue()
        settings = TaskTrackerSettings(kill_grace_s=0.3, tasks_per_process=3)
        self.processes = Processes(settings, spares=1, child=CHILD)
        self.processes.report_to(lambda attempt, said: self.said.put((attempt, said)))
        self.processes.start()

    def start(
        self,
        behaviour: str = "ok",
        *,
        letter: str = "m",
        job: str = "job_1",
        index: int = 0,
        code_dir: str = "",
    ) -> AttemptId:
        attempt = TaskId(job, letter, index).attempt(0)
        spec = JobSpec(
            "J",
            "me",
            "",
            "",
            "m",
            "J",
            (),
            1,
            f"file://{self.folder}/out",
            settings={"*": behaviour},
        )
        folder = self.folder / str(attempt)
        self.processes.run(
            RunTask(
                attempt,
                spec,
                work_dir=str(folder),
                tracker_id="t",
                maps=1 if letter == "r" else 0,
                log_dir=str(folder / "logs"),
                code_dir=code_dir,
            )
        )
        return attempt

    def next(self, *kinds: type[Said]) -> Said:
        """The next thing said that is of one of the kinds."""
        while True:
            said = self.said.get(timeout=WAIT_S)[1]
            if isinstance(said, kinds):
                return said

    def pid(self) -> int:
        """Of the task that has just begun."""
        said = self.next(TaskProgress)
        assert isinstance(said, TaskProgress)
        return int(said.status.removeprefix("pid "))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.processes.stop()


def _eventually(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


def test_a_process_serves_the_tasks_of_its_job_one_after_the_other(bench: Bench) -> None:
    pids = set()
    for index in range(3):
        bench.start(index=index)
        pids.add(bench.pid())
        assert isinstance(bench.next(TaskDone), TaskDone)

    assert len(pids) == 1


def test_a_process_ends_after_so_many_tasks(bench: Bench) -> None:
    pids = []
    for index in range(4):
        bench.start(index=index)
        pids.append(bench.pid())
        bench.next(TaskDone)

    assert pids[3] != pids[0]
    _eventually(lambda: not psutil.pid_exists(pids[0]))


@pytest.mark.parametrize("idle", [True, False])
def test_a_process_whose_code_was_on_a_lost_disk_is_not_used_again(
    bench: Bench, idle: bool
) -> None:
    reduce = bench.start(letter="r", code_dir="/disk-a/job_1/code")
    first = bench.pid()
    bench.processes.leave("/disk")
    if not idle:
        bench.processes.leave("/disk-a")
    bench.processes.send_outputs(reduce, MoreOutputs((OUTPUT,)))
    bench.next(TaskDone)
    if idle:
        bench.start(code_dir="/disk-b/job_1/code", index=1)
        assert bench.pid() == first, "that disk isn't lost"
        bench.next(TaskDone)
        bench.processes.leave("/disk-a")
    bench.start(code_dir="/disk-b/job_1/code", index=2)
    assert bench.pid() != first


def test_another_job_gets_another_process(bench: Bench) -> None:
    bench.start(job="job_1")
    first = bench.pid()
    bench.next(TaskDone)
    bench.start(job="job_2")

    assert bench.pid() != first


def test_a_process_that_has_failed_a_task_is_not_used_again(bench: Bench) -> None:
    bench.start("fail")
    first = bench.pid()
    said = bench.next(TaskFailed)
    assert isinstance(said, TaskFailed)
    assert said.reason == "map 0 is bad"
    bench.start(index=1)

    assert bench.pid() != first


def test_a_death_is_told_with_signal_and_last_words(bench: Bench) -> None:
    bench.start("die")

    said = bench.next(Gone)

    assert isinstance(said, Gone)
    assert said.how.startswith("killed by SIGKILL")
    assert said.last_words == "last words\n"


def test_a_hanging_task_is_ended_with_its_stack(bench: Bench) -> None:
    attempt = bench.start("hang")
    bench.pid()

    bench.processes.end(attempt, dump_stack=True)

    said = bench.next(Gone)
    assert isinstance(said, Gone)
    assert said.how == "killed by SIGTERM"
    assert "fake_child.py" in said.last_words


def test_a_task_that_does_not_listen_is_killed(bench: Bench) -> None:
    attempt = bench.start("deaf")
    bench.pid()
    time.sleep(0.1)

    bench.processes.end(attempt, dump_stack=False)

    said = bench.next(Gone)
    assert isinstance(said, Gone)
    assert said.how in ("killed by SIGKILL (out of memory?)", "killed by SIGTERM")


def test_what_a_task_has_started_ends_with_it(bench: Bench) -> None:
    attempt = bench.start("spawn")
    grandchild = bench.pid()
    assert psutil.pid_exists(grandchild)

    bench.processes.end(attempt, dump_stack=False)

    _eventually(
        lambda: (
            not psutil.pid_exists(grandchild)
            or psutil.Process(grandchild).status() == psutil.STATUS_ZOMBIE
        )
    )


def test_outputs_reach_a_running_reduce(bench: Bench) -> None:
    attempt = bench.start(letter="r")
    bench.pid()

    bench.processes.send_outputs(attempt, MoreOutputs((OUTPUT,)))

    said = bench.next(TaskDone)
    assert isinstance(said, TaskDone)
    assert said.final_name == "part-r-00000"


def test_stop_ends_every_process(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.start("hang")
    pid = bench.pid()

    bench.processes.stop()
    bench.processes.stop()

    _eventually(lambda: not psutil.pid_exists(pid))


def test_a_dead_nursery_fails_the_tasks_that_ran_and_is_replaced(bench: Bench) -> None:
    bench.start("hang")
    pid = bench.pid()
    nursery = psutil.Process(pid).parent()
    assert nursery is not None

    nursery.kill()

    said = bench.next(Gone)
    assert isinstance(said, Gone)
    assert said.how == "the server of task processes died"
    _eventually(lambda: not psutil.pid_exists(pid))
    bench.start(index=1)
    assert isinstance(bench.next(TaskDone, Gone), TaskDone)


_TRACKER = """
import sys, time
sys.path.insert(0, {root!r})
from pathlib import Path
from tests.unit.mapred.tasktracker.test_processes import Bench
bench = Bench(Path({folder!r}))
bench.start("deaf")
print(bench.pid(), flush=True)
time.sleep(600)
"""


def test_tasks_die_with_their_tracker(tmp_path: Path) -> None:
    code = _TRACKER.format(root=str(ROOT), folder=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as tracker:
        assert tracker.stdout is not None
        pid = int(tracker.stdout.readline())
        nursery = psutil.Process(pid).ppid()

        os.kill(tracker.pid, signal.SIGKILL)

        _eventually(lambda: not psutil.pid_exists(pid))
        _eventually(lambda: not psutil.pid_exists(nursery))
