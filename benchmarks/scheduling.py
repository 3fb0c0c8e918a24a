"""What the scheduler itself costs: tasks that do nothing, and small jobs, on a cluster of one
tracker with two slots; and the JobTracker's core with a large cluster in virtual time.

The peers' figures are of the same kind of machine (2 cores): Dask 441 tasks/s, Ray 990, Spark 38;
a warm two-stage job takes Spark 268 ms.
"""

import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Final

from benchmarks.bigcluster import BigCluster
from benchmarks.cluster import STOP_S, cluster, mapred
from benchmarks.table import Row
from mapred.client import ClusterEngine
from mapred.model import JobSpec, JobState
from mapred.submit import plan

JOB = '''
import time
from mapred import Job, Mapper, Reducer

class Nothing(Mapper):
    def map(self, offset, line):
        return None

class NoOp(Job):
    """Tasks that read a line."""
    mapper = Nothing
    lazy_output = True

class Line(Mapper):
    def map(self, offset, line):
        yield line, 1

class Total(Reducer):
    def reduce(self, key, values):
        yield key, sum(values)

class Small(Job):
    """One map, one reduce."""
    mapper, reducer = Line, Total

class Began(Mapper):
    def setup(self):
        self.began = time.time()
    def map(self, offset, line):
        yield "map began", self.began
    def cleanup(self):
        yield "map ended", time.time()

class Reached(Reducer):
    def setup(self):
        self.began = time.time()
    def reduce(self, key, values):
        for at in values:
            yield key, at
    def cleanup(self):
        yield "reduce began", self.began

class Times(Job):
    """When each of its parts ran."""
    mapper, reducer = Began, Reached
'''
_NUMBERS = count()
# Of processor time of the core.
CORE_EVENTS_PER_S: Final = 5_000
# Of each of its jobs; the others are maps.
REDUCES: Final = 10


def run(*, runs: int, tasks: int, trackers: int, jobs: int, virtual_tasks: int) -> list[Row]:
    rows = [_core(trackers, jobs, virtual_tasks)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "small.py").write_text(JOB)
        (folder / "line.txt").write_text("one line\n")
        with _engine(folder) as engine:
            rows += [_throughput(engine, folder, runs, tasks), _small(engine, folder, runs)]
            rows += _latencies(engine, folder, runs)
    return rows


def _core(trackers: int, jobs: int, tasks: int) -> Row:
    big = BigCluster(trackers, jobs, tasks // jobs - REDUCES, REDUCES)
    # Submitting isn't scheduling.
    big.tally.core_s = big.tally.slowest_s = 0.0
    tally = big.go()
    rate, ours = CORE_EVENTS_PER_S, tally.events_per_s
    what = f"the core: launches and ends of {tally.tasks:,} tasks"
    note = (
        f"virtual time, {jobs} jobs, {trackers:,} trackers, {tally.beats:,} heartbeats with "
        f"progress; the longest step "
        f"{1000 * tally.slowest_s:.0f} ms; peak memory {tally.most_bytes / 1e6:,.0f} MB, "
        f"{tally.most_bytes / tally.tasks:,.0f} bytes a task"
    )
    return Row(what, "at least", ours, rate, ours / rate, 1, note, "/s", floor=1.0)


@contextmanager
def _engine(folder: Path) -> Iterator[ClusterEngine]:
    daemons: list[subprocess.Popen[str]] = []

    def start(*words: str) -> str:
        log = (folder / f"{words[0]}.log").open("w")
        daemon = subprocess.Popen([mapred(), *words], stdout=subprocess.PIPE, stderr=log, text=True)
        daemons.append(daemon)
        assert daemon.stdout is not None
        return daemon.stdout.readline().rpartition(" ")[2].strip()

    with cluster(folder / "store", datanodes=1) as store:
        try:
            known = ("--namenode", store.address, "--port", "0")
            jobtracker = start("jobtracker", *known)
            where = ("--dir", str(folder / "tasks"), "--slots", "2")
            start("tasktracker", "--jobtracker", jobtracker, *where, *known)
            with ClusterEngine(jobtracker) as engine:
                yield engine
        finally:
            for daemon in reversed(daemons):
                daemon.terminate()
            for daemon in daemons:
                daemon.wait(STOP_S)


def _spec(engine: ClusterEngine, folder: Path, job: str) -> JobSpec:
    output = (folder / f"out-{next(_NUMBERS)}").as_uri()
    return plan(
        f"{folder / 'small.py'}:{job}",
        [(folder / "line.txt").as_uri()],
        output=output,
        params={},
        reducers=None if job == "NoOp" else 1,
        default_filesystem=f"bs://{engine.namenode()}",
        code_base=(folder / "code").as_uri(),
    )


def _wall_s(engine: ClusterEngine, spec: JobSpec) -> float:
    started = time.perf_counter()
    job_id = engine.submit(spec)
    status, version = engine.status(job_id)
    while not status.state.ended:
        status, version = engine.status(job_id, known_version=version, wait_s=10)
    wall_s = time.perf_counter() - started
    if status.state is not JobState.SUCCEEDED:
        raise RuntimeError(f"{job_id} {status.state.value}: {status.failures[:1]}")
    return wall_s


def _throughput(engine: ClusterEngine, folder: Path, runs: int, tasks: int) -> Row:
    rates = []
    for _ in range(runs):
        spec = _spec(engine, folder, "NoOp")
        rates.append(tasks / _wall_s(engine, replace(spec, splits=spec.splits * tasks)))
    what = f"{tasks:,} tasks that do nothing, one tracker with two slots"
    # At least 600 a second, which is two thirds of Ray's, and better 1,500.
    rate, ray = statistics.median(rates), 990.0
    return Row(what, "Ray", rate, ray, rate / ray, runs, unit="/s", floor=600 / ray, aim=1500 / ray)


def _small(engine: ClusterEngine, folder: Path, runs: int) -> Row:
    walls = [_wall_s(engine, _spec(engine, folder, "Small")) for _ in range(runs + 1)][1:]
    wall_s, spark_s = statistics.median(walls), 0.268
    what = "one map and one reduce, warm cluster, from submit to the end"
    ratio = spark_s / wall_s
    return Row(what, "Spark", wall_s, spark_s, ratio, runs, floor=2.68, aim=8.9)


def _latencies(engine: ClusterEngine, folder: Path, runs: int) -> list[Row]:
    """By the clock of the machine: of the client, and in the user's code."""
    starts, turns = [], []
    for _ in range(runs + 1):
        spec, submitted_at = _spec(engine, folder, "Times"), time.time()
        _wall_s(engine, spec)
        output = Path(spec.output_uri.removeprefix("file://"), "part-r-00000")
        at = dict(line.split("\t") for line in output.read_text().splitlines())
        starts.append(float(at["map began"]) - submitted_at)
        turns.append(float(at["reduce began"]) - float(at["map ended"]))
    return [
        _latency("submit to the first map's user code, warm cluster", starts[1:], 0.030),
        _latency("end of the last map's user code to the first reduce's", turns[1:], 0.015),
    ]


def _latency(what: str, seconds: list[float], most_s: float) -> Row:
    found_s = statistics.median(seconds)
    return Row(what, "at most", found_s, most_s, most_s / found_s, len(seconds), floor=1.0)
