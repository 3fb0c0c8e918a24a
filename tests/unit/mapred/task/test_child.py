"""A task process as its tracker sees it: messages in, messages out, files on disk."""

import hashlib
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pytest

from mapred.model import FailureKind, MapOutput, TaskId
from mapred.submit import plan
from mapred.task.child import run
from mapred.task.messages import (
    MoreOutputs,
    OutputLost,
    RunTask,
    Stop,
    TaskDone,
    TaskFailed,
    TaskProgress,
)

JOB_ID = "job_20260101000000_0001"
SOURCE = """
import os, subprocess, sys
from helper_of_job import split_words
from mapred import Job, Mapper, Param, Reducer

class Words(Mapper):
    def setup(self):
        print("set up in", os.getpid())
        self.data = self.ctx.file("stop.txt").read_text().split()

    def map(self, offset, line):
        if line == "exit":
            sys.exit(3)
        if line == "fail":
            raise ValueError("as told")
        if line == "shout":
            print("to stderr", file=sys.stderr)
            subprocess.run(["echo", "from a child process"])
        for word in split_words(line):
            if word not in self.data:
                yield word, 1

class Total(Reducer):
    def reduce(self, word, counts):
        yield word, sum(counts)

class Count(Job):
    files = ["stop.txt"]
    bonus: int = Param(0)
    mapper, combiner, reducer = Words, Total, Total
"""


class Child:
    """A process with its pipe."""

    def __init__(self, folder):
        self.folder = folder
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=run, args=(theirs,))
        self.process.start()
        theirs.close()
        self.heard = []

    def task(self, kind, index, number=0, **more):
        attempt = TaskId(JOB_ID, kind, index).attempt(number)
        work, logs = self.folder / str(attempt), self.folder / "logs" / str(attempt)
        work.mkdir(parents=True)
        logs.mkdir(parents=True)
        return {"attempt": attempt, "work_dir": str(work), "log_dir": str(logs), **more}

    def expect(self, *kinds):
        """The next message of these kinds; progress is put aside."""
        while True:
            assert self.pipe.poll(60), "the task process says nothing"
            message = self.pipe.recv()
            if isinstance(message, kinds):
                return message
            assert isinstance(message, TaskProgress)
            self.heard.append(message)

    def stop(self):
        self.pipe.send(Stop())
        self.process.join(30)
        return self.process.exitcode


@pytest.fixture
def job(tmp_path):
    """(a spec of a job over one file, the file)"""
    folder = tmp_path / "job"
    folder.mkdir()
    (folder / "count_words.py").write_text(SOURCE)
    (folder / "helper_of_job.py").write_text("def split_words(line):\n    return line.split()\n")
    (folder / "stop.txt").write_text("the a")
    text = folder / "text"
    text.write_text("the cat\nthe mat a cat\n")
    spec = plan(
        f"{folder}/count_words.py",
        [str(text)],
        output=str(tmp_path / "out"),
        params={},
        reducers=1,
        code_base=f"file://{tmp_path}/code",
    )
    # As the JobTracker prepares the output.
    (tmp_path / "out" / "_temporary" / JOB_ID).mkdir(parents=True)
    return spec, text


@pytest.fixture
def child(tmp_path):
    one = Child(tmp_path / "work")
    yield one
    one.pipe.close()
    one.process.join(10)
    assert not one.process.is_alive()


def map_of(child, spec, index=0, number=0):
    task = RunTask(
        spec=replace(spec, splits=()),
        tracker_id="here",
        split=spec.splits[0],
        **child.task("m", index, number),
    )
    child.pipe.send(task)
    return task


def reduce_of(child, spec, outputs, maps=1, number=0):
    task = RunTask(
        spec=replace(spec, splits=()),
        tracker_id="here",
        maps=maps,
        outputs=tuple(outputs),
        **child.task("r", 0, number),
    )
    child.pipe.send(task)
    return task


def output_of(done, index=0, number=0):
    return MapOutput(index, number, "here", "localhost", 1, done.output_path, done.output_bytes)


def test_a_process_runs_many_attempts_of_one_job_and_stops_when_told(child, job, tmp_path):
    spec, _ = job
    task = map_of(child, spec)
    done = child.expect(TaskDone)
    assert done.counters["task", "map_output_records"] == 3
    assert Path(done.output_path).parent == Path(task.work_dir)
    reduce_of(child, spec, [output_of(done)])
    reduced = child.expect(TaskDone)
    assert reduced.final_name == "part-r-00000"
    path = (
        tmp_path / "out" / "_temporary" / f"{task.attempt}".replace("_m_", "_r_") / "part-r-00000"
    )
    assert reduced.temporary_uri == f"file://{path}"
    assert path.read_text() == "cat\t2\nmat\t1\n"
    assert Path(task.log_dir, "stdout").read_text() == f"set up in {child.process.pid}\n"
    assert child.stop() == 0


def test_an_exception_ends_the_attempt_and_not_the_process(child, job):
    spec, text = job
    text.write_text("fine\nfail\n")
    task = map_of(child, spec)
    failed = child.expect(TaskFailed)
    assert failed.kind is FailureKind.FAILED
    assert failed.reason == "ValueError: as told"
    assert 'File "count_words.py", line 15, in map' in failed.traceback
    assert "mapred" not in failed.traceback.replace("count_words", "")
    assert (failed.input_uri, failed.offset, failed.sample) == (f"file://{text}", 5, "'fail'")
    assert "as told" in Path(task.log_dir, "stderr").read_text()
    text.write_text("fine\nexit\n")
    map_of(child, spec, number=1)
    assert child.expect(TaskFailed).reason == "SystemExit: 3"
    text.write_text("fine\n")
    map_of(child, spec, number=2)
    child.expect(TaskDone)


def test_whatever_user_code_prints_is_kept_with_the_attempt(child, job):
    spec, text = job
    text.write_text("shout\n")
    task = map_of(child, spec)
    child.expect(TaskDone)
    assert "from a child process" in Path(task.log_dir, "stdout").read_text()
    assert Path(task.log_dir, "stderr").read_text() == "to stderr\n"


def test_code_that_cannot_be_imported_is_fatal(child, job, tmp_path):
    spec, _ = job
    broken = replace(spec, code_sha256=hashlib.sha256(b"else").hexdigest())
    map_of(child, broken)
    failed = child.expect(TaskFailed)
    assert failed.kind is FailureKind.FATAL
    assert "the code archive's SHA-256 is" in failed.reason
    map_of(child, replace(spec, job_class="Nobody"), number=1)
    assert "has no Job named Nobody" in child.expect(TaskFailed).reason
    map_of(child, replace(spec, code_uri=f"file://{tmp_path}/gone.zip"), number=2)
    assert "gone.zip" in child.expect(TaskFailed).reason


def test_a_reduce_waits_for_outputs_that_are_announced_later(child, job):
    spec, _ = job
    map_of(child, spec, 0)
    first = output_of(child.expect(TaskDone))
    map_of(child, spec, 1)
    second = output_of(child.expect(TaskDone), 1)
    reduce_of(child, spec, [first], maps=2)
    waiting = child.expect(TaskProgress)
    assert waiting.phase == "shuffle"
    assert 0 < waiting.fraction < 1
    child.pipe.send(MoreOutputs((second,)))
    done = child.expect(TaskDone)
    assert done.counters["task", "reduce_input_records"] == 4


def test_a_lost_output_is_complained_of_at_every_announcement_and_may_be_replaced(child, job):
    spec, _ = job
    map_of(child, spec)
    done = child.expect(TaskDone)
    good = output_of(done, 0, 1)
    gone = replace(good, attempt_number=0, path=done.output_path + ".gone")
    reduce_of(child, spec, [gone])
    lost = child.expect(OutputLost)
    assert (lost.map_index, lost.attempt_number) == (0, 0)
    assert "map.data.gone.index can't be read" in lost.reason
    child.pipe.send(MoreOutputs((gone,)))
    assert child.expect(OutputLost) == lost
    child.pipe.send(MoreOutputs((good,)))
    child.expect(TaskDone)


def test_a_flipped_bit_in_a_local_map_output_is_a_lost_output(child, job):
    spec, _ = job
    map_of(child, spec)
    done = child.expect(TaskDone)
    data = bytearray(Path(done.output_path).read_bytes())
    data[len(data) // 2] ^= 4
    Path(done.output_path).write_bytes(data)
    reduce_of(child, spec, [output_of(done)])
    assert "don't match their checksum" in child.expect(OutputLost).reason


def test_a_process_whose_tracker_is_gone_ends_at_once(child, job):
    spec, _ = job
    map_of(child, spec)
    done = child.expect(TaskDone)
    reduce_of(child, spec, [output_of(done)], maps=2)
    child.expect(TaskProgress)
    child.pipe.close()
    child.process.join(30)
    assert child.process.exitcode == 1
