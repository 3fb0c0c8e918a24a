"""What it is worth to keep decoded input: rounds of a loop over text, against the same rounds when
each parses its input again, as chained jobs do. And what PageRank's rounds shuffle.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.table import Row

ROUNDS: Final = 12


@contextmanager
def forgetting(*jobs: Any) -> Iterator[None]:
    """Loops of these keep nothing from round to round."""
    before = [job.pinned_bytes for job in jobs]
    for job in jobs:
        job.pinned_bytes = 0
    try:
        yield
    finally:
        for job, kept in zip(jobs, before, strict=True):
            job.pinned_bytes = kept


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
            _shuffled(edges),
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


def _shuffled(edges: Any) -> Row:
    """Against what would move if the first round partitioned the edges, as HaLoop's does."""
    from mapred.ml import PageRank, session

    with session(workers=2) as own:
        PageRank(tol=0, max_iter=3).fit(edges)
        sent = max(job.counters["task", "shuffle_bytes"] for job in _with_counters(own))
    ratio = edges.nbytes / sent
    note = "at most 10 % of it, aim 4 %"
    what = "bytes that a round of PageRank shuffles"
    return Row(what, "its edges, once", sent, edges.nbytes, ratio, 3, note, "B", 10.0, 25.0)


def _with_counters(session: Any) -> list[Any]:
    return [session.engine.status(job.job_id)[0] for job in session.engine.jobs()]
