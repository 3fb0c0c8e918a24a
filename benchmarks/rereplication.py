"""A DataNode dies: how long until its blocks have all their copies again.

Four DataNodes on loopback with their default limits, blocks of 1 MiB with two replicas. The
clock runs from the moment in which the NameNode calls the killed node dead (when that is, is a
setting) to the moment in which no block is short of a copy.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from benchmarks.cluster import Cluster, cluster
from benchmarks.table import Row
from blockstore import BlockStore
from blockstore.model import ClusterReport

DATANODES: Final = 4
REPLICATION: Final = 2
BLOCK_BYTES: Final = 1024 * 1024
WRITERS: Final = 4
# For 1,000 blocks; the limit of the default settings, and what is wanted.
LIMIT_S: Final = 30.0
WANTED_S: Final = 10.0
# Only the waiting before the clock starts gets shorter by these.
SETTINGS: Final = ("stale_after_s=2", "dead_after_s=3")
_LOOK_S: Final = 0.05
_DEADLINE_S: Final = 300.0


def run(*, runs: int, blocks: int) -> list[Row]:
    """`blocks` are on the node that dies, about."""
    taken = []
    for _ in range(runs):
        with (
            tempfile.TemporaryDirectory() as folder,
            cluster(Path(folder), datanodes=DATANODES, settings=SETTINGS) as servers,
            BlockStore(servers.address) as store,
        ):
            _fill(store, blocks * DATANODES // REPLICATION)
            lost, wall_s = _kill_one(servers, store)
            taken.append(wall_s * blocks / lost)
    wall_s = statistics.median(taken)
    limit_s = LIMIT_S * blocks / 1000
    what = f"re-replication of {blocks} blocks of 1 MiB after a node's death"
    return [
        Row(what, "the limit", wall_s, limit_s, limit_s / wall_s, runs, "", "s", 1.0,
            LIMIT_S / WANTED_S)
    ]  # fmt: skip


def _fill(store: BlockStore, blocks: int) -> None:
    data = bytes(BLOCK_BYTES)

    def write(number: int) -> None:
        path = f"/file-{number}"
        with store.open(path, "wb", block_bytes=BLOCK_BYTES, replication=REPLICATION) as file:
            for _ in range(number, blocks, WRITERS):
                file.write(data)

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    _until(store, lambda report: not report.under_replicated)


def _kill_one(servers: Cluster, store: BlockStore) -> tuple[int, float]:
    """How many replicas it had, and the seconds until they were elsewhere."""
    before = {node.node.node_id: node.replicas for node in store.report().nodes}
    servers.datanodes[0].kill()
    dead = _until(store, lambda report: report.under_replicated > 0)
    began = time.perf_counter()
    _until(store, lambda report: not report.under_replicated)
    (victim,) = [node.node.node_id for node in dead.nodes if node.state == "dead"]
    return before[victim], time.perf_counter() - began


def _until(store: BlockStore, reached: Callable[[ClusterReport], bool]) -> ClusterReport:
    deadline = time.monotonic() + _DEADLINE_S
    while True:
        report = store.report()
        if reached(report):
            return report
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {_DEADLINE_S:.0f} s: {report}")
        time.sleep(_LOOK_S)
