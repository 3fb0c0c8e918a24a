"""What it is worth to keep decoded input: rounds of a loop over text, against the same rounds when
each parses its input again, as chained jobs do. And what PageRank's rounds shuffle.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.table import Row

ROUNDS: Final = 12
# What is counted of jobs without reducers, and with.
_SENT: Final = ("output_bytes", "shuffle_bytes")


@contextmanager
def forgetting(*jobs: Any) -> Iterator[None]:
    """Loops of these keep nothing from round to round, nor place it before the first."""
    with ExitStack() as stack:
        for job in jobs:
            stack.enter_context(_set(job, "pinned_bytes", 0))
            stack.enter_context(_set(job, "placement", None))
        yield


@contextmanager
def _set(job: Any, name: str, value: object) -> Iterator[None]:
    before = getattr(job, name)
    setattr(job, name, value)
    try:
        yield
    finally:
        setattr(job, name, before)


def run(*, rows: int, vertices: int) -> list[Row]:
    from benchmarks.loops import CLUSTERS, classified, edges_of, points
    from mapred.ml import KMeans, LogisticRegression, PageRank
    from mapred.ml.lloyd import Lloyd
    from mapred.ml.slopes import Descent
    from mapred.ml.vertices import Ranking

    with tempfile.TemporaryDirectory(prefix="mapred-chained-") as name:
        folder = Path(name)
        table = points(rows)
        np.savetxt(folder / "points.csv", table, "%.9g", ",")
        more, classes = classified(rows)
        np.savetxt(folder / "classes.csv", np.column_stack([more, classes]), "%.9g", ",")
        edges = edges_of(vertices)
        np.savetxt(folder / "edges.csv", edges, "%d", ",")
        start = table[:CLUSTERS]

        def kmeans() -> Any:
            return KMeans(CLUSTERS, init=start, tol=0, max_iter=ROUNDS).fit(folder / "points.csv")

        def logistic() -> Any:
            return LogisticRegression(tol=0, max_iter=ROUNDS).fit(folder / "classes.csv")

        def ranks() -> Any:
            return PageRank(tol=0, max_iter=ROUNDS).fit(folder / "edges.csv")

        return [
            _row(f"logistic regression of {rows:,} × 20 as text", logistic, Descent, 10, 25),
            _row(f"k-means of {rows:,} × 20 as text", kmeans, Lloyd, 2, 3),
            _row(f"PageRank of {len(edges):,} edges as text", ranks, Ranking, 4, 7),
            _shuffled(ranks, len(edges)),
        ]


def _row(what: str, fit: Callable[[], Any], job: Any, floor: float, aim: float) -> Row:
    from benchmarks.loops import fitted
    from mapred.ml.survey import Survey

    own = fitted(2, fit)
    # The first look at a text would keep it for them.
    with forgetting(job, Survey):
        its = fitted(2, fit)
    peer = "the same, parsed anew each round"
    return Row(f"{what}, a later round", peer, own, its, its / own, ROUNDS, floor=floor, aim=aim)


def _shuffled(fit: Callable[[], Any], edges: int) -> Row:
    """A later round against the first, which puts the edges where they lead. A round has no
    reducers: what its maps hand to the driver counts as shuffled."""
    from mapred.ml import session

    with session(workers=2) as own:
        model = fit()
        jobs = [own.engine.status(job.job_id)[0] for job in own.engine.jobs()]
    sent = {job.name: job.counters["task", _SENT[job.reduces > 0]] for job in jobs}
    placed = sent["Ranking placement"]
    first = placed + sent["Ranking round 1"]
    later = max(sent[f"Ranking round {number}"] for number in range(2, ROUNDS + 1))
    note = (
        f"at most 10 %, aim 4 %; {placed:,} B of the first are the edges, packed; a round's maps "
        "hand the driver what vertices get, and nothing is left to shuffle; beside it each process "
        f"reads the ranks, {8 * len(model.vertices_):,} B, as of any loop's state"
    )
    what = f"bytes that a later round of PageRank shuffles, {edges:,} edges as text"
    return Row(what, "the first round", later, first, first / later, ROUNDS, note, "B", 10.0, 25.0)
