"""`mapred fs ls /` as a whole process."""

import tempfile
from pathlib import Path
from typing import Final

from benchmarks.cluster import cluster, mapred
from benchmarks.measure import Side, compare
from benchmarks.table import Row
from blockstore import BlockStore

LIMIT_S: Final = 0.3
WANTED_S: Final = 0.15


def run(*, runs: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder, cluster(Path(folder), datanodes=0) as store:
        with BlockStore(store.address) as client:
            client.mkdir("/a")
        # As users have it: modules are compiled once.
        compiled = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": f"{folder}/compiled"}
        listing = [mapred(), "fs", "ls", "--namenode", store.address, "/"]
        importing = [str(Path(mapred()).with_name("python")), "-c", "import grpc"]
        ours = Side("ls", listing, environment=compiled)
        peer = Side("python", importing, environment=compiled)
        result = compare(ours, peer, runs=runs)
    wall_s = result.median_wall_s("ls")
    note = f"`python -c 'import grpc'` takes {result.median_wall_s('python'):.2f} s"
    what = "`mapred fs ls /`, whole process"
    ratio, aim = LIMIT_S / wall_s, LIMIT_S / WANTED_S
    return [Row(what, "the limit", wall_s, LIMIT_S, ratio, runs, note, "s", 1, aim)]
