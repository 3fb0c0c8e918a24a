"""Recommendations by alternating least squares; rounds in factors.py.

Input is a table of ratings: user, item, rating; users and items are whole numbers below 2⁵³. A
sparse table, such as SciPy's csr_matrix, has a row for each user and a column for each item.
Fitting groups the ratings by user and by item in the caller's memory: about 50 bytes for each.
A pair that is rated twice counts as two ratings; if they are counts, as their sum.
"""

from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from mapred.formats.csr import Csr
from mapred.formats.narrowing import narrowed_rows
from mapred.ml.estimator import Estimator, Fit
from mapred.ml.factors import ITEMS, USERS, Alternating, beginning, folder_of
from mapred.ml.parameters import number, seed, whole_number
from mapred.ml.precision import FLOAT64
from mapred.ml.rows import EXACT, Matrix, Rows, as_block, as_matrix, check_rows, paths_of
from mapred.ml.sessions import stored

Names = npt.NDArray[np.int64]
_NAME_MAX = 2**53


class ALS(Estimator):
    """Factors of users and items whose products are the ratings.

    Args:
        n_components: numbers for each user and item.
        regularization: weight of the factors' squared lengths; if explicit, times how many
            ratings the user or item has.
        implicit: ratings are counts, such as of views: what is surer, not what is better.
        alpha: how much surer each makes, if implicit.
        max_iter: passes at most, of two rounds each: one for the users, one for the items.
        tol: the share of the loss by which a pass must lower it, to go on.
        random_state: seed of the first factors.
        dtype: "float64", or "float32", in half the memory (precision.py).
        workers, cluster, verbose: where it runs, and whether it tells of its rounds (KMeans).

    After `fit`: users_, items_ (their names, in order), user_factors_, item_factors_, loss_,
    mean_ (of all ratings), n_iter_ (passes).
    """

    users_: Names
    items_: Names
    user_factors_: Matrix
    item_factors_: Matrix
    loss_: float
    mean_: float

    named_rows: ClassVar[bool] = True

    def __init__(
        self,
        n_components: int = 10,
        *,
        regularization: float = 0.1,
        implicit: bool = False,
        alpha: float = 1.0,
        max_iter: int = 20,
        tol: float = 1e-4,
        random_state: int = 0,
        dtype: Any = FLOAT64,
        workers: int | None = None,
        cluster: str | None = None,
        verbose: bool = False,
    ) -> None:
        self.n_components = n_components
        self.regularization = regularization
        self.implicit = implicit
        self.alpha = alpha
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.dtype = dtype
        self.workers = workers
        self.cluster = cluster
        self.verbose = verbose

    def fit(self, X: Rows, y: object = None) -> Self:  # noqa: N803
        """Learns from rows (user, item, rating), tables of them in files, or a sparse table.

        Raises:
            ValueError: X or a parameter is impossible; says which and why.
        """
        self._check_parameters()
        if isinstance(X, Csr) or hasattr(X, "tocsr"):
            X = _listed(X)  # noqa: N806
        with self._fitting(X) as fit:
            by_users, by_items = self._grouped(fit)
            if self._kind != EXACT:
                by_users, by_items = _as_float32(by_users), _as_float32(by_items)
            inputs = [
                stored(rows, fit.scratch, folder_of(side))
                for side, rows in ((USERS, by_users), (ITEMS, by_items))
            ]
            found = self._loop(
                fit,
                Alternating,
                inputs=inputs,
                begin=beginning(by_users, by_items, self.n_components, self.random_state),
                reg=float(self.regularization),
                implicit=bool(self.implicit),
                alpha=float(self.alpha),
                tol=float(self.tol),
                max_iter=2 * self.max_iter,
            ).state
        self.user_factors_, self.item_factors_ = map(self._own, (found[USERS], found[ITEMS]))
        self.loss_ = float(found["loss"])
        self.n_iter_ //= 2
        return self

    def predict(self, X: Rows) -> Matrix:  # noqa: N803
        """Of rows (user, item, …): their product; the mean rating where one of them is unknown."""
        return np.concatenate([self._predicted(rows) for rows in self._pairs(X)])

    def recommend(self, user: int, limit: int = 10) -> list[tuple[int, float]]:
        """The items with the highest products, whether rated or not, and these.

        Raises:
            ValueError: nobody of this name has rated anything.
        """
        self._fitted()
        whole_number("limit", limit)
        is_number = isinstance(user, int | float | np.number) and not isinstance(user, bool)
        name = user if is_number else np.nan
        place, known = _places(self.users_, np.array([name]))
        if not known[0]:
            raise ValueError(f"no rating is by the user {user!r}")
        scores = self.item_factors_ @ self.user_factors_[place[0]]
        best = np.argsort(-scores, kind="stable")[:limit]
        return [(int(self.items_[at]), float(scores[at])) for at in best]

    def _pairs(self, given: Rows) -> Any:
        self._fitted()
        if paths_of(given) is not None:
            yield from self._blocks(given)
            return
        rows = as_matrix(given)
        if rows.shape[1] not in (2, 3):
            raise ValueError(f"X has {rows.shape[1]} columns: user and item are needed")
        yield rows

    def _predicted(self, rows: Matrix) -> Matrix:
        users, known_users = _places(self.users_, rows[:, 0])
        items, known_items = _places(self.items_, rows[:, 1])
        found = np.einsum("ij,ij->i", self.user_factors_[users], self.item_factors_[items])
        return np.where(known_users & known_items, found, self.mean_)

    def _grouped(self, fit: Fit) -> tuple[Csr, Csr]:
        """The ratings by user and by item."""
        given = [rows for rows, _ in fit.blocks()] if fit.array is None else [fit.array]
        parts: list[Matrix] = []
        for part in given:
            if isinstance(part, Csr):
                raise ValueError(
                    "X has sparse rows, and rows (user, item, rating) are needed, in text, Parquet "
                    "or .npy"
                )
            if part.shape[1] != 3:
                raise ValueError(
                    f"X has {part.shape[1]} columns, and user, item and rating are needed"
                )
            check_rows(part, 0)
            parts.append(part)
        table = np.concatenate(parts)
        self.users_, users = _named("user", table[:, 0])
        self.items_, items = _named("item", table[:, 1])
        ratings = table[:, 2]
        if self.implicit and ratings.min() < 0:
            raise ValueError(f"a rating is {ratings.min():g}: implicit ones are counts, 0 or more")
        self.mean_ = float(ratings.mean())
        if self.implicit:
            users, items, ratings = _summed(users, items, ratings)
        return (
            _rows(users, items, ratings, len(self.users_), len(self.items_)),
            _rows(items, users, ratings, len(self.items_), len(self.users_)),
        )

    def _check_parameters(self) -> None:
        whole_number("n_components", self.n_components)
        number("regularization", self.regularization, above=True)
        number("alpha", self.alpha)
        whole_number("max_iter", self.max_iter)
        number("tol", self.tol)
        seed(self.random_state)


def _as_float32(ratings: Csr) -> Csr:
    found = narrowed_rows(ratings, "X")
    assert isinstance(found, Csr)
    return found


def _listed(table: Rows) -> Matrix:
    """The ratings of a sparse table."""
    block = as_block(table)
    assert isinstance(block, Csr)
    if not len(block.data):
        raise ValueError("X is a sparse table without a number in it: there are no ratings")
    return block.entries()


def _named(what: str, column: Matrix) -> tuple[Names, npt.NDArray[np.int64]]:
    """The names in order, and for each row the place of its own."""
    wrong = column[(column != np.rint(column)) | (np.abs(column) >= _NAME_MAX)]
    if len(wrong):
        raise ValueError(f"a {what} is called {wrong[0]:g}: whole numbers below 2**53 are needed")
    names, places = np.unique(column, return_inverse=True)
    return names.astype(np.int64), places.astype(np.int64)


def _places(names: Names, wanted: Matrix) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """Where they are, and whether they are there at all."""
    at = np.minimum(np.searchsorted(names, wanted), len(names) - 1)
    return at, np.asarray(names[at] == wanted)


def _summed(users: Names, items: Names, counts: Matrix) -> tuple[Names, Names, Matrix]:
    """Each pair once, with the sum of its counts."""
    width = int(items.max()) + 1
    pairs, at = np.unique(users * width + items, return_inverse=True)
    return pairs // width, pairs % width, np.bincount(at, counts)


def _rows(rows: Names, columns: Names, ratings: Matrix, count: int, width: int) -> Csr:
    """A sparse row for each; its number is its target."""
    order = np.lexsort((columns, rows))
    indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.bincount(rows, minlength=count))])
    return Csr(ratings[order], columns[order], indptr, width, np.arange(count, dtype=np.float64))
