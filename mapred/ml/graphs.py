"""Graphs: PageRank, connected components, shortest paths and triangles; rounds in vertices.py.

Input is a table of edges: from, to, and perhaps a weight; vertices are whole numbers below 2⁵³, and
those without an edge aren't there. A sparse table, such as SciPy's csr_matrix, has an edge from the
row to the column of each number that it holds, which is the weight. An edge that is there twice
counts twice, except for triangles. What was learned is in order of `vertices_`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from mapred.formats.csr import Csr
from mapred.ml.edgeparts import borders_of
from mapred.ml.estimator import Estimator, Fit
from mapred.ml.parameters import number, whole_number
from mapred.ml.rows import Matrix, Rows, as_block, as_matrix, paths_of
from mapred.ml.vertices import Closing, Joining, Names, Ranking, Relaxing

# Floats of 64 bits hold every whole number below it.
NAME_MAX: Final = 2**53


class Graph(NamedTuple):
    """The edges as tasks can read them, and what is known of the vertices."""

    fit: Fit
    # What the edges call them; None: by their places.
    names: Any
    size: int
    # Of each the sum of the weights that leave it.
    leaving: Matrix
    lowest_weight: float
    # Where parts of the edges begin; None: they lie in order of their ends.
    borders: Any


class _OnGraph(Estimator):
    """What the four have in common."""

    vertices_: npt.NDArray[np.int64]

    @contextmanager
    def _edges(self, edges: Rows) -> Iterator["Graph"]:
        if paths_of(edges) is None:
            sparse = isinstance(edges, Csr) or hasattr(edges, "tocsr")
            rows = _listed(edges) if sparse else as_matrix(edges)
            _check_edges(rows)
            names, places = np.unique(rows[:, :2], return_inverse=True)
            places = places.reshape(-1, 2)
            weights = rows[:, 2] if rows.shape[1] == 3 else np.ones(len(rows))
            leaving = np.bincount(places[:, 0], weights, minlength=len(names))
            # In order of their ends: edgeparts.py says why.
            order = np.argsort(places[:, 1], kind="stable")
            numbered = np.column_stack([places, rows[:, 2:]])[order]
            with self._fitting(numbered) as fit:
                self._name(names)
                yield Graph(fit, None, len(names), leaving, float(weights.min()), None)
            return
        with self._fitting(edges) as fit:
            found = self._loop(fit, Names).state
            names = found["vertices"]
            self._name(names)
            borders = borders_of(found["arriving"])
            yield Graph(fit, names, len(names), found["leaving"], found["lowest"], borders)

    def _name(self, names: Matrix) -> None:
        if not (names == np.rint(names)).all():
            wrong = names[names != np.rint(names)][0]
            raise ValueError(f"a vertex is called {wrong:g}, and whole numbers are needed")
        if (np.abs(names) >= NAME_MAX).any():
            wrong = names[np.abs(names) >= NAME_MAX][0]
            raise ValueError(
                f"a vertex is called {wrong:.0f}: from {NAME_MAX} on tables of floats can't tell "
                "one whole number from the next; number the vertices anew"
            )
        self.vertices_ = names.astype(np.int64)

    def _place(self, vertex: Any) -> int:
        if not isinstance(vertex, int | float | np.number) or isinstance(vertex, bool):
            raise ValueError(f"{vertex!r} is no vertex: vertices are numbers")
        at = int(np.searchsorted(self.vertices_, vertex))
        if at == len(self.vertices_) or self.vertices_[at] != vertex:
            raise ValueError(f"no edge has the vertex {vertex!r}")
        return at


def _listed(table: Rows) -> Matrix:
    """The edges of a sparse table."""
    block = as_block(table)
    assert isinstance(block, Csr)
    if block.shape[0] != block.shape[1]:
        raise ValueError(
            f"X is a sparse table of the shape {block.shape}: a row and a column for each vertex "
            "are needed; or give a list of edges: from, to, weight"
        )
    if not len(block.data):
        raise ValueError("X is a sparse table without a number in it: there are no edges")
    return block.entries()


def _check_edges(rows: Matrix) -> None:
    if rows.shape[1] not in (2, 3):
        raise ValueError(
            f"X has {rows.shape[1]} columns: from and to, and perhaps a weight, are needed"
        )


class PageRank(_OnGraph):
    """The share of time that a walker spends at each vertex.

    Args:
        alpha: how likely he follows an edge, by weight; else, and where there's none, he goes
            anywhere.
        tol: the change per vertex, in a round, at which ranks have arrived.
        max_iter: rounds at most.
        workers, cluster, verbose: where it runs, and whether it tells of its rounds (KMeans).

    After `fit`: ranks_.
    """

    ranks_: Matrix

    def __init__(
        self,
        alpha: float = 0.85,
        *,
        tol: float = 1e-6,
        max_iter: int = 100,
        workers: int | None = None,
        cluster: str | None = None,
        verbose: bool = False,
    ) -> None:
        self.alpha = alpha
        self.tol = tol
        self.max_iter = max_iter
        self.workers = workers
        self.cluster = cluster
        self.verbose = verbose

    def fit(self, X: Rows, y: object = None) -> Self:  # noqa: N803
        """Raises ValueError: X or a parameter is impossible; says which and why."""
        number("alpha", self.alpha, 0.0, 1.0)
        number("tol", self.tol)
        whole_number("max_iter", self.max_iter)
        with self._edges(X) as graph:
            if graph.lowest_weight < 0:
                raise ValueError(f"an edge has the weight {graph.lowest_weight:g}: below 0")
            begin = {
                "vertices": graph.names,
                "ranks": np.full(graph.size, 1.0 / graph.size),
                "leaving": graph.leaving,
                "borders": graph.borders,
            }
            self.ranks_ = self._loop(
                graph.fit,
                Ranking,
                begin=begin,
                alpha=float(self.alpha),
                tol=float(self.tol),
                max_iter=self.max_iter,
            ).state["ranks"]
        return self


class ConnectedComponents(_OnGraph):
    """Which vertices hang together, whatever the directions of the edges.

    After `fit`: labels_ (of each vertex the smallest one in its component), n_components_.
    """

    labels_: npt.NDArray[np.int64]
    n_components_: int

    def __init__(
        self,
        *,
        max_iter: int = 100,
        workers: int | None = None,
        cluster: str | None = None,
        verbose: bool = False,
    ) -> None:
        self.max_iter = max_iter
        self.workers = workers
        self.cluster = cluster
        self.verbose = verbose

    def fit(self, X: Rows, y: object = None) -> Self:  # noqa: N803
        """Raises ValueError: X or a parameter is impossible; says which and why."""
        whole_number("max_iter", self.max_iter)
        with self._edges(X) as graph:
            begin = {"vertices": graph.names, "labels": np.arange(graph.size)}
            found = self._loop(graph.fit, Joining, begin=begin, max_iter=self.max_iter).state[
                "labels"
            ]
        self.labels_ = self.vertices_[found]
        self.n_components_ = len(np.unique(found))
        return self


class ShortestPaths(_OnGraph):
    """The lengths of the shortest ways from one vertex to all.

    Args:
        source: where the ways begin.
        directed: whether edges lead one way only.
        max_iter: rounds at most: edges of the longest of the ways, and one.
        workers, cluster, verbose: where it runs, and whether it tells of its rounds (KMeans).

    After `fit`: lengths_ (sums of weights, or numbers of edges; infinite: there's no way).
    """

    lengths_: Matrix

    def __init__(
        self,
        source: int = 0,
        *,
        directed: bool = True,
        max_iter: int = 1000,
        workers: int | None = None,
        cluster: str | None = None,
        verbose: bool = False,
    ) -> None:
        self.source = source
        self.directed = directed
        self.max_iter = max_iter
        self.workers = workers
        self.cluster = cluster
        self.verbose = verbose

    def fit(self, X: Rows, y: object = None) -> Self:  # noqa: N803
        """Raises ValueError: X or a parameter is impossible; says which and why."""
        whole_number("max_iter", self.max_iter)
        with self._edges(X) as graph:
            lengths = np.full(graph.size, np.inf)
            lengths[self._place(self.source)] = 0.0
            self.lengths_ = self._loop(
                graph.fit,
                Relaxing,
                begin={"vertices": graph.names, "lengths": lengths},
                directed=bool(self.directed),
                max_iter=self.max_iter,
            ).state["lengths"]
        return self


class TriangleCount(_OnGraph):
    """In how many triangles each vertex is; edges have no direction, and count once.

    After `fit`: triangles_, n_triangles_, transitivity_ (of all pairs of edges that meet, the
    share whose ends are joined).
    """

    triangles_: npt.NDArray[np.int64]
    n_triangles_: int
    transitivity_: float

    def __init__(
        self, *, workers: int | None = None, cluster: str | None = None, verbose: bool = False
    ) -> None:
        self.workers = workers
        self.cluster = cluster
        self.verbose = verbose

    def fit(self, X: Rows, y: object = None) -> Self:  # noqa: N803
        """Raises ValueError: X is no list of edges; says why."""
        with self._edges(X) as graph:
            begin = {"vertices": graph.names, "count": graph.size}
            found = self._loop(graph.fit, Closing, begin=begin, max_iter=2).state
        self.triangles_ = found["triangles"]
        self.n_triangles_ = int(self.triangles_.sum()) // 3
        degrees = found["degrees"].astype(np.float64)
        pairs = float((degrees * (degrees - 1)).sum() / 2)
        self.transitivity_ = 3 * self.n_triangles_ / pairs if pairs else 0.0
        return self
