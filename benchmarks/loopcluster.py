"""Rounds of a loop on a cluster of three trackers: what one costs that does nothing, and one in
which a tracker is killed.

Three trackers with a slot each share the machine's cores, so the second loop's tasks sleep
instead of reckoning.
"""

import statistics
import subprocess
import threading
import warnings
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.table import Row
from benchmarks.trouble import DEAD_AFTER_S, TRACKERS, trackers
from mapred.client import ClusterEngine
from mapred.iterative.loopengine import LoopEngine
from mapred.submit import plan

LOOP: Final = '''
import time
from mapred import Mapper, Reducer
from mapred.iterative import IterativeJob, max_rounds

class Sleeps(Mapper):
    def map(self, offset, line):
        time.sleep(float(line))
        yield "slept", 1

class Counts(Reducer):
    def reduce(self, key, values):
        yield key, len(list(values))

class Sleepers(IterativeJob):
    """Each split sleeps as long as its line says."""
    mapper, reducer = Sleeps, Counts
    until = max_rounds(6)
    combine_files = False
    def initial_state(self):
        return 0
    def step(self, state, output):
        return state + sum(count for _, count in output)
'''
SPLITS: Final = 12
SPLIT_S: Final = 0.25
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
    """Of 12 splits in 6 tasks, two a slot."""
    (folder / "sleeploop.py").write_text(LOOP)
    inputs = folder / "loop-in"
    inputs.mkdir()
    for number in range(SPLITS):
        (inputs / f"{number:03d}.txt").write_text(f"{SPLIT_S}\n")
    spec = plan(
        f"{folder / 'sleeploop.py'}:Sleepers",
        [file.as_uri() for file in sorted(inputs.iterdir())],
        output=(folder / "loop-out").as_uri(),
        params={},
        default_filesystem=f"bs://{engine.namenode()}",
        code_base=(folder / "code").as_uri(),
    )
    loops = LoopEngine(engine)
    loop_id, version, killing = loops.submit(spec), 0, False
    status, version = loops.status(loop_id)
    while not status.state.ended:
        if status.rounds_done == KILLED_IN - 1 and not killing:
            killing = True
            half_s = SPLITS * SPLIT_S / TRACKERS / 2
            threading.Timer(half_s, tracker.kill).start()
        status, version = loops.status(loop_id, known_version=version, wait_s=10)
    result = loops.result(loop_id)
    if result is None or result.state != 6 * SPLITS:
        raise RuntimeError(f"the loop {status.state.value}: {status.reason}")
    took = [record.seconds for record in result.rounds]
    usual = statistics.median(took[1 : KILLED_IN - 1])
    hurt = took[KILLED_IN - 1] - DEAD_AFTER_S
    what = "round of a loop in which one of 3 trackers is killed"
    note = f"without the {DEAD_AFTER_S:g} s until it's missed; tasks sleep; at most 1.4 times"
    return Row(what, "a round before", hurt, usual, usual / hurt, 1, note, floor=1 / 1.4)
