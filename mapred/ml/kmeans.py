"""KMeans: the rounds of lloyd.py behind scikit-learn's names.

The same start gives the same centres as scikit-learn's Lloyd, up to the last bits, with these
differences: `init` is "k-means||", "random" or the centres themselves, one start is made (no
n_init), and a centre that loses all its rows stays where it is.
"""

from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from mapred.ml.distances import Spread, spread, ways
from mapred.ml.estimator import Estimator, Fit
from mapred.ml.lloyd import RANDOM, Lloyd, beginning, drawn, nearest
from mapred.ml.parameters import number, seed, whole_number
from mapred.ml.precision import FLOAT64
from mapred.ml.rows import Matrix, Rows, as_matrix
from mapred.ml.seeding import DRAWS, PARALLEL, Seeding, beginning_at, chosen_centres, first_row


class KMeans(Estimator):
    """Centres that make the squared distances of rows to their nearest centre small.

    Args:
        n_clusters: how many centres.
        init: "k-means||" (rows far from one another, found in a few rounds more: seeding.py),
            "random" (rows drawn by `random_state`), or an array of n_clusters rows.
        max_iter: rounds at most.
        tol: the centres' way, relative to the variance, at which they have arrived.
        random_state: seed of the start.
        dtype: "float64", or "float32": half the memory, and sooner (precision.py).
        workers: task processes on this machine; None: one per processor.
        cluster: a JobTracker's "host:port", to run there instead.
        verbose: whether to write a line per round.

    After `fit`: cluster_centers_, inertia_, n_iter_, n_features_in_, converged_, history_ (a
    dict of inertia and way per round), and for arrays labels_.
    """

    cluster_centers_: Matrix
    labels_: npt.NDArray[np.intp]
    inertia_: float

    _estimator_type: ClassVar[str] = "clusterer"

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = PARALLEL,
        max_iter: int = 300,
        tol: float = 1e-4,
        random_state: int = 0,
        dtype: Any = FLOAT64,
        workers: int | None = None,
        cluster: str | None = None,
        verbose: bool = False,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.dtype = dtype
        self.workers = workers
        self.cluster = cluster
        self.verbose = verbose

    def fit(self, X: Rows, y: object = None) -> Self:  # noqa: N803
        """Learns from an array of rows, or from tables in files (a path, or several).

        Raises:
            ValueError: X or a parameter is impossible; says which and why.
            JobFailedError: a round failed; says where in the input.
        """
        self._check_parameters()
        centres = None if isinstance(self.init, str) else as_matrix(self.init, "init")
        if centres is not None and len(centres) != self.n_clusters:
            raise ValueError(f"init has {len(centres)} rows, and n_clusters={self.n_clusters}")
        with self._fitting(X) as fit:
            self._check_against(fit, centres)
            if centres is None:
                centres = self._spread(fit) if self.init == PARALLEL else self._drawn(fit)
            self.cluster_centers_ = self._own(self._moved(fit, centres))
            self._evaluate(fit)
        return self

    def _moved(self, fit: Fit, centres: Matrix) -> Matrix:
        """The rounds."""
        found: Matrix = self._loop(
            fit,
            Lloyd,
            begin=beginning(centres),
            max_iter=self.max_iter,
            tol=float(self.tol),
        ).state["centres"]
        return found

    def _drawn(self, fit: Fit) -> Matrix:
        """A start of rows drawn by the seed."""
        random = np.random.Generator(np.random.Philox(key=self.random_state))
        blocks = ((0, rows) for rows, _ in fit.blocks())
        return drawn(blocks, self.n_clusters, random, fit.columns)

    def predict(self, X: Rows) -> npt.NDArray[np.intp]:  # noqa: N803
        """The number of each row's nearest centre."""
        self._fitted()
        centres = self.cluster_centers_
        return np.concatenate([nearest(rows, centres)[0] for rows in self._blocks(X)])

    def fit_predict(self, X: Rows, y: object = None) -> npt.NDArray[np.intp]:  # noqa: N803
        self.fit(X)
        return self.labels_ if hasattr(self, "labels_") else self.predict(X)

    def transform(self, X: Rows) -> Matrix:  # noqa: N803
        """Each row's distances to all centres."""
        self._fitted()
        return np.concatenate(
            [
                np.column_stack([np.sqrt(ways(rows, centre)) for centre in self.cluster_centers_])
                for rows in self._blocks(X)
            ]
        )

    def score(self, X: Rows, y: object = None) -> float:  # noqa: N803
        """Minus the sum of the rows' squared distances to their nearest centres."""
        self._fitted()
        centres = self.cluster_centers_
        parts = [spread(rows, centres, nearest(rows, centres)[0]) for rows in self._blocks(X)]
        return -sum(parts)

    def fit_transform(self, X: Rows, y: object = None) -> Matrix:  # noqa: N803
        return self.fit(X).transform(X)

    def _spread(self, fit: Fit) -> Matrix:
        """A start by k-means||."""
        found = self._loop(
            fit,
            Seeding,
            begin=beginning_at(first_row(fit, self.random_state)),
            clusters=self.n_clusters,
            seed=self.random_state,
            max_iter=DRAWS + 2,
        )
        return chosen_centres(found.state, self.n_clusters, self.random_state)

    def _check_parameters(self) -> None:
        whole_number("n_clusters", self.n_clusters)
        whole_number("max_iter", self.max_iter)
        seed(self.random_state)
        number("tol", self.tol)
        if isinstance(self.init, str) and self.init not in (RANDOM, PARALLEL):
            raise ValueError(
                f"init={self.init!r}: '{RANDOM}', '{PARALLEL}', or an array of the first centres"
            )

    def _check_against(self, fit: Fit, centres: Matrix | None) -> None:
        if fit.rows < self.n_clusters:
            raise ValueError(f"n_clusters={self.n_clusters}, and X has only {fit.rows} rows")
        if centres is not None and centres.shape[1] != fit.columns:
            raise ValueError(f"init has {centres.shape[1]} columns, and X has {fit.columns}")

    def _evaluate(self, fit: Fit) -> None:
        """What belongs to the last centres: the rounds know only of those before."""
        centres = self.cluster_centers_
        if fit.array is not None:
            self.labels_, _ = nearest(fit.array, centres)
            self.inertia_ = spread(fit.array, centres, self.labels_)
            return
        params = {"target": fit.target, "columns": fit.columns}
        begin = {"centres": centres}
        found = fit.session.run(
            Spread,
            fit.inputs,
            scratch=fit.scratch,
            params=params,
            begin=begin,
            input_format=fit.table,
        )
        self.inertia_ = float(found.state["spread"])
