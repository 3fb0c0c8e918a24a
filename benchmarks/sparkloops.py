"""Spark's own learners beside ours, in a process and an environment of their own."""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from benchmarks.peers import environment
from benchmarks.table import Row

ROUNDS: Final = 10
RUN_S: Final = 600
_PEER: Final = Path(__file__).resolve().parent / "peers" / "spark_loops.py"


def row(
    what: str, which: str, table: npt.NDArray[Any], own: float, *, floor: float, aim: float
) -> list[Row]:
    """`own`: seconds of our round. Without Spark: a line that says why there's no figure."""
    lack = environment.lack_of_command("java") or environment.lack_of("pyspark")
    lack = lack or environment.lack_of("numpy")
    if lack:
        return [Row(what, "Spark local[2]", own, note=lack, floor=floor, aim=aim)]
    import pyarrow as pa
    import pyarrow.parquet as pq

    with tempfile.TemporaryDirectory(prefix="mapred-spark-") as folder:
        path = f"{folder}/rows.parquet"
        columns = [np.ascontiguousarray(column) for column in table.T]
        pq.write_table(pa.table(columns, names=[f"c{at}" for at in range(len(columns))]), path)
        done = subprocess.run(
            [environment.python(), _PEER, which, path, str(ROUNDS), folder],
            capture_output=True,
            text=True,
            timeout=RUN_S,
            check=False,
        )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        return [Row(what, "Spark local[2]", own, note=f"it failed: {last}", floor=floor, aim=aim)]
    its = float(json.loads(done.stdout.strip().splitlines()[-1])["round_s"])
    return [Row(what, "Spark local[2]", own, its, its / own, ROUNDS, floor=floor, aim=aim)]
