"""Every seed is another history of crashes, losses and delays; the checker looks at each step.

A failing seed is named; it replays alone with `python -m pytest tests/sim --seed N`, and
`python tests/sim/run.py --seeds N --trace` tells its story.
"""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from simulator.runs import kind_of, run_seed

pytestmark = pytest.mark.sim

# Of the engine alone 500, of the whole cluster 250; of the block store alone those of the first
# 300, which are 100.
SEEDS = [seed for seed in range(375) if kind_of(seed) == "cluster" or seed < 300]
CHUNK = 20
JOBS_SEEDS = range(500)
JOBS_CHUNK = 50

# What the whole batch must have met: a history without them proves nothing about them.
MET = [
    "pipeline rebuilt",
    "pipeline got a new node",
    "pipeline never stood",
    "synced in mid-block",
    "lease taken away",
    "block recovered without its writer",
    "power lost in a disk operation",
    "namenode lost power in a disk operation",
    "journal entries lost unsynced",
    "piece of a full report",
    "receipt before its node's report",
    "checkpoint",
    "block copied by order",
    "bit flipped",
    "reader met a bad replica",
    "rot found by the scanner",
    "write fenced off",
    "message lost",
    "file appended to",
    "block reopened",
    "file cut",
    "files joined",
    "open file read",
    "unfinished file read",
    "message late",
    "message doubled",
    "partition",
    "blackout",
    "user killed",
    "jobtracker killed",
    "jobtracker's history torn",
    "tt killed",
    "attempt lost with its tracker",
    "map output lost",
    "map output found again",
    "fetch failed",
    "attempt failed: failed",
    "attempt failed: fatal",
    "task process died",
    "task too large",
    "record kills its process",
    "tracker lacks what a job needs",
    "tracker ill",
    "disk full",
    "local directory failed",
    "local directory full",
    "map output rotten",
    "map output condemned by reduces",
    "storage out of reach",
    "jobtracker lost power in an action",
    "paused: jobtracker",
    "paused: tt",
    "paused: jobs",
    "task hangs",
    "second attempt of a slow task",
    "tracker drained",
    "priority changed",
    "service begins",
    "job succeeded",
    "job failed",
    "job killed",
]

# Seeds that have found something, and what: they stay, as long as they tell the same story.
FOUND = {
    31398: "a Complete of before an append, that came late",
    103813: "a node that was left out of a pipeline had its say in the block's recovery",
    105647: "a cut asked only the nodes that it began with, and theirs was rotten",
    202412: "a file was cut while it was read: the checker's own mistake",
    108244: "a rebuilt pipeline was written down without a node that had not registered yet",
}

FOUND_JOBS = {
    11002373: "a map of a chain's later level wasn't told again in a new session what it waits for",
    12001659: "a tracker stayed kept for a task that had failed there, and for nobody else",
    13002452: "a tracker stayed kept for a service whose slot another job's service had taken",
    12008981: "a task that was done before a torn history got one more attempt",
    204: "a second attempt's complaint, while the first commits, made a map run again",
}

_figures: Counter[str] = Counter()


@pytest.mark.parametrize("seed", FOUND, ids=FOUND.get)
def test_seeds_that_have_found_a_bug_once_find_it_no_more(seed: int) -> None:
    run_seed(seed, kind="store")


@pytest.mark.parametrize("seed", FOUND_JOBS, ids=FOUND_JOBS.get)
def test_seeds_that_have_found_a_bug_of_the_engine_find_it_no_more(seed: int) -> None:
    run_seed(seed, kind="jobs")


@pytest.mark.parametrize("first", range(0, len(SEEDS), CHUNK))
def test_seeds_keep_every_promise(first: int, request: pytest.FixtureRequest) -> None:
    alone = request.config.getoption("--seed")
    if alone is not None and first > 0:
        pytest.skip("one seed alone")
    seeds = SEEDS[first : first + CHUNK] if alone is None else [alone]
    for seed in seeds:
        _run(seed, kind_of(seed), trace=alone is not None)


@pytest.mark.parametrize("first", range(0, len(JOBS_SEEDS), JOBS_CHUNK))
def test_seeds_of_the_engine_alone_keep_every_promise(
    first: int, request: pytest.FixtureRequest
) -> None:
    if request.config.getoption("--seed") is not None:
        pytest.skip("python tests/sim/run.py --kind jobs --seeds N --trace runs one of these")
    for seed in JOBS_SEEDS[first : first + JOBS_CHUNK]:
        _run(seed, "jobs")


def _run(seed: int, kind: str, *, trace: bool = False) -> None:
    try:
        _figures.update(run_seed(seed, kind=kind, trace=trace).figures)
    except Exception as error:
        pytest.fail(
            f"seed {seed}: {error}\n"
            f"replay: python tests/sim/run.py --kind {kind} --seeds {seed} --trace",
        )


def test_the_batch_has_met_every_kind_of_trouble(request: pytest.FixtureRequest) -> None:
    if not _figures or request.config.getoption("--seed") is not None:
        pytest.skip("the whole batch has not run in this process")
    missing = [what for what in MET if not _figures[what]]
    assert missing == [], f"met: {dict(_figures)}"


def test_one_seed_is_one_history_whatever_the_hash_seed() -> None:
    here = Path(__file__).parent
    program = (
        "import logging; logging.disable(50); from simulator.runs import kind_of, run_seed; "
        "print([run_seed(seed).digest for seed in (3, 14)])"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=here,
            env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
            check=True,
            capture_output=True,
            timeout=120,
        ).stdout
        for hash_seed in (1, 2)
    }
    assert len(digests) == 1
