"""Loops: what the engine adds to a round, and k-means, logistic regression and PageRank against
those who do the same arithmetic: scikit-learn, DuckDB, and Spark where it can be had.

A figure is the median of the later rounds: start-up and the first rounds, in which input is
decoded and splits find their processes, are excluded, and so are the peers' loading and first
runs. Ours has two workers, the peers two threads. COST is how many of our workers it takes to
be as fast as the peer with one thread.
"""

import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from benchmarks import chained, loopcluster, sparkloops
from benchmarks.table import Row

WARM_UP: Final = 4
ROUNDS: Final = 10
COLUMNS: Final = 20
CLUSTERS: Final = 10
EDGES_A_VERTEX: Final = 15

Table = npt.NDArray[Any]


def run(*, rows: int, vertices: int, parts: str = "") -> list[Row]:
    """`parts`: some of the names below, by commas; all."""
    known: dict[str, Callable[[], list[Row]]] = {
        "nothing": _nothing,
        "kmeans": lambda: _kmeans(rows),
        "logistic": lambda: _logistic(rows),
        "pagerank": lambda: _pagerank(vertices),
        "cluster": loopcluster.run,
        "chained": lambda: chained.run(rows=rows // 5, vertices=vertices // 2),
    }
    with warnings.catch_warnings():
        # They are to do so many rounds, not to arrive.
        warnings.simplefilter("ignore")
        chosen = parts.split(",") if parts else known
        return [row for name in chosen for row in known[name]()]


def later(model: Any) -> float:
    """Seconds of one of its later rounds."""
    return float(statistics.median(model.round_seconds_[WARM_UP:]))


def fitted(workers: int, fit: Callable[[], Any]) -> float:
    from mapred.ml import session

    with session(workers=workers):
        return later(fit())


def _nothing() -> list[Row]:
    from mapred.ml import SGDClassifier

    rows = np.random.default_rng(1).normal(size=(8, 2))
    model = SGDClassifier(local_steps=1, batch_size=None, max_iter=40, tol=0)
    own = fitted(2, lambda: model.fit(rows, rows[:, 0] > 0))
    what = "round of a loop over 8 rows, warm embedded engine"
    return [Row(what, "–", own * 1e3, runs=36, note="at most 20 ms, aim 10", unit="ms")]


def points(rows: int) -> Table:
    return np.random.default_rng(2).normal(size=(rows, COLUMNS))


def _kmeans(rows: int) -> list[Row]:
    from sklearn.cluster import KMeans as Peer

    from mapred.ml import KMeans

    table = points(rows)
    start = table[:CLUSTERS]

    def ours() -> Any:
        return KMeans(CLUSTERS, init=start, tol=0, max_iter=WARM_UP + ROUNDS).fit(table)

    def peer(rounds: int) -> object:
        return Peer(CLUSTERS, init=start, n_init=1, tol=0, max_iter=rounds).fit(table)

    what = f"k-means {rows:,} × {COLUMNS}, k = {CLUSTERS}, a round"
    own, found = _rows(what, "scikit-learn", ours, lambda: _a_round(peer), (0.5, 0.9))
    return found + sparkloops.row(what, "kmeans", table, own, floor=4, aim=10)


def classified(rows: int) -> tuple[Table, Table]:
    random = np.random.default_rng(3)
    table = random.normal(size=(rows, COLUMNS))
    return table, table @ random.normal(size=COLUMNS) + random.logistic(size=rows) > 0


def _logistic(rows: int) -> list[Row]:
    from sklearn.linear_model import LogisticRegression as Peer

    from mapred.ml import LogisticRegression

    table, classes = classified(rows)

    def ours() -> Any:
        return LogisticRegression(tol=0, max_iter=WARM_UP + ROUNDS).fit(table, classes)

    def its() -> float:
        peer = Peer(tol=1e-12, max_iter=ROUNDS)
        began = time.perf_counter()
        peer.fit(table, classes)
        return (time.perf_counter() - began) / int(peer.n_iter_[0])

    what = f"logistic regression {rows:,} × {COLUMNS}, L-BFGS, a round"
    own, found = _rows(what, "scikit-learn", ours, its, (0.6, 1.0))
    given = np.column_stack([table, classes])
    return found + sparkloops.row(what, "logistic", given, own, floor=4, aim=7)


def edges_of(vertices: int) -> Table:
    """Few vertices have most of the edges that arrive."""
    random = np.random.default_rng(4)
    target = (vertices * random.random(vertices * EDGES_A_VERTEX) ** 3).astype(np.int64)
    source = random.integers(0, vertices, len(target))
    return np.column_stack([source, target]).astype(np.float64)


def _pagerank(vertices: int) -> list[Row]:
    import duckdb
    import pyarrow as pa

    from mapred.ml import PageRank

    edges = edges_of(vertices)

    def ours() -> Any:
        return PageRank(tol=0, max_iter=WARM_UP + ROUNDS).fit(edges)

    def its(threads: int) -> float:
        base = duckdb.connect(config={"threads": threads})
        columns = [edges[:, side].astype(np.int64) for side in (0, 1)]
        base.register("given", pa.table(columns, names=["a", "b"]))
        base.execute("create table edges as select * from given")
        base.execute("create table leaving as select a, count(*) as n from edges group by a")
        base.execute(
            f"create table ranks as select range as v, 1.0 / {vertices} as r from range({vertices})"
        )
        return statistics.median(timed(lambda: _duck_round(base, vertices)) for _ in range(ROUNDS))

    what = f"PageRank {vertices:,} vertices, {len(edges):,} edges, a round"
    own = fitted(2, ours)
    return [
        _row(what, "DuckDB", own, its(2), 0.3, 0.8),
        _cost(what, "DuckDB", {1: fitted(1, ours), 2: own}, its(1)),
        *sparkloops.row(what, "pagerank", edges.astype(np.int64), own, floor=10, aim=40),
    ]


def _duck_round(base: Any, vertices: int) -> None:
    base.execute(
        f"""create or replace table next as
        select ranks.v, 0.15 / {vertices} + 0.85 * coalesce(s, 0) as r from ranks left join (
            select b, sum(r / n) as s from edges join leaving using (a) join ranks on a = v
            group by b
        ) on b = v"""
    )
    base.execute("drop table ranks; alter table next rename to ranks")


def _rows(
    what: str,
    peer: str,
    ours: Callable[[], Any],
    its: Callable[[], float],
    limits: tuple[float, float],
) -> tuple[float, list[Row]]:
    """Seconds of our round, and its lines."""
    from threadpoolctl import threadpool_limits

    own = {workers: fitted(workers, ours) for workers in (1, 2)}
    with threadpool_limits(1):
        alone = its()
    with threadpool_limits(2):
        two = its()
    return own[2], [_row(what, peer, own[2], two, *limits), _cost(what, peer, own, alone)]


def _row(what: str, peer: str, own: float, its: float, floor: float, aim: float) -> Row:
    return Row(what, peer, own, its, its / own, ROUNDS, floor=floor, aim=aim)


def _cost(what: str, peer: str, own: dict[int, float], alone: float) -> Row:
    """At most two, aim one."""
    enough = [workers for workers, seconds in sorted(own.items()) if seconds <= alone]
    seconds = ", ".join(f"{workers}: {took:.3g} s" for workers, took in sorted(own.items()))
    note = f"COST; at most 2, aim 1; ours by workers {seconds}; one thread {alone:.3g} s"
    slots = enough[0] if enough else max(own) + 1
    return Row(what, f"{peer}, one thread", slots, 2, 2 / slots, ROUNDS, note, "slots", 1.0, 2.0)


def _a_round(work: Callable[[int], object]) -> float:
    """What one more round takes: of a long fit less a short one, the median of three."""
    work(1)
    more = 2 * ROUNDS

    def difference() -> float:
        few = timed(lambda: work(2))
        return (timed(lambda: work(2 + more)) - few) / more

    return statistics.median(difference() for _ in range(3))


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
