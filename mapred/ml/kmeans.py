"""KMeans: the rounds of lloyd.py behind scikit-learn's names.

The same start gives the same centres as scikit-learn's Lloyd, up to the last bits, with these
differences: `init` is "random" or the centres themselves (no k-means++ yet), one start is
made (no n_init), and a centre that loses all its rows stays where it is.
"""

import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from mapred.embedded import EmbeddedEngine
from mapred.iterative.rounds import Loop, LoopResult
from mapred.ml import lloyd
from mapred.ml.lloyd import RANDOM, Lloyd, nearest
from mapred.ml.rows import Matrix, Rows, as_matrix, blocks_of, check_rows, paths_of, saved
from mapred.submit import plan

_PARAMETERS = ("n_clusters", "init", "max_iter", "tol", "random_state", "workers")


class KMeans:
    """Centres that make the squared distances of rows to their nearest centre small.

    Args:
        n_clusters: how many centres.
        init: "random" (rows drawn by `random_state`), or an array of n_clusters rows.
        max_iter: rounds at most.
        tol: the centres' way, relative to the variance, at which they have arrived.
        random_state: seed of a random start.
        workers: task processes on this machine; None: one per processor.

    After `fit`: cluster_centers_, inertia_, n_iter_, n_features_in_, converged_, history_ (a
    dict of inertia and way per round), and for arrays labels_.
    """

    cluster_centers_: Matrix
    labels_: npt.NDArray[np.intp]
    inertia_: float
    n_iter_: int
    n_features_in_: int
    converged_: bool
    history_: list[dict[str, float]]

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = RANDOM,
        max_iter: int = 300,
        tol: float = 1e-4,
        random_state: int = 0,
        workers: int | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.workers = workers

    def fit(self, X: Rows, y: object = None) -> Self:  # noqa: N803
        """Learns from an array of rows, or from tables in files (a path, or several).

        Raises:
            ValueError: X or a parameter is impossible; says which and why.
            JobFailedError: a round failed; says where in the input.
        """
        self._check_parameters()
        paths = paths_of(X)
        matrix = None if paths else as_matrix(X)
        if matrix is not None and len(matrix) < self.n_clusters:
            raise ValueError(f"n_clusters={self.n_clusters}, and X has only {len(matrix)} rows")
        with tempfile.TemporaryDirectory(prefix="mapred-kmeans-") as folder:
            inputs = paths or [saved(matrix, Path(folder, "rows.npy"))]  # type: ignore[arg-type]
            result = self._run(inputs, self._start(matrix, Path(folder)), Path(folder))
        self.cluster_centers_ = result.state["centres"]
        self.n_features_in_ = self.cluster_centers_.shape[1]
        self.n_iter_ = len(result.rounds)
        self.converged_ = result.stop.converged
        self.history_ = [dict(record.metrics) for record in result.rounds]
        self._evaluate(matrix, paths)
        return self

    def predict(self, X: Rows) -> npt.NDArray[np.intp]:  # noqa: N803
        """The number of each row's nearest centre."""
        return np.concatenate([nearest(rows, self._centres())[0] for rows in self._blocks(X)])

    def fit_predict(self, X: Rows, y: object = None) -> npt.NDArray[np.intp]:  # noqa: N803
        self.fit(X)
        return self.labels_ if hasattr(self, "labels_") else self.predict(X)

    def transform(self, X: Rows) -> Matrix:  # noqa: N803
        """Each row's distances to all centres."""
        centres = self._centres()
        return np.concatenate(
            [
                np.linalg.norm(rows[:, None, :] - centres[None, :, :], axis=2)
                for rows in self._blocks(X)
            ]
        )

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _PARAMETERS}

    def set_params(self, **params: Any) -> Self:
        """Raises ValueError: an unknown name."""
        for name, value in params.items():
            if name not in _PARAMETERS:
                raise ValueError(f"KMeans has no parameter '{name}': {', '.join(_PARAMETERS)}")
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        return f"KMeans(n_clusters={self.n_clusters}, max_iter={self.max_iter}, tol={self.tol:g})"

    # --- the loop

    def _run(self, inputs: list[str], init: str, folder: Path) -> LoopResult:
        with EmbeddedEngine(self._workers()) as engine:
            spec = plan(
                f"{lloyd.__file__}:{Lloyd.__name__}",
                inputs,
                output=str(folder / "output"),
                params={
                    "clusters": str(self.n_clusters),
                    "init": init,
                    "seed": str(self.random_state),
                    "max_iter": str(self.max_iter),
                    "tol": repr(float(self.tol)),
                },
                code_base=(folder / "code").as_uri(),
                workers=self.workers,
            )
            return Loop(engine, spec, Lloyd, lineage=f"loop_{uuid.uuid4().hex[:12]}").run()

    def _workers(self) -> int:
        import os

        return self.workers or os.cpu_count() or 1

    def _check_parameters(self) -> None:
        for name, least in (("n_clusters", 1), ("max_iter", 1), ("tol", 0), ("random_state", 0)):
            value = getattr(self, name)
            kinds = int | float | np.number if name == "tol" else int | np.integer
            if isinstance(value, bool) or not isinstance(value, kinds) or not value >= least:
                raise ValueError(f"{name}={value!r}: a number of at least {least} is needed")
        if self.workers is not None and self.workers < 1:
            raise ValueError(f"workers={self.workers!r}: at least 1, or None for one per processor")
        if isinstance(self.init, str) and self.init != RANDOM:
            raise ValueError(f"init={self.init!r}: 'random', or an array of the first centres")

    def _start(self, matrix: Matrix | None, folder: Path) -> str:
        """What the job's `init` is to be."""
        if isinstance(self.init, str):
            return RANDOM
        centres = as_matrix(self.init, "init")
        if len(centres) != self.n_clusters:
            raise ValueError(f"init has {len(centres)} rows, and n_clusters={self.n_clusters}")
        if matrix is not None and centres.shape[1] != matrix.shape[1]:
            raise ValueError(f"init has {centres.shape[1]} columns, and X has {matrix.shape[1]}")
        return saved(centres, folder / "init.npy")

    def _evaluate(self, matrix: Matrix | None, paths: list[str] | None) -> None:
        """What belongs to the last centres: the rounds know only of those before."""
        inertia = 0.0
        labels = []
        for rows in [matrix] if matrix is not None else blocks_of(paths or []):
            found, _ = nearest(rows, self.cluster_centers_)
            # Exactly, not by scores, which lose digits when rows are far from 0.
            ways = rows - self.cluster_centers_[found]
            inertia += float(np.einsum("ij,ij->", ways, ways))
            if matrix is not None:
                labels.append(found)
        self.inertia_ = inertia
        if labels:
            self.labels_ = np.concatenate(labels)

    # --- the model

    def _centres(self) -> Matrix:
        if not hasattr(self, "cluster_centers_"):
            raise ValueError("this KMeans has learned nothing yet: call fit first")
        return self.cluster_centers_

    def _blocks(self, rows: Rows) -> Iterator[Matrix]:
        columns = self._centres().shape[1]
        paths = paths_of(rows)
        for block in blocks_of(paths) if paths else [as_matrix(rows)]:
            check_rows(block, 0, columns=columns)
            yield block
