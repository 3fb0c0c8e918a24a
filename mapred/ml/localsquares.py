"""Locally weighted regression: for each query the rows near it count more, in one round.

    weight of row x for query q    exp(-|x - q|² / 2 bandwidth²)

A map adds up, for every query, the weighted products of its rows: (queries × (columns + 2)²)
numbers a split.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np

from mapred import Mapper, Param
from mapred.formats.csr import Csr
from mapred.iterative import Round
from mapred.ml.estimator import Fit
from mapred.ml.parameters import number
from mapred.ml.precision import FLOAT64, as_of, rounding
from mapred.ml.regressor import Regressor
from mapred.ml.rows import Matrix, Rows
from mapred.ml.summation import OnePass, Summing, Sums


class Weighing(Summing):
    def part(self, rows: Any, targets: Any) -> Sums:
        dense = rows.toarray() if isinstance(rows, Csr) else rows
        queries, width = as_of(self.ctx.state["queries"], rows), self.ctx.params.bandwidth
        ones, targets = np.ones(len(dense), dense.dtype), as_of(targets, rows)
        found = []
        for query in queries:
            # From the query: then the constant is what is predicted there.
            apart = dense - query
            weights = np.exp(-0.5 * np.einsum("ij,ij->i", apart, apart) / width**2)
            table = np.column_stack([ones, apart, targets])
            found.append((table * weights[:, None]).T @ table)
        return {"products": np.stack(found)}


class NearQueries(OnePass):
    """Weighted products of the rows around each query."""

    bandwidth: float = Param(help="how far near is")

    mapper: ClassVar[type[Mapper]] = Weighing

    def advanced(self, state: Any, total: Sums) -> dict[str, Any]:
        return total

    def metrics(self, turn: Round) -> Mapping[str, float]:
        """By how many rows' weight a query is answered, of the one with least."""
        return {"least weight": float(turn.state["products"][:, 0, 0].min())}


class LocallyWeightedRegression(Regressor):
    """A linear regression of its own for each row that is to be predicted.

    Args:
        bandwidth: the distance at which a row's weight has fallen to exp(-1/2).
        dtype: "float64", or "float32", in half the memory (precision.py).
        workers, cluster, verbose: where it runs, and whether it tells of its round (KMeans).

    `fit` only looks at the rows and remembers them; `predict` reads them, once for all queries.
    """

    def __init__(
        self,
        bandwidth: float = 1.0,
        *,
        dtype: Any = FLOAT64,
        workers: int | None = None,
        cluster: str | None = None,
        verbose: bool = False,
    ) -> None:
        self.bandwidth = bandwidth
        self.dtype = dtype
        self.workers = workers
        self.cluster = cluster
        self.verbose = verbose

    def fit(self, X: Rows, y: Any = None) -> Self:  # noqa: N803
        """As LinearRegression's; the rows must stay where they are until `predict`."""
        number("bandwidth", self.bandwidth, above=True)
        with self._fitting(X, y):
            self._learned_from = X, y
        return self

    def predict(self, X: Rows) -> Matrix:  # noqa: N803
        """Raises ValueError: there are no rows near a query; says which."""
        queries = np.concatenate(
            [one.toarray() if isinstance(one, Csr) else one for one in self._blocks(X)]
        )
        with self._input(*self._learned_from) as fit:
            products = self._products(fit, queries)
        found = np.empty(len(queries), self._kind)
        exact = max(1e-13, 10 * rounding(self._kind))
        for at, table in enumerate(products):
            if not table[0, 0] > 0:
                raise ValueError(
                    f"no row is near query {at} with bandwidth={self.bandwidth:g}: "
                    "take a larger one"
                )
            # The shortest of the solutions, where the rows near it lie on a line.
            found[at] = np.linalg.lstsq(table[:-1, :-1], table[:-1, -1], rcond=exact)[0][0]
        return found

    def _products(self, fit: Fit, queries: Matrix) -> Matrix:
        begin = {"queries": queries}
        result = self._loop(fit, NearQueries, begin=begin, bandwidth=float(self.bandwidth))
        products: Matrix = result.state["products"]
        return products
