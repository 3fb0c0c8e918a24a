"""A job that does nothing: what the engine itself costs, cold and warm.

Cold is a whole `mapred submit` process on the embedded engine, against starting
Python and importing numpy and pyarrow, which any columnar tool pays. Warm is a
job from submit to its end on an embedded engine that has run one before.
"""

import statistics
import sys
import tempfile
import time
from itertools import count
from pathlib import Path

from benchmarks.measure import Side, compare
from benchmarks.table import Row

JOB = '''
from mapred import Job, Mapper, Reducer

class Nothing(Mapper):
    def map(self, offset, line):
        yield line, 1

class Same(Reducer):
    def reduce(self, key, values):
        yield key, sum(values)

class Empty(Job):
    """One line in, one line out."""
    mapper, reducer = Nothing, Same
'''


def run(*, runs: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "empty.py").write_text(JOB)
        (folder / "line.txt").write_text("one line\n")
        return [_cold(folder, runs), _warm(folder, runs)]


def _cold(folder: Path, runs: int) -> Row:
    mapred = str(Path(sys.executable).with_name("mapred"))
    files = [str(folder / "empty.py"), str(folder / "line.txt")]
    ours = Side("mapred", [mapred, "submit", "--local", "--quiet", *files])
    peer = Side("imports", [sys.executable, "-c", "import numpy, pyarrow"])
    result = compare(ours, peer, runs=runs)
    return Row(
        "empty job, cold `mapred submit`, embedded",
        "python -c 'import numpy, pyarrow'",
        result.median_wall_s("mapred"),
        result.median_wall_s("imports"),
        result.speed_ratio,
        runs,
    )


def _warm(folder: Path, runs: int) -> Row:
    from mapred.embedded import EmbeddedEngine
    from mapred.submit import plan

    numbers = count()
    walls: list[float] = []
    engine = EmbeddedEngine(workers=2)
    try:
        for _ in range(runs + 1):
            spec = plan(
                str(folder / "empty.py"),
                [str(folder / "line.txt")],
                output=str(folder / f"out-{next(numbers)}"),
                params={},
                reducers=1,
                default_filesystem="file://",
                code_base=(folder / "code").as_uri(),
                workers=2,
            )
            started = time.perf_counter()
            job_id, version = engine.submit(spec), 0
            status, version = engine.status(job_id)
            while not status.state.ended:
                status, version = engine.status(job_id, known_version=version, wait_s=10)
            walls.append(time.perf_counter() - started)
    finally:
        engine.close()
    return Row(
        "empty job, warm embedded engine (new worker processes for each job's code)",
        "–",
        statistics.median(walls[1:]),
        runs=runs,
    )
