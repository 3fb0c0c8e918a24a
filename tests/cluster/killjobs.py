"""Word count while machines die: `python -m tests.cluster.killjobs --runs 20 --megabytes 100`.

Each run kills a DataNode and a TaskTracker with SIGKILL at a random moment of one phase (map,
shuffle, reduce, commit, in turn), waits for the job, and compares every count with
collections.Counter over the same text. The killed machines come back before the next run.
The seed is printed: the same seed picks the same victims and moments of progress.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from benchmarks import corpus
from blockstore import BlockStore
from mapred.client import ClusterEngine
from mapred.model import JobState, JobStatus
from mapred.submit import plan
from tests.cluster.daemons import MapReduceCluster

PHASES: Final = ("map", "shuffle", "reduce", "commit")
RUN_DEADLINE_S: Final = 300.0
JOB: Final = Path(__file__).resolve().parents[2] / "mapred" / "examples" / "wordcount.py"
BLOCK_BYTES: Final = 4 * 1024 * 1024
REDUCERS: Final = 4


@dataclass(frozen=True)
class Outcome:
    """One run: when it hit, how long it took, and what was wrong."""

    phase: str
    # Whether the job was still running when the machines died.
    hit: bool
    wall_s: float
    wrong: str

    def __str__(self) -> str:
        verdict = self.wrong or "equal to Counter"
        hit = "" if self.hit else " (the job had ended before)"
        return f"{self.phase:8} {self.wall_s:6.1f} s  {verdict}{hit}"


def due(phase: str, rng: random.Random) -> Callable[[JobStatus], bool]:
    """Whether a job is at the moment of this run, which is drawn once."""
    share = rng.uniform(0.05, 0.9)
    finished = rng.randrange(REDUCERS)
    match phase:
        case "map":
            return lambda status: status.map_progress >= share
        case "shuffle":
            # Maps are finishing; reduces that started fetch what there is.
            return lambda status: status.maps_done >= max(2, share * status.maps)
        case "reduce":
            return lambda status: (
                status.maps_done == status.maps and status.reduce_progress >= share / 2
            )
        case _:
            return lambda status: (
                (status.reduces_done >= finished and status.reduce_progress > 0.6)
                or status.state is JobState.COMMITTING
            )


def run(cluster: MapReduceCluster, oracle: Counter[str], phase: str, rng: random.Random) -> Outcome:
    """One job with one DataNode and one TaskTracker killed in it."""
    output = f"/out/{phase}-{rng.getrandbits(48):x}"
    started = time.monotonic()
    with ClusterEngine(cluster.jobtracker_address) as engine:
        spec = plan(
            str(JOB),
            ["/in/text"],
            output=output,
            params={},
            reducers=REDUCERS,
            default_filesystem=f"bs://{cluster.address}",
        )
        job_id, moment = engine.submit(spec), due(phase, rng)
        victims = rng.choice(sorted(cluster.datanodes)), rng.choice(sorted(cluster.tasktrackers))
        hit = False
        for status in watch(engine, job_id, started + RUN_DEADLINE_S):
            if not hit and not status.state.ended and moment(status):
                cluster.datanodes[victims[0]].kill()
                cluster.tasktrackers[victims[1]].kill()
                hit = True
    wall_s = time.monotonic() - started
    wrong = judge(cluster, status, output, oracle)
    if hit:
        cluster.start_datanode(victims[0])
        cluster.start_tasktracker(victims[1])
    return Outcome(phase, hit, wall_s, wrong)


def watch(engine: ClusterEngine, job_id: str, until: float) -> Iterator[JobStatus]:
    """Every visible change, the end included.

    Raises:
        TimeoutError: the job hangs.
    """
    version = 0
    while True:
        status, version = engine.status(job_id, known_version=version, wait_s=2.0)
        yield status
        if status.state.ended:
            return
        if time.monotonic() > until:
            raise TimeoutError(f"{job_id} hangs: {status}")


def judge(cluster: MapReduceCluster, status: JobStatus, output: str, oracle: Counter[str]) -> str:
    """What is wrong with the result, in words; empty when nothing is."""
    if status.state is not JobState.SUCCEEDED:
        return f"{status.state.value}: {status.failures[:1]}"
    with BlockStore(cluster.address) as store:
        names = [entry.name for entry in store.list(output)]
        if names != ["_SUCCESS", *(f"part-r-{n:05d}" for n in range(REDUCERS))]:
            return f"the output directory has {names}"
        found: Counter[str] = Counter()
        for name in names[1:]:
            with store.open(f"{output}/{name}") as file:
                keys = []
                for line in file.read().decode().split("\n")[:-1]:
                    word, _, count = line.rpartition("\t")
                    keys.append(word)
                    found[word] += int(count)
                if any(one >= other for one, other in pairwise(keys)):
                    return f"{name} isn't sorted, or has a word twice"
        store.delete(output, recursive=True)
    return "" if found == oracle else f"{len((found - oracle) + (oracle - found))} counts differ"


def oracle_of(text: Path) -> Counter[str]:
    counts: Counter[str] = Counter()
    with text.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            counts.update(line.split())
    return counts


def load(cluster: MapReduceCluster, text: Path) -> None:
    with (
        BlockStore(cluster.address) as store,
        text.open("rb") as source,
        store.open("/in/text", "wb", block_bytes=BLOCK_BYTES, replication=2) as target,
    ):
        while piece := source.read(1 << 20):
            target.write(piece)


def campaign(root: Path, text: Path, *, runs: int, seed: int) -> list[Outcome]:
    """Starts three DataNodes and three TaskTrackers and does all runs."""
    rng = random.Random(seed)
    oracle = oracle_of(text)
    cluster = MapReduceCluster(root)
    try:
        cluster.start(3, tasktrackers=3, block_bytes=BLOCK_BYTES)
        load(cluster, text)
        outcomes = []
        for number in range(runs):
            outcomes.append(run(cluster, oracle, PHASES[number % len(PHASES)], rng))
            print(f"{number + 1:3}/{runs}  {outcomes[-1]}", flush=True)
        return outcomes
    finally:
        cluster.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.killjobs", description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    text = corpus.english(options.megabytes * 1_000_000)
    with tempfile.TemporaryDirectory(prefix="killjobs-") as root:
        outcomes = campaign(Path(root), text, runs=options.runs, seed=options.seed)
    wrong = [outcome for outcome in outcomes if outcome.wrong]
    hit = sum(outcome.hit for outcome in outcomes)
    print(f"{len(outcomes)} runs, {hit} hit while running, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
