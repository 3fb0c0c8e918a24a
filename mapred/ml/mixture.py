"""Gaussian mixtures by expectation and maximisation, a round for each pair of them.

A round gives every row its shares of the components, and sums up, by component, the shares,
the rows and the products of rows; the next components are made of these. The rows are taken
from the first means' own mean, so that columns far from 0 keep their digits.
"""

from typing import Any, ClassVar, Final, Self

import numpy as np
import numpy.typing as npt

from mapred import Mapper, Param
from mapred.formats.csr import Csr
from mapred.iterative import Round
from mapred.ml.classifier import log_sum_exp
from mapred.ml.comoments import Comoments
from mapred.ml.estimator import Estimator, Fit
from mapred.ml.parameters import choice, number, numbers, seed, whole_number
from mapred.ml.precision import FLOAT64, as_of
from mapred.ml.rows import Matrix, Rows, as_matrix
from mapred.ml.summation import Rounds, Summing, Sums, check_sums

KINDS: Final = ("full", "diag", "spherical", "tied")


def log_densities(rows: Matrix, state: Any, kind: str) -> Matrix:
    """For each row and component: the logarithm of its share of the density at the row."""
    means, precisions = as_of(state["means"], rows), as_of(state["precisions"], rows)
    count, columns = means.shape
    found = np.empty((len(rows), count), rows.dtype)
    for at in range(count):
        apart = rows - means[at]
        if kind in ("full", "tied"):
            # The factor of the inverse of the covariance, upper triangular.
            factor = precisions[at] if kind == "full" else precisions
            scaled, size = apart @ factor, np.log(np.diag(factor)).sum()
        else:
            scaled = apart * precisions[at]
            size = np.log(np.broadcast_to(precisions[at], columns)).sum()
        found[:, at] = size - 0.5 * np.einsum("ij,ij->i", scaled, scaled)
    constants = np.log(state["weights"]) - 0.5 * columns * np.log(2 * np.pi)
    shares: Matrix = found + as_of(constants, rows)
    return shares


class Sharing(Summing):
    """Sums by component."""

    def part(self, rows: Any, targets: Any) -> Sums:
        state, kind = self.ctx.state, self.ctx.params.kind
        dense = rows.toarray() if isinstance(rows, Csr) else rows
        shares = log_densities(dense, state, kind)
        total = log_sum_exp(shares)
        shares = np.exp(shares - total[:, None])
        apart = dense - as_of(state["middle"], dense)
        if kind == "tied":
            products: Any = apart.T @ apart
        elif kind == "full":
            products = np.stack([(apart * share[:, None]).T @ apart for share in shares.T])
        else:
            products = shares.T @ (apart * apart)
        return {
            "rows": len(dense),
            "bound": float(total.sum(dtype=np.float64)),
            "shares": shares.sum(axis=0, dtype=np.float64),
            "sums": shares.T @ apart,
            "products": products,
        }


class Mixing(Rounds):
    """Components, their shares of all rows, and again."""

    kind: str = Param("full", help=f"of covariance: {', '.join(KINDS)}")
    regularity: float = Param(1e-6, help="added to every variance")

    mapper: ClassVar[type[Mapper]] = Sharing
    checkpoint_every: ClassVar[int] = 10

    def advanced(self, state: Any, total: Sums) -> dict[str, Any]:
        check_sums(total)
        params = self.ctx.params
        # As scikit-learn: a component without rows keeps a number above 0.
        shares = total["shares"] + 10 * np.finfo(float).eps
        apart = total["sums"] / shares[:, None]
        covariances = _covariances(total, shares, apart, params.kind, params.regularity)
        bound = total["bound"] / total["rows"]
        return {
            "middle": state["middle"],
            "weights": shares / shares.sum(),
            "means": state["middle"] + apart,
            "covariances": covariances,
            "precisions": factors(covariances, params.kind),
            "bound": bound,
            "rose": bound - state["bound"],
            "metrics": {"lower bound": bound},
        }

    def arrived(self, turn: Round) -> str:
        rose = abs(turn.state["rose"])
        if rose < self.ctx.params.tol:
            return f"the lower bound changed by {rose:.3g}, less than {self.ctx.params.tol:g}"
        return ""


def _covariances(total: Sums, shares: Matrix, apart: Matrix, kind: str, regularity: float) -> Any:
    if kind == "tied":
        found = (total["products"] - (apart.T * shares) @ apart) / shares.sum()
        return found + regularity * np.eye(len(found))
    if kind == "full":
        found = total["products"] / shares[:, None, None] - np.einsum("ki,kj->kij", apart, apart)
        return found + regularity * np.eye(apart.shape[1])
    found = total["products"] / shares[:, None] - apart**2 + regularity
    return found if kind == "diag" else found.mean(axis=1, keepdims=True)


def factors(covariances: Any, kind: str) -> Any:
    """Of the inverses of the covariances; raises ValueError where there's none."""
    if kind in ("diag", "spherical"):
        if not (covariances > 0).all():
            raise ValueError(_FLAT)
        return 1.0 / np.sqrt(covariances)
    try:
        return np.linalg.inv(np.linalg.cholesky(covariances)).swapaxes(-1, -2)
    except np.linalg.LinAlgError:
        raise ValueError(_FLAT) from None


_FLAT: Final = (
    "a component has become flat: its rows lie in fewer dimensions than there are columns. "
    "Take fewer components, or a larger reg_covar"
)


class GaussianMixture(Estimator):
    """Normal components that make the rows likely.

    Args:
        n_components: how many.
        covariance_type: "full", "diag", "spherical" or "tied".
        means_init: the first means; None: rows drawn by `random_state`.
        weights_init, precisions_init: the first weights, and inverses of covariances, shaped as
            covariances_; None: all alike, with the covariance of all rows.
        reg_covar: added to every variance.
        tol: the change of the lower bound at which they have arrived.
        max_iter: rounds at most.
        random_state: seed of the first means.
        dtype: "float64", or "float32", in half the memory (precision.py).
        workers, cluster, verbose: where it runs, and whether it tells of its rounds (KMeans).

    After `fit`: weights_, means_, covariances_, precisions_cholesky_, lower_bound_, and
    history_ with the lower bound (mean log-likelihood of the rows) per round, which never falls.
    """

    weights_: Matrix
    means_: Matrix
    covariances_: Matrix
    precisions_cholesky_: Matrix
    lower_bound_: float

    _estimator_type: ClassVar[str] = "density_estimator"

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        means_init: Any = None,
        weights_init: Any = None,
        precisions_init: Any = None,
        reg_covar: float = 1e-6,
        tol: float = 1e-3,
        max_iter: int = 100,
        random_state: int = 0,
        dtype: Any = FLOAT64,
        workers: int | None = None,
        cluster: str | None = None,
        verbose: bool = False,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.means_init = means_init
        self.weights_init = weights_init
        self.precisions_init = precisions_init
        self.reg_covar = reg_covar
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state
        self.dtype = dtype
        self.workers = workers
        self.cluster = cluster
        self.verbose = verbose

    def fit(self, X: Rows, y: object = None) -> Self:  # noqa: N803
        """Raises ValueError: X or a parameter is impossible; says which and why."""
        kind = choice("covariance_type", self.covariance_type, *KINDS)
        whole_number("n_components", self.n_components)
        whole_number("max_iter", self.max_iter)
        seed(self.random_state)
        number("tol", self.tol)
        number("reg_covar", self.reg_covar)
        with self._fitting(X) as fit:
            if fit.rows < self.n_components:
                raise ValueError(
                    f"n_components={self.n_components}, and X has only {fit.rows} rows"
                )
            means = self._means(fit)
            if means.shape != (self.n_components, fit.columns):
                raise ValueError(
                    f"means_init has the shape {means.shape}, and "
                    f"({self.n_components}, {fit.columns}) is needed"
                )
            found = self._loop(
                fit,
                Mixing,
                begin={
                    "middle": means.mean(axis=0),
                    "weights": self._weights(),
                    "means": means,
                    "precisions": self._precisions(fit),
                    "bound": -np.inf,
                },
                kind=kind,
                regularity=float(self.reg_covar),
                tol=float(self.tol),
                max_iter=self.max_iter,
            ).state
        self.weights_, self.means_ = self._own(found["weights"]), self._own(found["means"])
        self.precisions_cholesky_ = self._own(found["precisions"])
        self.lower_bound_ = float(found["bound"])
        self.covariances_ = self._own(found["covariances"])
        if kind == "spherical":
            self.covariances_ = self.covariances_[:, 0]
        return self

    def _weights(self) -> Matrix:
        if self.weights_init is None:
            return np.full(self.n_components, 1.0 / self.n_components)
        weights = numbers("weights_init", self.weights_init)
        if (
            weights.shape != (self.n_components,)
            or not (weights > 0).all()
            or abs(weights.sum() - 1) > 1e-9
        ):
            raise ValueError(
                f"weights_init={self.weights_init!r}: {self.n_components} numbers above 0 that "
                "sum up to 1 are needed"
            )
        return weights

    def _means(self, fit: Fit) -> Matrix:
        if self.means_init is not None:
            return as_matrix(self.means_init, "means_init")
        random = np.random.Generator(np.random.Philox(key=self.random_state))
        wanted = np.sort(random.choice(fit.rows, self.n_components, replace=False))
        found, before = [], 0
        for rows, _ in fit.blocks():
            here = wanted[(wanted >= before) & (wanted < before + len(rows))] - before
            found.append(rows[here].toarray() if isinstance(rows, Csr) else rows[here])
            before += len(rows)
        return np.concatenate(found).astype(np.float64)

    def _precisions(self, fit: Fit) -> Any:
        kind, count = self.covariance_type, self.n_components
        if self.precisions_init is not None:
            return self._given_precisions(fit.columns)
        about = self._loop(fit, Comoments).state
        variances = np.diagonal(about["products"]) / about["rows"] + self.reg_covar
        roots = 1.0 / np.sqrt(np.maximum(variances, np.finfo(float).tiny))
        if kind == "diag":
            return np.tile(roots, (count, 1))
        if kind == "spherical":
            return np.full((count, 1), 1.0 / np.sqrt(variances.mean()))
        return np.diag(roots) if kind == "tied" else np.tile(np.diag(roots), (count, 1, 1))

    def _given_precisions(self, columns: int) -> Any:
        kind, count = self.covariance_type, self.n_components
        shape = {
            "full": (count, columns, columns),
            "tied": (columns, columns),
            "diag": (count, columns),
            "spherical": (count,),
        }[kind]
        given = numbers("precisions_init", self.precisions_init)
        if given.shape != shape:
            raise ValueError(f"precisions_init has the shape {given.shape}, and {shape} is needed")
        if kind in ("diag", "spherical"):
            if not ((given > 0) & np.isfinite(given)).all():
                raise ValueError("precisions_init: numbers above 0 are needed")
            roots = np.sqrt(given)
            return roots[:, None] if kind == "spherical" else roots
        try:
            np.linalg.cholesky(given)
        except np.linalg.LinAlgError:
            raise ValueError(
                "precisions_init: symmetric, positive definite matrices are needed"
            ) from None
        return factors(np.linalg.inv(given), kind)

    # --- the model

    def _log_shares(self, X: Rows) -> Matrix:  # noqa: N803
        self._fitted()
        state = {
            "means": self.means_,
            "precisions": self.precisions_cholesky_,
            "weights": self.weights_,
        }
        return np.concatenate(
            [
                log_densities(
                    rows.toarray() if isinstance(rows, Csr) else rows, state, self.covariance_type
                )
                for rows in self._blocks(X)
            ]
        )

    def score_samples(self, X: Rows) -> Matrix:  # noqa: N803
        """The logarithm of the density at each row."""
        return log_sum_exp(self._log_shares(X))

    def score(self, X: Rows, y: object = None) -> float:  # noqa: N803
        """The mean of them."""
        return float(self.score_samples(X).mean())

    def predict_proba(self, X: Rows) -> Matrix:  # noqa: N803
        """Each row's shares of the components."""
        shares = self._log_shares(X)
        found: Matrix = np.exp(shares - log_sum_exp(shares)[:, None])
        return found

    def predict(self, X: Rows) -> npt.NDArray[np.intp]:  # noqa: N803
        """The component that has most of each row."""
        found: npt.NDArray[np.intp] = self._log_shares(X).argmax(axis=1)
        return found
