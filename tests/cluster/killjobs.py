"""Word count while machines die: `python -m tests.cluster.killjobs --runs 20 --megabytes 100`.

Each run kills machines with SIGKILL at a random moment of one phase (map, shuffle, reduce,
commit, in turn) of one of its `--jobs`, waits for all of them, and compares every count with
collections.Counter over the same text. `--roles` says who dies, in turn, all phases each:
"workers" is a DataNode and a TaskTracker at once. Masters are started again at once, workers
before the next run.
The seed is printed: the same seed picks the same victims and moments of progress.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from benchmarks import corpus
from blockstore import BlockStore
from mapred.client import ClusterEngine
from mapred.model import JobSpec, JobState, JobStatus
from mapred.submit import plan
from tests.cluster.daemons import MapReduceCluster

PHASES: Final = ("map", "shuffle", "reduce", "commit")
ROLES: Final = ("workers", "datanode", "tasktracker", "namenode", "jobtracker")
RUN_DEADLINE_S: Final = 300.0
JOB: Final = Path(__file__).resolve().parents[2] / "mapred" / "examples" / "wordcount.py"
BLOCK_BYTES: Final = 4 * 1024 * 1024
REDUCERS: Final = 4


@dataclass(frozen=True)
class Outcome:
    """One run: when it hit, how long it took, and what was wrong."""

    phase: str
    role: str
    # Whether the job was still running when the machines died.
    hit: bool
    wall_s: float
    wrong: str

    def __str__(self) -> str:
        verdict = self.wrong or "equal to Counter"
        hit = "" if self.hit else " (the job had ended before)"
        return f"{self.role:11} {self.phase:8} {self.wall_s:6.1f} s  {verdict}{hit}"


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


class Victims:
    """Who dies in a run, and comes back."""

    def __init__(self, cluster: MapReduceCluster, role: str, rng: random.Random) -> None:
        self._cluster = cluster
        self._role = role
        self._datanode = rng.choice(sorted(cluster.datanodes))
        self._tasktracker = rng.choice(sorted(cluster.tasktrackers))

    def die(self) -> None:
        """Masters come back at once: nobody else can do their work."""
        cluster = self._cluster
        if self._role in ("workers", "datanode"):
            cluster.datanodes[self._datanode].kill()
        if self._role in ("workers", "tasktracker"):
            cluster.tasktrackers[self._tasktracker].kill()
        if self._role == "namenode":
            assert cluster.namenode is not None
            cluster.namenode.kill()
            cluster.start_namenode()
        if self._role == "jobtracker":
            assert cluster.jobtracker is not None
            cluster.jobtracker.kill()
            cluster.start_jobtracker()

    def come_back(self) -> None:
        if self._role in ("workers", "datanode"):
            self._cluster.start_datanode(self._datanode)
        if self._role in ("workers", "tasktracker"):
            self._cluster.start_tasktracker(self._tasktracker)


def run(
    cluster: MapReduceCluster,
    oracle: Counter[str],
    phase: str,
    rng: random.Random,
    *,
    role: str = "workers",
    jobs: int = 1,
) -> Outcome:
    """Jobs side by side, and one death at a moment of the first one's."""
    name = f"/out/{phase}-{rng.getrandbits(48):x}"
    outputs = [f"{name}-{number}" for number in range(jobs)]
    started = time.monotonic()
    with ClusterEngine(cluster.jobtracker_address) as engine:
        ids = [engine.submit(planned(cluster, output)) for output in outputs]
        moment, victims = due(phase, rng), Victims(cluster, role, rng)
        hit = False
        ends = []
        for job_id in ids:
            for status in watch(engine, job_id, started + RUN_DEADLINE_S):
                if job_id == ids[0] and not hit and not status.state.ended and moment(status):
                    victims.die()
                    hit = True
            ends.append(status)
    wall_s = time.monotonic() - started
    if hit:
        victims.come_back()
    wrong = [judge(cluster, *end, oracle) for end in zip(ends, outputs, strict=True)]
    return Outcome(phase, role, hit, wall_s, "; ".join(filter(None, wrong)))


def planned(cluster: MapReduceCluster, output: str) -> JobSpec:
    return plan(
        str(JOB),
        ["/in/text"],
        output=output,
        params={},
        reducers=REDUCERS,
        default_filesystem=f"bs://{cluster.address}",
    )


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


def campaign(
    root: Path, text: Path, *, runs: int, seed: int, jobs: int = 1, roles: Sequence[str] = ROLES[:1]
) -> list[Outcome]:
    """Starts three DataNodes and three TaskTrackers and does all runs."""
    rng = random.Random(seed)
    oracle = oracle_of(text)
    cluster = MapReduceCluster(root)
    try:
        cluster.start(3, tasktrackers=3, block_bytes=BLOCK_BYTES)
        load(cluster, text)
        outcomes = []
        for number in range(runs):
            phase = PHASES[number % len(PHASES)]
            role = roles[number // len(PHASES) % len(roles)]
            outcomes.append(run(cluster, oracle, phase, rng, role=role, jobs=jobs))
            print(f"{number + 1:3}/{runs}  {outcomes[-1]}", flush=True)
        return outcomes
    finally:
        cluster.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.killjobs", description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=1, help="side by side in each run")
    parser.add_argument("--roles", nargs="+", choices=ROLES, default=ROLES[:1])
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    text = corpus.english(options.megabytes * 1_000_000)
    with tempfile.TemporaryDirectory(prefix="killjobs-") as root:
        outcomes = campaign(
            *(Path(root), text),
            runs=options.runs,
            seed=options.seed,
            jobs=options.jobs,
            roles=options.roles,
        )
    wrong = [outcome for outcome in outcomes if outcome.wrong]
    hit = sum(outcome.hit for outcome in outcomes)
    print(f"{len(outcomes)} runs, {hit} hit while running, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
