"""Rounds of a loop on a cluster of three trackers: what one costs that does nothing, and one of
k-means in which a tracker is killed.

Three trackers with a slot each share the machine's cores: where there are two, those who are left
are a little quicker each.
"""

import statistics
import subprocess
import threading
import time
import warnings
from pathlib import Path
from typing import Final

import numpy as np

import mapred.examples
from benchmarks.table import Row
from benchmarks.trouble import DEAD_AFTER_S, TRACKERS, trackers
from blockstore import BlockStore
from mapred.client import ClusterEngine
from mapred.formats import input_format
from mapred.iterative.invariants import MISS
from mapred.iterative.loopengine import LoopEngine
from mapred.iterative.status import LoopStatus
from mapred.model import JobSpec
from mapred.storage import storage_for
from mapred.submit import plan

KMEANS: Final = Path(mapred.examples.__file__).with_name("kmeans.py")
FILES: Final = 12
ROWS_A_FILE: Final = 40_000
COLUMNS: Final = 16
CLUSTERS: Final = 256
ROUNDS: Final = 7
# The round before this one has been told of when the tracker is killed, half of a round later.
KILLED_IN: Final = 5


def run() -> list[Row]:
    settings = (f"dead_after_s={DEAD_AFTER_S:g}",)
    with trackers(settings) as (folder, engine, daemons):
        return [_nothing(engine), _killed(folder, engine, daemons[-1])]


def _nothing(engine: ClusterEngine) -> Row:
    from mapred.ml import SGDClassifier, session

    rows = np.random.default_rng(1).normal(size=(8, 2))
    model = SGDClassifier(local_steps=1, batch_size=None, max_iter=60, tol=0)
    with warnings.catch_warnings(), session(cluster=engine.address):
        warnings.simplefilter("ignore")
        for _ in range(2):
            model.fit(rows, rows[:, 0] > 0)
    own = statistics.median(model.round_seconds_[4:])
    what = f"round of a loop over 8 rows, warm cluster of {TRACKERS} trackers"
    return Row(what, "–", own * 1e3, runs=56, note="at most 20 ms, aim 10", unit="ms")


def _killed(folder: Path, engine: ClusterEngine, tracker: "subprocess.Popen[str]") -> Row:
    """Text, decoded once and then kept by who has a slot: what the dead one had is read again."""
    points = _points(engine)
    start = folder / "start.csv"
    start_rows = np.random.default_rng(4).normal(size=(CLUSTERS, COLUMNS))
    np.savetxt(start, start_rows, fmt="%.5f", delimiter=",")
    spec = plan(
        str(KMEANS),
        points,
        output="/loop-out",
        params={
            "clusters": str(CLUSTERS),
            "init": start.as_uri(),
            "tol": "0",
            "max_iter": str(ROUNDS),
            "job.combine_files": "false",
        },
        default_filesystem=f"bs://{engine.namenode()}",
        code_base=(folder / "code").as_uri(),
    )
    loops = LoopEngine(engine)
    loop_id, version, killing = loops.submit(spec), 0, False
    # By round: when it ended, and how many splits were decoded until then.
    ends, decoded = {0: time.monotonic()}, {0: 0}
    status, version = _told(loops, loop_id)
    while not status.state.ended:
        if status.rounds_done not in ends:
            ends[status.rounds_done] = time.monotonic()
            decoded[status.rounds_done] = sum(
                number for (_, name), number in status.counters.items() if name == MISS
            )
        if status.rounds_done == KILLED_IN - 1 and not killing:
            killing = True
            half_s = (ends[KILLED_IN - 1] - ends[KILLED_IN - 2]) / 2
            threading.Timer(half_s, tracker.kill).start()
        status, version = _told(loops, loop_id, known_version=version)
    result = loops.result(loop_id)
    if result is None:
        raise RuntimeError(f"the loop {status.state.value}: {status.reason}")
    took = [record.seconds for record in result.rounds]
    usual = statistics.median(took[1 : KILLED_IN - 1])
    hurt = took[KILLED_IN - 1] - DEAD_AFTER_S
    anew = decoded[KILLED_IN] - decoded[KILLED_IN - 1]
    reload_s = anew * _decode_s(spec) / (TRACKERS - 1)
    what = f"round of k-means over text in which one of {TRACKERS} trackers is killed"
    note = (
        f"without the {DEAD_AFTER_S:g} s until it's missed; at most 1.4 times, and the share of "
        f"reload: {anew} of {FILES} splits are decoded again, by {TRACKERS - 1} processes in "
        f"{reload_s:.2g} s"
    )
    floor = usual / (1.4 * usual + reload_s)
    return Row(what, "a round before", hurt, usual, usual / hurt, 1, note, floor=floor)


def _told(loops: LoopEngine, loop_id: str, *, known_version: int = 0) -> tuple[LoopStatus, int]:
    status, version = loops.status(loop_id, known_version=known_version, wait_s=10)
    if not isinstance(status, LoopStatus):
        raise TypeError(f"{loop_id} is no loop")
    return status, version


def _decode_s(spec: JobSpec) -> float:
    """What a split's text takes to become rows."""
    split = spec.splits[0]
    storage = storage_for(split.uri)
    took = []
    for _ in range(3):
        began = time.perf_counter()
        for _ in input_format(split.format).reader(split, storage).batches():
            pass
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def _points(engine: ClusterEngine) -> list[str]:
    """In the block store, a file a split."""
    random = np.random.default_rng(3)
    names = []
    with BlockStore(engine.namenode()) as store:
        for number in range(FILES):
            names.append(f"/points/{number:02d}.csv")
            rows = random.normal(size=(ROWS_A_FILE, COLUMNS))
            with store.open(names[-1], "wb") as file:
                np.savetxt(file, rows, fmt="%.5f", delimiter=",")
    return names
