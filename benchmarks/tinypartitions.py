"""Many maps by many reducers with tiny partitions: time grows with maps + reducers.

Each map yields a record for each of 500 keys, whatever the size; from line to line maps and
reducers are twice as many, and their pairs four times. Embedded, and on three trackers that see
nothing of each other's files. All runs under the shell's `ulimit -n 256`, soft and hard.

    python -m benchmarks.tinypartitions MAPS REDUCERS embedded|cluster    one job: seconds as JSON
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from benchmarks.table import Row
from benchmarks.trouble import TRACKERS, trackers
from mapred.engine import Engine
from mapred.submit import plan

JOB: Final = '''
from mapred import Job, Mapper, Reducer

class Pairs(Mapper):
    def map(self, offset, line):
        number = int(line)
        for key in range(500):
            yield key * 7919 % 1_000_003, number

class Total(Reducer):
    def reduce(self, key, numbers):
        yield key, sum(numbers)

class TinyPartitions(Job):
    """A record for each of 500 keys from each map."""
    mapper, reducer = Pairs, Total
    combine_files = False
'''
DESCRIPTORS: Final = 256
KEYS: Final = 500
SIZES: Final = ((500, 125), (1000, 250), (2000, 500))
QUICK: Final = ((20, 40), (40, 80))
JOB_S_MAX: Final = 600


def run(*, runs: int, quick: bool = False) -> list[Row]:
    rows = []
    for where in ("embedded", "cluster"):
        before: dict[str, float] | None = None
        for maps, reducers in QUICK if quick else SIZES:
            took = [_measured(maps, reducers, where) for _ in range(runs)]
            seconds = {name: statistics.median(one[name] for one in took) for name in took[0]}
            rows.append(_row(maps, reducers, where, seconds, before, runs))
            before = seconds
    return rows


def _row(
    maps: int,
    reducers: int,
    where: str,
    seconds: dict[str, float],
    before: dict[str, float] | None,
    runs: int,
) -> Row:
    place = "embedded, 2 workers" if where == "embedded" else f"{TRACKERS} trackers"
    what = f"{maps:,} maps by {reducers} reducers, {place}, ulimit -n {DESCRIPTORS}"
    note = f"{seconds['cpu_s']:.3g} s of the processors"
    if before is None:
        return Row(what, "–", seconds["wall_s"], runs=runs, note=note)
    grown = seconds["cpu_s"] / before["cpu_s"]
    note += f", {grown:.2f} times the line above"
    return Row(
        what,
        "half as many of both",
        seconds["wall_s"],
        before["wall_s"],
        before["wall_s"] / seconds["wall_s"],
        runs,
        note,
    )


def _measured(maps: int, reducers: int, where: str) -> dict[str, float]:
    """`wall_s` from submit to end, `cpu_s` of all processes from their start to their end."""
    words = f"ulimit -n {DESCRIPTORS} && exec {sys.executable} -m benchmarks.tinypartitions"
    done = subprocess.run(
        ["bash", "-c", f"{words} {maps} {reducers} {where}"],
        stdout=subprocess.PIPE,
        text=True,
        timeout=JOB_S_MAX,
        check=True,
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _job(maps: int, reducers: int, where: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        (folder / "in").mkdir()
        (folder / "tiny.py").write_text(JOB)
        for number in range(maps):
            (folder / "in" / f"{number:05}.txt").write_text(f"{number}\n")
        if where == "embedded":
            from mapred.embedded import EmbeddedEngine

            local = stack.enter_context(EmbeddedEngine(workers=2))
            wall_s = _timed(local, folder, reducers, "file://")
        else:
            _, engine, _ = stack.enter_context(trackers(()))
            wall_s = _timed(engine, folder, reducers, f"bs://{engine.namenode()}")
        _check(folder / "out", maps)
        stack.close()
    times = os.times()
    return {"wall_s": wall_s, "cpu_s": sum(times[:4])}


def _timed(engine: Engine, folder: Path, reducers: int, filesystem: str) -> float:
    spec = plan(
        str(folder / "tiny.py"),
        [(folder / "in").as_uri()],
        output=(folder / "out").as_uri(),
        params={},
        reducers=reducers,
        code_base=(folder / "code").as_uri(),
        default_filesystem=filesystem,
        workers=2,
    )
    began = time.perf_counter()
    job_id, version = engine.submit(spec), 0
    status, version = engine.status(job_id)
    while not status.state.ended:
        status, version = engine.status(job_id, known_version=version, wait_s=10)
    if status.failures:
        raise RuntimeError(f"the job {status.state.value}: {status.failures[:1]}")
    return time.perf_counter() - began


def _check(output: Path, maps: int) -> None:
    total = maps * (maps - 1) // 2
    lines = [line for part in output.glob("part-*") for line in part.read_text().splitlines()]
    if len(lines) != KEYS or {int(line.split("\t")[1]) for line in lines} != {total}:
        raise RuntimeError(f"{len(lines)} lines came out, or other sums than {total}")


if __name__ == "__main__":
    print(json.dumps(_job(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])))
