"""Linear and ridge regression: one round for means and products (comoments.py), then a small
system of equations, solved where `fit` was called.
"""

from typing import Any, Self

import numpy as np

from mapred.ml.comoments import Comoments
from mapred.ml.parameters import number
from mapred.ml.precision import FLOAT64, rounding
from mapred.ml.regressor import Regressor
from mapred.ml.rows import Matrix, Rows


class LinearRegression(Regressor):
    """Weights that make the sum of squared errors small; the shortest ones if several do.

    Args:
        fit_intercept: whether a constant is learned, too.
        dtype: "float64", or "float32", in half the memory (precision.py).
        workers, cluster, verbose: where it runs, and whether it tells of its round (KMeans).

    After `fit`: coef_, intercept_, rank_.
    """

    coef_: Matrix
    intercept_: float
    rank_: int

    def __init__(
        self,
        *,
        fit_intercept: bool = True,
        dtype: Any = FLOAT64,
        workers: int | None = None,
        cluster: str | None = None,
        verbose: bool = False,
    ) -> None:
        self.fit_intercept = fit_intercept
        self.dtype = dtype
        self.workers = workers
        self.cluster = cluster
        self.verbose = verbose

    def fit(self, X: Rows, y: Any = None) -> Self:  # noqa: N803
        """For files `y` is the number of the column with the targets (None: the last).

        Raises:
            ValueError: X, y or a parameter is impossible; says which and why.
            JobFailedError: something is wrong in a file; says where.
        """
        self._check()
        with self._fitting(X, y) as fit:
            found = self._loop(fit, Comoments, centred=bool(self.fit_intercept)).state
        means, products = found["means"], found["products"]
        weights = self._solved(products[:-1, :-1], products[:-1, -1])
        self.coef_ = self._own(weights)
        self.intercept_ = float(means[-1] - means[:-1] @ weights) if self.fit_intercept else 0.0
        # Of the squared errors, by the products alone: no second round.
        ends = np.append(weights, -1.0)
        self._tell(loss=max(0.0, float(ends @ products @ ends) / found["rows"]))
        return self

    def _check(self) -> None:
        """Raises ValueError."""

    def _solved(self, products: Matrix, right: Matrix) -> Matrix:
        # Columns of one length: then a rank can be told from rounding.
        scale = np.sqrt(np.diag(products))
        scale[scale == 0] = 1.0
        values = np.linalg.eigvalsh(products / np.outer(scale, scale))
        unit = rounding(self._kind)
        kept = values > values.max(initial=0.0) * len(values) * unit
        self.rank_ = int(kept.sum())
        if kept.all():
            solved: Matrix = np.linalg.solve(products / np.outer(scale, scale), right / scale)
        else:
            # The shortest of the solutions, in the columns' own measure.
            inverse = np.linalg.pinv(products, rcond=max(1e-12, 80 * unit), hermitian=True)
            return np.asarray(inverse @ right)
        return np.asarray(solved / scale)

    def _predicted(self, rows: Any) -> Matrix:
        found: Matrix = rows @ self.coef_ + self.intercept_
        return found


class Ridge(LinearRegression):
    """As LinearRegression, with `alpha` times the squared length of the weights added.

    Args:
        alpha: how dear long weights are.
        fit_intercept, dtype, workers, cluster, verbose: as LinearRegression's.
    """

    def __init__(
        self,
        alpha: float = 1.0,
        *,
        fit_intercept: bool = True,
        dtype: Any = FLOAT64,
        workers: int | None = None,
        cluster: str | None = None,
        verbose: bool = False,
    ) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.dtype = dtype
        self.workers = workers
        self.cluster = cluster
        self.verbose = verbose

    def _check(self) -> None:
        number("alpha", self.alpha)

    def _solved(self, products: Matrix, right: Matrix) -> Matrix:
        if not self.alpha:
            return super()._solved(products, right)
        self.rank_ = len(products)
        solved: Matrix = np.linalg.solve(products + self.alpha * np.eye(len(products)), right)
        return solved
