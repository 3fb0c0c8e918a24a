"""PCA and truncated SVD.

PCA            one round for means and products, then the eigenvectors of a small matrix
TruncatedSVD   for wide and sparse rows: random directions are multiplied with XᵀX again and
               again (subspace iteration after Halko, Martinsson and Tropp), a round each; what
               travels is as wide as the rows and as high as the number of directions
"""

from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from mapred import Mapper
from mapred.formats.csr import Csr
from mapred.iterative import Round
from mapred.ml.comoments import Comoments
from mapred.ml.estimator import Estimator
from mapred.ml.parameters import seed, whole_number
from mapred.ml.precision import FLOAT64, as_of
from mapred.ml.rows import Matrix, Rows, as_matrix, check_rows
from mapred.ml.summation import Rounds, Summing, Sums, check_sums


class PCA(Estimator):
    """The directions in which rows differ most.

    Args:
        n_components: how many; None: as many as there are columns (or rows, if fewer).
        whiten: whether what `transform` gives has variance 1.
        dtype: "float64", or "float32", in half the memory (precision.py).
        workers, cluster, verbose: where it runs, and whether it tells of its round (KMeans).

    After `fit`: components_, explained_variance_, explained_variance_ratio_, singular_values_,
    mean_, n_components_, noise_variance_.
    """

    components_: Matrix
    explained_variance_: Matrix
    explained_variance_ratio_: Matrix
    singular_values_: Matrix
    mean_: Matrix
    n_components_: int
    noise_variance_: float

    def __init__(
        self,
        n_components: int | None = None,
        *,
        whiten: bool = False,
        dtype: Any = FLOAT64,
        workers: int | None = None,
        cluster: str | None = None,
        verbose: bool = False,
    ) -> None:
        self.n_components = n_components
        self.whiten = whiten
        self.dtype = dtype
        self.workers = workers
        self.cluster = cluster
        self.verbose = verbose

    def fit(self, X: Rows, y: object = None) -> Self:  # noqa: N803
        """Raises ValueError: X or a parameter is impossible; says which and why."""
        with self._fitting(X) as fit:
            most = min(fit.rows, fit.columns)
            if fit.rows < 2:
                raise ValueError("X has 1 row, and a variance needs 2")
            count = most if self.n_components is None else self.n_components
            whole_number("n_components", count, 1, most)
            found = self._loop(fit, Comoments).state
        values, vectors = np.linalg.eigh(found["products"])
        values = values[::-1].clip(0.0)
        variances = values / (found["rows"] - 1)
        self.mean_, self.n_components_ = self._own(found["means"]), count
        self._tell(variance=float(variances.sum()))
        self.components_ = self._own(_signed(vectors[:, ::-1].T[:count]))
        self.explained_variance_ = self._own(variances[:count])
        self.explained_variance_ratio_ = self._own(_shares(variances[:count], variances.sum()))
        self.singular_values_ = self._own(np.sqrt(values[:count]))
        self.noise_variance_ = float(variances[count:most].mean()) if count < most else 0.0
        return self

    def transform(self, X: Rows) -> Matrix:  # noqa: N803
        """Each row's place along the components."""
        parts = [rows @ self.components_.T for rows in self._blocks(X)]
        found: Matrix = np.concatenate(parts) - self.mean_ @ self.components_.T
        # Along a direction without spread all are at 0, and stay there.
        spread = np.sqrt(self.explained_variance_)
        return found / np.where(spread > 0, spread, 1.0) if self.whiten else found

    def fit_transform(self, X: Rows, y: object = None) -> Matrix:  # noqa: N803
        return self.fit(X).transform(X)

    def inverse_transform(self, places: npt.ArrayLike) -> Matrix:
        """The rows that are at these places. Raises ValueError: they are none."""
        self._fitted()
        places = as_matrix(places, "places", self._kind)
        check_rows(places, 0, columns=self.n_components_)
        scaled = places * np.sqrt(self.explained_variance_) if self.whiten else places
        found: Matrix = scaled @ self.components_ + self.mean_
        return found


class Multiplying(Summing):
    def part(self, rows: Any, targets: Any) -> Sums:
        along = rows @ as_of(self.ctx.state["directions"], rows)
        squares = rows.data if isinstance(rows, Csr) else rows.ravel()
        return {
            "back": rows.T @ along,
            "products": along.T @ along,
            "rows": len(rows),
            "squares": float(np.einsum("i,i->", squares, squares, dtype=np.float64)),
            "sums": rows.T @ np.ones(len(rows), rows.dtype),
        }


class Subspace(Rounds):
    """Directions times XᵀX, made perpendicular again, in every round but the last."""

    mapper: ClassVar[type[Mapper]] = Multiplying

    def advanced(self, state: Any, total: Sums) -> dict[str, Any]:
        check_sums(total)
        directions = state["directions"]
        values = np.linalg.eigvalsh(total["products"])[::-1]
        shown = {"largest singular value": float(np.sqrt(max(values[0], 0.0)))}
        moved, _ = np.linalg.qr(total["back"])
        return {"directions": moved, "used": directions, "total": total, "metrics": shown}

    def arrived(self, turn: Round) -> str:
        last = turn.number >= self.ctx.params.max_iter
        return f"{turn.number} rounds were asked for" if last else ""


class TruncatedSVD(Estimator):
    """The largest singular values and their directions, without centring: for wide, sparse rows.

    Args:
        n_components: how many.
        n_iter: rounds of multiplication before the one that measures.
        n_oversamples: directions beyond those, which make them more exact.
        random_state: seed of the first directions.
        dtype: "float64", or "float32", in half the memory (precision.py).
        workers, cluster, verbose: where it runs, and whether it tells of its rounds (KMeans).

    After `fit`: components_, singular_values_, explained_variance_, explained_variance_ratio_.
    """

    components_: Matrix
    singular_values_: Matrix
    explained_variance_: Matrix
    explained_variance_ratio_: Matrix

    def __init__(
        self,
        n_components: int = 2,
        *,
        n_iter: int = 5,
        n_oversamples: int = 10,
        random_state: int = 0,
        dtype: Any = FLOAT64,
        workers: int | None = None,
        cluster: str | None = None,
        verbose: bool = False,
    ) -> None:
        self.n_components = n_components
        self.n_iter = n_iter
        self.n_oversamples = n_oversamples
        self.random_state = random_state
        self.dtype = dtype
        self.workers = workers
        self.cluster = cluster
        self.verbose = verbose

    def fit(self, X: Rows, y: object = None) -> Self:  # noqa: N803
        """Raises ValueError: X or a parameter is impossible; says which and why."""
        whole_number("n_iter", self.n_iter, 0)
        whole_number("n_oversamples", self.n_oversamples, 0)
        seed(self.random_state)
        with self._fitting(X) as fit:
            most = min(fit.rows, fit.columns)
            count = whole_number("n_components", self.n_components, 1, most)
            width = min(count + self.n_oversamples, most)
            random = np.random.Generator(np.random.Philox(key=self.random_state))
            start, _ = np.linalg.qr(random.normal(size=(fit.columns, width)))
            state = self._loop(
                fit, Subspace, begin={"directions": start}, max_iter=self.n_iter + 1
            ).state
        total, used = state["total"], state["used"]
        values, vectors = np.linalg.eigh(total["products"])
        values, vectors = values[::-1][:count].clip(0.0), vectors[:, ::-1][:, :count]
        components = _signed((used @ vectors).T)
        rows, sums = total["rows"], total["sums"]
        explained = values / rows - (components @ sums / rows) ** 2
        variance = total["squares"] / rows - float((sums / rows) @ (sums / rows))
        self.singular_values_, self.components_ = self._own(np.sqrt(values)), self._own(components)
        self.explained_variance_ = self._own(explained)
        self.explained_variance_ratio_ = self._own(_shares(explained, variance))
        return self

    def transform(self, X: Rows) -> Matrix:  # noqa: N803
        """Each row's place along the components."""
        self._fitted()
        return np.concatenate([rows @ self.components_.T for rows in self._blocks(X)])

    def fit_transform(self, X: Rows, y: object = None) -> Matrix:  # noqa: N803
        return self.fit(X).transform(X)


def _shares(variances: Matrix, whole: float) -> Matrix:
    """Rows that are all alike have no variance to share."""
    return variances / whole if whole > 0 else np.zeros(len(variances))


def _signed(components: Matrix) -> Matrix:
    """Each with its largest number above 0, so that a fit has one outcome."""
    largest = np.abs(components).argmax(axis=1)
    signs = np.sign(components[np.arange(len(components)), largest])
    signs[signs == 0] = 1.0
    found: Matrix = components * signs[:, None]
    return found
