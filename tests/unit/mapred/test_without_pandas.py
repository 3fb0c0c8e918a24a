"""A task process imports pandas when its job does, and then pyarrow knows it."""

import subprocess
import sys
from pathlib import Path

from mapred.embedded import EmbeddedEngine
from mapred.submit import plan

# pyarrow's own import of pandas, for a format that may have it, comes first in this process.
DATASETS = """
from mapred.task.withoutpandas import hide_pandas
hide_pandas()
import pyarrow.dataset
import pandas, pyarrow as pa
assert pa.array(pandas.Series([1.0, float("nan")])).null_count == 1
"""

JOB = '''
import sys

import pyarrow as pa

from mapred import Job, Mapper, Reducer

class Looks(Mapper):
    def map(self, offset, line):
        if line == "use it":
            import pandas
            holes = pa.array(pandas.Series([1.0, float("nan")]))
            yield "nulls as pandas has them", holes.null_count
            yield "frames", pa.table({"x": [1, 2]}).to_pandas().shape[0]
        else:
            yield line, "pandas" in sys.modules and sys.modules["pandas"] is not None

class First(Reducer):
    def reduce(self, key, values):
        yield key, next(values)

class Looking(Job):
    """Is pandas there?"""
    mapper, reducer = Looks, First
'''


def test_an_import_of_pandas_by_pyarrow_itself_does_not_hang() -> None:
    subprocess.run([sys.executable, "-c", DATASETS], check=True, timeout=60)


def test_pandas_is_imported_by_whoever_uses_it_and_by_nobody_else(tmp_path: Path) -> None:
    (tmp_path / "looking.py").write_text(JOB)
    (tmp_path / "in.txt").write_text("before\nafter a map and a sort\nuse it\nat the end\n")
    with EmbeddedEngine(1) as engine:
        spec = plan(
            str(tmp_path / "looking.py"),
            [str(tmp_path / "in.txt")],
            output=str(tmp_path / "out"),
            params={"job.split_bytes": "7"},
            reducers=1,
            code_base=(tmp_path / "code").as_uri(),
        )
        job_id, version = engine.submit(spec), 0
        status, version = engine.status(job_id)
        while not status.state.ended:
            status, version = engine.status(job_id, known_version=version, wait_s=30)
    text = (tmp_path / "out" / "part-r-00000").read_text()
    assert text.splitlines() == [
        "after a map and a sort\tFalse",
        "at the end\tTrue",
        "before\tFalse",
        "frames\t2",
        "nulls as pandas has them\t1",
    ]
