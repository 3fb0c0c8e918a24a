"""MiniBatchKMeans: the rounds of batches.py behind scikit-learn's names.

Unlike scikit-learn's, `max_iter` counts batches, one a round; one start is made; and centres
that few rows are near to stay (no reassignment_ratio).
"""

from typing import Any

from mapred.ml.batches import Batches, beginning
from mapred.ml.estimator import Fit
from mapred.ml.kmeans import KMeans
from mapred.ml.parameters import whole_number
from mapred.ml.precision import FLOAT64
from mapred.ml.rows import Matrix
from mapred.ml.seeding import PARALLEL


class MiniBatchKMeans(KMeans):
    """As KMeans, from a few rows a round.

    Args:
        n_clusters, init, random_state, dtype, workers, cluster, verbose: KMeans's.
        max_iter: rounds, each of one batch, at most.
        batch_size: about so many rows a batch, drawn from all splits.
        tol: the squared way of the centres in a round at which they have arrived; 0: any way.
        max_no_improvement: rounds to stop after when the inertia of batches, smoothed, was no
            lower; None: never.

    After `fit`: as KMeans's.
    """

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = PARALLEL,
        max_iter: int = 1000,
        batch_size: int = 1024,
        tol: float = 0.0,
        max_no_improvement: int | None = 10,
        random_state: int = 0,
        dtype: Any = FLOAT64,
        workers: int | None = None,
        cluster: str | None = None,
        verbose: bool = False,
    ) -> None:
        super().__init__(
            n_clusters,
            init=init,
            max_iter=max_iter,
            tol=tol,
            random_state=random_state,
            dtype=dtype,
            workers=workers,
            cluster=cluster,
            verbose=verbose,
        )
        self.batch_size = batch_size
        self.max_no_improvement = max_no_improvement

    def _check_parameters(self) -> None:
        super()._check_parameters()
        whole_number("batch_size", self.batch_size)
        if self.max_no_improvement is not None:
            whole_number("max_no_improvement", self.max_no_improvement)

    def _moved(self, fit: Fit, centres: Matrix) -> Matrix:
        found: Matrix = self._loop(
            fit,
            Batches,
            begin=beginning(centres),
            batch=self.batch_size,
            rows=fit.rows,
            seed=self.random_state,
            patience=self.max_no_improvement or 0,
            max_iter=self.max_iter,
            tol=float(self.tol),
        ).state["centres"]
        return found
