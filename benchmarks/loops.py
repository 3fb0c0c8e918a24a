"""Loops: what the engine adds to a round, and k-means, logistic regression and PageRank against
one process that does the same arithmetic.

A figure is the median of the later rounds: start-up and the first rounds, in which input is
decoded and splits find their processes, are excluded, and so are the peers' loading and first
runs. Ours has two workers, the peers two threads.
"""

import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from benchmarks.table import Row

WARM_UP: Final = 4
ROUNDS: Final = 10
COLUMNS: Final = 20
CLUSTERS: Final = 10
EDGES_A_VERTEX: Final = 15


def run(*, rows: int, vertices: int) -> list[Row]:
    from mapred.ml import session

    with warnings.catch_warnings(), session(workers=2):
        # They are to do so many rounds, not to arrive.
        warnings.simplefilter("ignore")
        return [_nothing(), _kmeans(rows), _logistic(rows), _pagerank(vertices)]


def _later(model: Any) -> float:
    return statistics.median(model.round_seconds_[WARM_UP:])


def _nothing() -> Row:
    from mapred.ml import SGDClassifier

    rows = np.random.default_rng(1).normal(size=(8, 2))
    model = SGDClassifier(local_steps=1, batch_size=None, max_iter=40, tol=0)
    model.fit(rows, rows[:, 0] > 0)
    return Row(
        "round of a loop over 8 rows, warm embedded engine",
        "–",
        _later(model) * 1e3,
        runs=len(model.round_seconds_) - WARM_UP,
        note="at most 20 ms, aim 10",
        unit="ms",
    )


def _kmeans(rows: int) -> Row:
    from sklearn.cluster import KMeans as Peer
    from threadpoolctl import threadpool_limits

    from mapred.ml import KMeans

    points = np.random.default_rng(2).normal(size=(rows, COLUMNS))
    start = points[:CLUSTERS]
    ours = KMeans(CLUSTERS, init=start, tol=0, max_iter=WARM_UP + ROUNDS).fit(points)

    def peer(rounds: int) -> object:
        return Peer(CLUSTERS, init=start, n_init=1, tol=0, max_iter=rounds).fit(points)

    with threadpool_limits(2):
        its = _a_round(peer)
    what = f"k-means {rows:,} × {COLUMNS}, k = {CLUSTERS}, a round"
    return _row(what, "scikit-learn", ours, its, 0.5, 0.9)


def _logistic(rows: int) -> Row:
    from sklearn.linear_model import LogisticRegression as Peer
    from threadpoolctl import threadpool_limits

    from mapred.ml import LogisticRegression

    random = np.random.default_rng(3)
    points = random.normal(size=(rows, COLUMNS))
    classes = points @ random.normal(size=COLUMNS) + random.logistic(size=rows) > 0
    ours = LogisticRegression(tol=0, max_iter=WARM_UP + ROUNDS).fit(points, classes)
    with threadpool_limits(2):
        peer = Peer(tol=1e-12, max_iter=ROUNDS)
        began = time.perf_counter()
        peer.fit(points, classes)
        its = (time.perf_counter() - began) / int(peer.n_iter_[0])
    return _row(
        f"logistic regression {rows:,} × {COLUMNS}, L-BFGS, a round",
        "scikit-learn",
        ours,
        its,
        0.6,
        1.0,
    )


def _pagerank(vertices: int) -> Row:
    import duckdb
    import pyarrow as pa

    from mapred.ml import PageRank

    random = np.random.default_rng(4)
    # Few vertices have most of the edges that arrive.
    target = (vertices * random.random(vertices * EDGES_A_VERTEX) ** 3).astype(np.int64)
    source = random.integers(0, vertices, len(target))
    edges = np.column_stack([source, target]).astype(np.float64)
    ours = PageRank(tol=0, max_iter=WARM_UP + ROUNDS).fit(edges)
    base = duckdb.connect(config={"threads": 2})
    base.register("given", pa.table({"a": source, "b": target}))
    base.execute("create table edges as select * from given")
    base.execute("create table leaving as select a, count(*) as n from edges group by a")
    base.execute(
        f"create table ranks as select range as v, 1.0 / {vertices} as r from range({vertices})"
    )
    its = statistics.median(_timed(lambda: _duck_round(base, vertices)) for _ in range(ROUNDS))
    return _row(
        f"PageRank {vertices:,} vertices, {len(edges):,} edges, a round",
        "DuckDB",
        ours,
        its,
        0.3,
        0.8,
    )


def _duck_round(base: Any, vertices: int) -> None:
    base.execute(
        f"""create or replace table next as
        select ranks.v, 0.15 / {vertices} + 0.85 * coalesce(s, 0) as r from ranks left join (
            select b, sum(r / n) as s from edges join leaving using (a) join ranks on a = v
            group by b
        ) on b = v"""
    )
    base.execute("drop table ranks; alter table next rename to ranks")


def _row(what: str, peer: str, ours: Any, its: float, floor: float, aim: float) -> Row:
    own = _later(ours)
    return Row(what, peer, own, its, its / own, ROUNDS, floor=floor, aim=aim)


def _a_round(work: Callable[[int], object]) -> float:
    """What one more round takes."""
    work(1)
    few = _timed(lambda: work(2))
    return (_timed(lambda: work(2 + ROUNDS)) - few) / ROUNDS


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
