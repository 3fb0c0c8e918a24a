"""What users of other engines complain of, each as a test that has the complaint in its name.

Two more are where they belong: descriptors (tests/unit/mapred/shuffle/test_limits.py), and a
silent fall-back to local mode (tests/cluster/test_commands_alone.py).
"""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mapred.jobhistory import story_of
from mapred.jobtracker.stories import decode_story, story_path
from mapred.model import JobState
from tests.cluster.daemons import MapReduceCluster, eventually
from tests.cluster.jobs import jobs_on

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

# A word's count from each map; maps and reduces wait where they are told to.
GATED = """\
import os, time
from mapred import Job, Mapper, Param, Reducer

def wait_for(path):
    while path and not os.path.exists(path):
        time.sleep(0.02)

class Words(Mapper):
    def map(self, offset, line):
        self.ctx.count("my", "lines")
        if line.startswith("last"):
            wait_for(self.ctx.params.map_gate)
        for word in line.split():
            yield word, 1

class Total(Reducer):
    def reduce(self, word, counts):
        self.ctx.status("reducing")
        number = self.ctx.attempt.number
        yield word, sum(counts) if not self.ctx.params.signed else f"by attempt {number}"
        for _ in range(self.ctx.params.bulk):
            yield word, "x" * (1 << 20)
        wait_for(self.ctx.params.reduce_gate)

class Gated(Job):
    map_gate: str = Param("")
    reduce_gate: str = Param("")
    signed: bool = Param(False)
    bulk: int = Param(0, help="megabytes that a reduce writes before it waits")
    slowstart = 0.0
    mapper, reducer = Words, Total
"""
TEXTS = [f"word{n} all\n" for n in range(4)] + ["last all\n"]
COUNTS = sorted(["all\t5", "last\t1", *(f"word{n}\t1" for n in range(4))])


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    """On two trackers; who kills something brings it back."""
    cluster = MapReduceCluster(tmp_path_factory.mktemp("complaints"))
    try:
        cluster.start(1, tasktrackers=2)
        with jobs_on(cluster, tmp_path_factory.mktemp("home")) as found:
            found.put("/in", *TEXTS)
            found.put("/one", "only\n")
            yield found
    finally:
        cluster.close()


@pytest.fixture
def gate(tmp_path):
    return tmp_path / "gate"


def until(jobs, job_id, condition):
    for status in jobs.statuses(job_id):
        if condition(status):
            return status
    raise AssertionError(f"it ended before: {status}")


def story(jobs, job_id):
    path = story_path(job_id)
    eventually(lambda: jobs.store.exists(path), f"the story of {job_id}")
    with jobs.store.open(path) as file:
        return story_of(decode_story(file.read(), path))


def leaves(store, directory):
    """The files below it, as far as it is there."""
    found, left = [], [directory] if store.exists(directory) else []
    while left:
        for entry in store.list(left.pop()):
            (left if entry.is_directory else found).append(entry.path)
    return found


def failing(text, **attributes):
    """A job of one mapper whose map does what the text says."""
    body = "".join(f"    {name} = {value!r}\n" for name, value in attributes.items())
    return (
        "import os, time\nfrom mapred import Job, Mapper\n\n"
        "class Does(Mapper):\n    def map(self, offset, line):\n"
        f"        {text}\n        yield line, 1\n\n"
        f"class Failing(Job):\n    mapper = Does\n{body}"
    )


def test_a_worker_killed_in_mid_shuffle_does_not_hang_the_job(jobs, gate):
    options = {"output": "/shuffle", "reducers": 2, "job_combine_files": False}
    job_id = jobs.submit("gated.py", GATED, map_gate=gate, **options)
    # Reduces run and have fetched what there is; one map is still to come.
    until(jobs, job_id, lambda s: s.maps_done == 4 and s.attempts_running >= 3)
    jobs.cluster.tasktrackers[0].kill()
    gate.touch()
    assert jobs.ended(job_id).state is JobState.SUCCEEDED
    assert jobs.output("/shuffle") == COUNTS
    jobs.cluster.start_tasktracker(0)


def test_a_restart_of_the_master_loses_nothing_and_doubles_no_counter(jobs, gate):
    options = {"output": "/restart", "reducers": 1, "job_combine_files": False}
    job_id = jobs.submit("gated.py", GATED, reduce_gate=gate, **options)
    until(jobs, job_id, lambda s: s.maps_done == 5 and s.reduce_progress > 0.3)
    jobs.cluster.jobtracker.kill()
    killed_at_s = time.time()
    jobs.cluster.start_jobtracker()
    gate.touch()
    status = jobs.ended(job_id)
    assert status.state is JobState.SUCCEEDED
    assert jobs.output("/restart") == COUNTS
    assert status.counters["my", "lines"] == 5
    assert status.counters["task", "map_input_records"] == 5
    maps = [one for one in story(jobs, job_id).attempts if one.id.kind.value == "m"]
    assert len(maps) >= 5
    assert all(one.started_at_s < killed_at_s for one in maps), "finished maps were run again"


def test_a_killed_worker_is_told_with_a_reason(jobs):
    job_id = jobs.submit(
        "killed.py",
        failing("os.write(2, b'my last words\\n'); os.kill(os.getpid(), 9)", attempts_max=2),
        output="/killed",
        inputs="/one",
    )
    status = jobs.ended(job_id)
    assert status.state is JobState.FAILED
    assert "killed by SIGKILL" in status.failures[0].reason
    assert status.failures[0].host == "127.0.0.1"
    assert "my last words" in status.failures[0].traceback


def test_out_of_memory_takes_no_node_down(jobs, gate):
    # A reduce of it is on either node.
    neighbour = jobs.submit(
        "gated.py", GATED, output="/neighbour", reducers=2, inputs="/in", reduce_gate=gate
    )
    until(jobs, neighbour, lambda s: s.reduce_progress > 0.3 and s.attempts_running == 2)
    job_id = jobs.submit(
        "hungry.py",
        failing(
            "keep = [b'x' * (1 << 20) for _ in range(1 << 20) if not time.sleep(0.002)]",
            attempts_max=1,
            task_memory_bytes=300 << 20,
        ),
        output="/hungry",
        inputs="/one",
    )
    status = jobs.ended(job_id)
    assert status.state is JobState.FAILED
    reason = status.failures[0].reason
    assert f"attempt_{job_id.removeprefix('job_')}_m_000000" in reason
    assert "of memory on 127.0.0.1" in reason
    assert "task_memory_bytes = BYTES" in reason
    assert status.failures[0].peak_bytes > 300 << 20
    assert [one.process.poll() for one in jobs.cluster.tasktrackers.values()] == [None, None]
    gate.touch()
    assert jobs.ended(neighbour).state is JobState.SUCCEEDED
    assert story(jobs, neighbour).phases[-1].outcomes == {"succeeded": 2}
    assert [one.state for one in jobs.engine.trackers()] == ["live", "live"]


IN_MAIN = """\
from dataclasses import dataclass
from mapred import Job, Mapper, Reducer

@dataclass(frozen=True)
class Seen:
    word: str

class Words(Mapper):
    def map(self, offset, line):
        assert __name__ != "__main__"
        for word in line.split():
            yield word[0], Seen(word)

class Sets(Reducer):
    def reduce(self, letter, values):
        import helper_of_main
        values = list(values)
        assert all(type(value) is Seen for value in values)
        yield letter, helper_of_main.joined(values)

class InMain(Job):
    mapper, reducer = Words, Sets

if __name__ == "__main__":
    raise SystemExit("this is no main program on the workers")
"""


def test_code_in_main_is_found_and_a_helper_module_is_shipped(jobs):
    helper = "def joined(values):\n    return ' '.join(sorted({v.word for v in values}))\n"
    (jobs.home / "helper_of_main.py").write_text(helper)
    status = jobs.ended(jobs.submit("inmain.py", IN_MAIN, output="/main", reducers=2))
    assert status.state is JobState.SUCCEEDED, status.failures
    assert jobs.output("/main") == ["a\tall", "l\tlast", "w\tword0 word1 word2 word3"]


def test_a_job_is_not_stuck_at_99_percent_by_a_worker_that_hangs(jobs):
    source = failing(
        "time.sleep(1e6 if line.startswith('last') and self.ctx.attempt.number == 0 else 0)",
        stall_s=5.0,
        combine_files=False,
    )
    job_id = jobs.submit("stuck.py", source, output="/stuck")
    status = jobs.ended(job_id)
    assert status.state is JobState.SUCCEEDED
    assert len(jobs.output("/stuck")) == 5
    failures = [one.failure for one in story(jobs, job_id).attempts if one.outcome == "failed"]
    assert any(
        "no progress for 5 s" in failure.reason and "in map" in failure.traceback
        for failure in failures
    )


def test_leftovers_of_killed_attempts_are_not_read_by_the_next_job(jobs, gate):
    options = {"reducers": 1, "job_combine_files": False}
    first = jobs.submit("gated.py", GATED, output="/left", reduce_gate=gate, bulk=16, **options)
    eventually(lambda: leaves(jobs.store, "/left/_temporary") != [], "half a part is there")
    assert jobs.engine.kill(first, "enough")
    assert jobs.ended(first).state is JobState.KILLED
    assert not jobs.store.exists("/left")
    gate.touch()
    # The same directory, and then it's the input of another job.
    again = jobs.submit("gated.py", GATED, output="/left", **options)
    assert jobs.ended(again).state is JobState.SUCCEEDED
    assert jobs.output("/left") == COUNTS
    second = jobs.submit("gated.py", GATED, output="/right", inputs="/left", **options)
    assert jobs.ended(second).state is JobState.SUCCEEDED
    words = {line.split("\t")[0] for line in COUNTS}
    assert {line.split("\t")[0] for line in jobs.output("/right")} >= words
    for path in ("/left", "/right"):
        names = [entry.name for entry in jobs.store.list(path)]
        assert names == ["_SUCCESS", "part-r-00000"]


def test_two_attempts_do_not_write_one_file_though_a_frozen_tracker_comes_back(jobs, gate):
    options = {"output": "/twice", "reducers": 1, "inputs": "/one", "signed": True}
    job_id = jobs.submit("gated.py", GATED, reduce_gate=gate, **options)
    until(jobs, job_id, lambda s: s.reduce_progress > 0.3)
    (busy,) = [one for one in jobs.engine.trackers() if one.reduces_running]
    frozen = next(
        number
        for number, daemon in jobs.cluster.tasktrackers.items()
        if f":{busy.info.port}" in daemon.address
    )
    jobs.cluster.tasktrackers[frozen].freeze()
    # Dead to the JobTracker; its reduce is not, and writes at the same time as the other.
    until(jobs, job_id, lambda s: s.maps_done == 1 and s.attempts_running == 1)
    eventually(
        lambda: [one.state for one in jobs.engine.trackers()].count("dead") == 1, "it is dead"
    )
    gate.touch()
    status = jobs.ended(job_id)
    assert jobs.output("/twice") == ["only\tby attempt 1"]
    jobs.cluster.tasktrackers[frozen].thaw()
    assert status.state is JobState.SUCCEEDED
    eventually(
        lambda: [one.state for one in jobs.engine.trackers()].count("live") == 2, "it is back"
    )
    assert jobs.output("/twice") == ["only\tby attempt 1"]
    files = [entry.name for entry in jobs.store.list("/twice") if not entry.is_directory]
    assert files == ["_SUCCESS", "part-r-00000"]


def test_a_submit_is_not_silent_while_no_datanode_takes_the_history(jobs, caplog):
    # What travels with the job is there before.
    assert jobs.ended(jobs.submit("gated.py", GATED, output="/before")).state is JobState.SUCCEEDED
    jobs.cluster.datanodes[0].kill()
    with ThreadPoolExecutor(1) as somebody:
        submitting = somebody.submit(jobs.submit, "gated.py", GATED, output="/silent")
        words = "waiting for the block store to take the JobTracker's history: "
        eventually(lambda: words in caplog.text, "the client says what it waits for, and why")
        assert not submitting.done()
        jobs.cluster.start_datanode(0)
        assert jobs.ended(submitting.result(60)).state is JobState.SUCCEEDED
    assert jobs.output("/silent") == COUNTS


def test_counters_are_not_doubled_by_retries(jobs):
    source = failing(
        "self.ctx.count('my', 'lines')\n"
        "        if self.ctx.attempt.number < 2: raise ValueError('not yet')",
        combine_files=False,
    )
    status = jobs.ended(jobs.submit("retries.py", source, output="/retries"))
    assert status.state is JobState.SUCCEEDED
    assert status.attempts_failed == 10
    assert status.counters["my", "lines"] == 5
    assert status.counters["task", "map_input_records"] == 5
