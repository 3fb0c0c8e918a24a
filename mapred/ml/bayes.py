"""Naive Bayes: multinomial, Bernoulli, complement and Gaussian, each one round (classcounts.py).

Names and smoothing are scikit-learn's. history_ has as loss, of all rows, the mean of -log of the
probability of the row together with its class (of ComplementNB, which has none, of -score), but
for what is the same for all classes: it follows from the counts.
"""

from typing import Any, ClassVar, Self

import numpy as np

from mapred.formats.csr import Csr
from mapred.ml.classcounts import Counts, Spreads
from mapred.ml.classifier import Classifier
from mapred.ml.estimator import Fit
from mapred.ml.parameters import number, numbers
from mapred.ml.precision import FLOAT64
from mapred.ml.rows import Matrix, Rows


class _Counted(Classifier):
    """The three that count."""

    class_count_: Matrix
    class_log_prior_: Matrix
    feature_count_: Matrix
    feature_log_prob_: Matrix

    alpha: float
    fit_prior: bool
    class_prior: Any

    def fit(self, X: Rows, y: Any = None) -> Self:  # noqa: N803
        """Counts; for files `y` is the number of the column with the classes (None: the last).

        Raises:
            ValueError: X, y or a parameter is impossible; says which and why.
            JobFailedError: something is wrong in a file; says where.
        """
        number("alpha", self.alpha)
        params = self._parameters()
        with self._fitting(X, y) as fit:
            found = self._loop(fit, Counts, begin={"classes": fit.class_values}, **params).state
            self._prior(fit, found["rows"])
        self.class_count_, self.feature_count_ = found["rows"], found["sums"]
        # As scikit-learn: without it a logarithm of 0 would spoil everything.
        self._weigh(max(float(self.alpha), 1e-10))
        self._tell(loss=-self._joint() / float(self.class_count_.sum()))
        return self

    def _parameters(self) -> dict[str, Any]:
        return {}

    def _weigh(self, alpha: float) -> None:
        raise NotImplementedError(f"{type(self).__name__} has no _weigh(self, alpha)")

    def _joint(self) -> float:
        """The sum of the rows' scores, each for its own class."""
        of_classes = _summed(self.class_count_, self.class_log_prior_)
        return of_classes + _summed(self.feature_count_, self.feature_log_prob_)

    def _prior(self, fit: Fit, rows: Matrix) -> None:
        if self.class_prior is not None:
            prior = _checked_prior("class_prior", self.class_prior, len(fit.classes))
            self.class_log_prior_ = np.log(prior)
        elif self.fit_prior:
            self.class_log_prior_ = np.log(rows) - np.log(rows.sum())
        else:
            self.class_log_prior_ = np.full(len(rows), -np.log(len(rows)))


class MultinomialNB(_Counted):
    """Rows are counts, such as of words in a text.

    Args:
        alpha: added to every count.
        fit_prior: whether classes are as likely as they were often; else all the same.
        class_prior: probabilities of the classes, to say them instead.
        workers, cluster, verbose: where it runs, and whether it tells of its round (KMeans).
    """

    counts: ClassVar[bool] = True

    def __init__(
        self,
        *,
        alpha: float = 1.0,
        fit_prior: bool = True,
        class_prior: Any = None,
        workers: int | None = None,
        cluster: str | None = None,
        verbose: bool = False,
    ) -> None:
        self.alpha = alpha
        self.fit_prior = fit_prior
        self.class_prior = class_prior
        self.workers = workers
        self.cluster = cluster
        self.verbose = verbose

    def _weigh(self, alpha: float) -> None:
        smoothed = self.feature_count_ + alpha
        self.feature_log_prob_ = np.log(smoothed) - np.log(smoothed.sum(axis=1))[:, None]

    def _scores(self, rows: Any) -> Matrix:
        found: Matrix = rows @ self.feature_log_prob_.T + self.class_log_prior_
        return found


class ComplementNB(_Counted):
    """As MultinomialNB, from the counts of all other classes: for classes of unequal size.

    Args:
        norm: whether weights are divided by their sum.
        alpha, fit_prior, class_prior, workers, cluster, verbose: as MultinomialNB's.
    """

    counts: ClassVar[bool] = True

    def __init__(
        self,
        *,
        alpha: float = 1.0,
        fit_prior: bool = True,
        class_prior: Any = None,
        norm: bool = False,
        workers: int | None = None,
        cluster: str | None = None,
        verbose: bool = False,
    ) -> None:
        self.alpha = alpha
        self.fit_prior = fit_prior
        self.class_prior = class_prior
        self.norm = norm
        self.workers = workers
        self.cluster = cluster
        self.verbose = verbose

    def _weigh(self, alpha: float) -> None:
        others = self.feature_count_.sum(axis=0) + alpha - self.feature_count_
        logged = np.log(others / others.sum(axis=1, keepdims=True))
        self.feature_log_prob_ = (
            logged / logged.sum(axis=1, keepdims=True) if self.norm else -logged
        )

    def _joint(self) -> float:
        return _summed(self.feature_count_, self.feature_log_prob_)

    def _scores(self, rows: Any) -> Matrix:
        found: Matrix = rows @ self.feature_log_prob_.T
        return found


class BernoulliNB(_Counted):
    """Rows say what is there and what isn't.

    Args:
        binarize: what is above counts as there.
        alpha, fit_prior, class_prior, workers, cluster, verbose: as MultinomialNB's.
    """

    def __init__(
        self,
        *,
        alpha: float = 1.0,
        binarize: float = 0.0,
        fit_prior: bool = True,
        class_prior: Any = None,
        workers: int | None = None,
        cluster: str | None = None,
        verbose: bool = False,
    ) -> None:
        self.alpha = alpha
        self.binarize = binarize
        self.fit_prior = fit_prior
        self.class_prior = class_prior
        self.workers = workers
        self.cluster = cluster
        self.verbose = verbose

    def _parameters(self) -> dict[str, Any]:
        return {"binarize": number("binarize", self.binarize, -np.inf)}

    def _weigh(self, alpha: float) -> None:
        smoothed, rows = self.feature_count_ + alpha, self.class_count_ + 2 * alpha
        self.feature_log_prob_ = np.log(smoothed) - np.log(rows)[:, None]

    def _joint(self) -> float:
        missing = self.class_count_[:, None] - self.feature_count_
        return super()._joint() + _summed(missing, self._absent())

    def _absent(self) -> Matrix:
        with np.errstate(divide="ignore"):
            found: Matrix = np.log(1 - np.exp(self.feature_log_prob_))
        return found

    def _scores(self, rows: Any) -> Matrix:
        absent = self._absent()
        if isinstance(rows, Csr):
            there: Any = Csr(
                (rows.data > self.binarize) * 1.0, rows.indices, rows.indptr, rows.columns
            )
        else:
            there = (rows > self.binarize).astype(np.float64)
        weights = (self.feature_log_prob_ - absent).T
        found: Matrix = there @ weights + self.class_log_prior_ + absent.sum(axis=1)
        return found


class GaussianNB(Classifier):
    """Each column of a class is normal, with a mean and variance of its own.

    Args:
        priors: probabilities of the classes; None: as they were often.
        var_smoothing: this share of the largest variance is added to all.
        dtype: "float64", or "float32", in half the memory (precision.py).
        workers, cluster, verbose: where it runs, and whether it tells of its round (KMeans).
    """

    theta_: Matrix
    var_: Matrix
    epsilon_: float
    class_count_: Matrix
    class_prior_: Matrix

    targets: ClassVar[str] = "classes"

    def __init__(
        self,
        *,
        priors: Any = None,
        var_smoothing: float = 1e-9,
        dtype: Any = FLOAT64,
        workers: int | None = None,
        cluster: str | None = None,
        verbose: bool = False,
    ) -> None:
        self.priors = priors
        self.var_smoothing = var_smoothing
        self.dtype = dtype
        self.workers = workers
        self.cluster = cluster
        self.verbose = verbose

    def fit(self, X: Rows, y: Any = None) -> Self:  # noqa: N803
        """As MultinomialNB's."""
        number("var_smoothing", self.var_smoothing)
        with self._fitting(X, y) as fit:
            found = self._loop(fit, Spreads, begin={"classes": fit.class_values}).state
            count = len(fit.classes)
            if self.priors is not None:
                self.class_prior_ = _checked_prior("priors", self.priors, count)
        rows, squares = found["rows"], found["squares"]
        self.epsilon_ = float(self.var_smoothing * (squares[-1] / rows[-1]).max())
        self.class_count_, self.theta_ = rows[:-1], self._own(found["means"][:-1])
        self.var_ = self._own(squares[:-1] / self.class_count_[:, None] + self.epsilon_)
        if self.priors is None:
            self.class_prior_ = self.class_count_ / rows[-1]
        if not (self.var_ > 0).all():
            place, column = map(int, np.argwhere(~(self.var_ > 0))[0])
            raise ValueError(
                f"column {column} is constant within the class {self.classes_[place]}: raise "
                "var_smoothing, or drop the column"
            )
        self._tell(loss=-self._joint(squares[:-1]) / float(rows[-1]))
        return self

    def _joint(self, squares: Matrix) -> float:
        """As _Counted's; `squares` are of each class, from its means."""
        with np.errstate(divide="ignore"):
            of_classes = _summed(self.class_count_, np.log(self.class_prior_))
        sizes = self.class_count_ @ np.log(2 * np.pi * self.var_).sum(axis=1)
        return of_classes - 0.5 * float(sizes + (squares / self.var_).sum())

    def _scores(self, rows: Any) -> Matrix:
        dense = rows.toarray() if isinstance(rows, Csr) else rows
        found = np.empty((len(dense), len(self.theta_)))
        for at, (mean, variance) in enumerate(zip(self.theta_, self.var_, strict=True)):
            base = np.log(self.class_prior_[at]) - 0.5 * np.log(2 * np.pi * variance).sum()
            found[:, at] = base - 0.5 * ((dense - mean) ** 2 / variance).sum(axis=1)
        return found


def _summed(times: Matrix, logarithms: Matrix) -> float:
    """What has never been seen may be impossible."""
    seen = times > 0
    return float((times[seen] * logarithms[seen]).sum())


def _checked_prior(name: str, values: Any, classes: int) -> Matrix:
    prior = numbers(name, values)
    if prior.shape != (classes,) or (prior < 0).any() or abs(prior.sum() - 1) > 1e-9:
        raise ValueError(f"{name}={values!r}: {classes} numbers that sum up to 1 are needed")
    return prior
