"""Logistic and softmax regression; the rounds are in slopes.py."""

from typing import Any, Self

import numpy as np

from mapred.ml.classifier import Classifier
from mapred.ml.descent import begun
from mapred.ml.parameters import choice, number, whole_number
from mapred.ml.precision import FLOAT64, rounding
from mapred.ml.rows import Matrix, Rows
from mapred.ml.slopes import Descent


class LogisticRegression(Classifier):
    """Weights that make the right classes likely: logistic for two, softmax for more.

    Args:
        C: how dear errors are against long weights; infinite: weights may be long.
        l1_ratio: how much of the price of weights is for their size, the rest for their
            squares: 1 makes many of them 0. Above 0 the solver is "newton".
        solver: "lbfgs" (little a round, more rounds) or "newton" (few rounds, whose statistic
            has the square of all weights).
        fit_intercept: whether constants are learned, too.
        tol: the slope of the mean loss at which the weights have arrived.
        max_iter: rounds at most.
        dtype: "float64", or "float32", in half the memory (precision.py).
        workers, cluster, verbose: where it runs, and whether it tells of its rounds (KMeans).

    After `fit`: coef_, intercept_, classes_, and history_ with the loss and slope per round.
    For SGD with averaging there is SGDClassifier.
    """

    coef_: Matrix
    intercept_: Matrix

    def __init__(
        self,
        *,
        C: float = 1.0,  # noqa: N803
        l1_ratio: float = 0.0,
        solver: str = "lbfgs",
        fit_intercept: bool = True,
        tol: float = 1e-4,
        max_iter: int = 100,
        dtype: Any = FLOAT64,
        workers: int | None = None,
        cluster: str | None = None,
        verbose: bool = False,
    ) -> None:
        self.C = C
        self.l1_ratio = l1_ratio
        self.solver = solver
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.dtype = dtype
        self.workers = workers
        self.cluster = cluster
        self.verbose = verbose

    def fit(self, X: Rows, y: Any = None) -> Self:  # noqa: N803
        """For files `y` is the number of the column with the classes (None: the last).

        Raises:
            ValueError: X, y or a parameter is impossible; says which and why.
            JobFailedError: something is wrong in a file; says where.
        """
        self._check()
        with self._fitting(X, y) as fit:
            heights = 1 if len(fit.classes) == 2 else len(fit.classes)
            start = begun(np.zeros(heights * (fit.columns + 1)))
            price = 1.0 / (self.C * fit.rows)
            found = self._loop(
                fit,
                Descent,
                begin={**start, "classes": fit.class_values},
                curvature=self.solver == "newton",
                l1=price * self.l1_ratio,
                l2=price * (1.0 - self.l1_ratio),
                intercept=bool(self.fit_intercept),
                rounding=rounding(self._kind),
                tol=float(self.tol),
                max_iter=self.max_iter,
            ).state
        weights = found["best"]["point"].reshape(heights, -1)
        self.coef_ = self._own(weights[:, :-1].copy())
        self.intercept_ = self._own(weights[:, -1].copy())
        return self

    def _check(self) -> None:
        number("C", self.C, above=True, finite=False)
        number("tol", self.tol)
        whole_number("max_iter", self.max_iter)
        choice("solver", self.solver, "lbfgs", "newton")
        if number("l1_ratio", self.l1_ratio, 0.0, 1.0) and self.solver != "newton":
            raise ValueError(
                f"l1_ratio={self.l1_ratio!r} with solver={self.solver!r}: sizes of weights have a "
                'kink at 0, which takes solver="newton"'
            )

    def decision_function(self, X: Rows) -> Matrix:  # noqa: N803
        """The scores: of the second of two classes, or of each."""
        found = np.concatenate([rows @ self.coef_.T + self.intercept_ for rows in self._blocks(X)])
        return found[:, 0] if len(self.coef_) == 1 else found

    def _scores(self, rows: Any) -> Matrix:
        found: Matrix = rows @ self.coef_.T + self.intercept_
        return found if len(self.coef_) > 1 else np.column_stack([np.zeros_like(found), found])
