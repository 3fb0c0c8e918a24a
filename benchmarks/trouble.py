"""What trouble costs a job: a tracker that is killed in mid-shuffle, and one that is slow.

Three trackers with a slot each share the machine's cores, so tasks sleep instead of reckoning;
the slow tracker's sleep five times as long (emulated).
"""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.cluster import STOP_S, cluster, mapred
from benchmarks.table import Row
from mapred.client import ClusterEngine
from mapred.model import JobSpec, JobState, JobStatus
from mapred.submit import plan

JOB: Final = '''
import os
import time
from mapred import Job, Mapper, Param, Reducer

SLOWER = float(os.environ.get("BENCHMARK_SLOWER", "1"))

class Sleeps(Mapper):
    def map(self, offset, line):
        time.sleep(float(line) * SLOWER)
        yield from ((key, 1) for key in range(30))

class Ends(Reducer):
    def reduce(self, key, values):
        yield key, sum(values)
    def cleanup(self):
        time.sleep(self.ctx.params.reduce_s * SLOWER)

class Sleepers(Job):
    """Maps sleep as long as their lines say, reduces as long as reduce_s says."""
    mapper, reducer = Sleeps, Ends
    combine_files = False
    reduce_s: float = Param(0.0, help="seconds that a reduce sleeps")
'''
TRACKERS: Final = 3
# A tracker that is silent for this long is dead, here.
DEAD_AFTER_S: Final = 3.0
SLOWER: Final = 5


def run() -> list[Row]:
    return [_killed(), _slowed()]


def _killed() -> Row:
    """Once all maps are done and reduces fetch: two thirds of the job are maps."""
    settings = (f"dead_after_s={DEAD_AFTER_S:g}",)
    with trackers(settings) as (folder, engine, daemons):
        _wait(engine, _spec(engine, folder, maps=3, seconds=0.1, reduce_s=0.0))
        clean_s = _wait(engine, _spec(engine, folder, maps=18, seconds=0.5, reduce_s=2.0))
        spec = _spec(engine, folder, maps=18, seconds=0.5, reduce_s=2.0)
        began = time.perf_counter()
        job_id = engine.submit(spec)
        _until(engine, job_id, lambda status: status.maps_done == status.maps)
        daemons[-1].kill()
        _until(engine, job_id, lambda status: status.state.ended)
        killed_s = time.perf_counter() - began - DEAD_AFTER_S
    what = "18 maps and 3 reduces, one of 3 trackers killed when the maps are done"
    note = f"without the {DEAD_AFTER_S:g} s until it's missed; tasks sleep"
    most = 1 + 1 / 3 + 0.1
    ratio = clean_s / killed_s
    return Row(what, "nobody killed", killed_s, clean_s, ratio, 1, note, floor=1 / most)


def _slowed() -> Row:
    walls = {}
    for speculation in ("true", "false"):
        with trackers((f"speculation={speculation}",), slow=1) as (folder, engine, _):
            spec = _spec(engine, folder, maps=TRACKERS, seconds=8.0, reduce_s=0.0)
            walls[speculation] = _wait(engine, spec)
    ours, its = walls["true"], walls["false"]
    what = f"3 maps of 8 s, one of 3 trackers {SLOWER} times slower (emulated), with speculation"
    return Row(what, "without", ours, its, its / ours, 1, floor=1.5)


@contextmanager
def trackers(
    settings: Sequence[str], slow: int = 0
) -> Iterator[tuple[Path, ClusterEngine, list[subprocess.Popen[str]]]]:
    daemons: list[subprocess.Popen[str]] = []
    with tempfile.TemporaryDirectory() as name, cluster(Path(name, "store"), datanodes=1) as store:
        folder = Path(name)
        (folder / "sleepers.py").write_text(JOB)

        def start(*words: str, **more: str) -> str:
            with (folder / f"{words[0]}-{len(daemons)}.log").open("w") as log:
                daemon = subprocess.Popen(
                    [mapred(), *words],
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    env=os.environ | more,
                )
            daemons.append(daemon)
            assert daemon.stdout is not None
            return daemon.stdout.readline().rpartition(" ")[2].strip()

        known = ("--namenode", store.address, "--port", "0")
        conf = [word for setting in settings for word in ("--conf", setting)]
        try:
            jobtracker = start("jobtracker", *known, *conf)
            for number in range(TRACKERS):
                where = ("--dir", str(folder / f"tasks-{number}"), "--slots", "1")
                more = {"BENCHMARK_SLOWER": str(SLOWER)} if number < slow else {}
                # Each stands for a machine: nobody sees another's files.
                apart = ("--conf", "short_circuit=false")
                start("tasktracker", "--jobtracker", jobtracker, *where, *apart, *known, **more)
            with ClusterEngine(jobtracker) as engine:
                yield folder, engine, daemons[1:]
        finally:
            for daemon in reversed(daemons):
                daemon.terminate()
            for daemon in daemons:
                daemon.wait(STOP_S)


def _spec(
    engine: ClusterEngine, folder: Path, *, maps: int, seconds: float, reduce_s: float
) -> JobSpec:
    inputs = folder / f"in-{time.monotonic_ns()}"
    inputs.mkdir()
    for number in range(maps):
        (inputs / f"{number:03d}.txt").write_text(f"{seconds}\n")
    return plan(
        f"{folder / 'sleepers.py'}:Sleepers",
        [file.as_uri() for file in sorted(inputs.iterdir())],
        output=(folder / f"out-{time.monotonic_ns()}").as_uri(),
        params={"reduce_s": str(reduce_s)},
        reducers=TRACKERS,
        default_filesystem=f"bs://{engine.namenode()}",
        code_base=(folder / "code").as_uri(),
    )


def _wait(engine: ClusterEngine, spec: JobSpec) -> float:
    began = time.perf_counter()
    _until(engine, engine.submit(spec), lambda status: status.state.ended)
    return time.perf_counter() - began


def _until(engine: ClusterEngine, job_id: str, reached: Callable[[JobStatus], bool]) -> None:
    status, version = engine.status(job_id)
    while not reached(status):
        if status.state.ended:
            raise RuntimeError(f"{job_id} ended too early: {status.state.value}")
        status, version = engine.status(job_id, known_version=version, wait_s=10)
    if status.state.ended and status.state is not JobState.SUCCEEDED:
        raise RuntimeError(f"{job_id} {status.state.value}: {status.failures[:1]}")
