"""Learning algorithms as iterative jobs, with scikit-learn's names for parameters and results.

from mapred.ml import KMeans

model = KMeans(n_clusters=3, init=start, max_iter=50, workers=2).fit("points.csv")
model.cluster_centers_

    lloyd     the rounds of k-means: what is submitted
    kmeans    KMeans, the estimator around them
    rows      arrays and files as an estimator's input
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mapred.ml.kmeans import KMeans as KMeans

_HOME: Final = {"KMeans": "mapred.ml.kmeans"}

__all__ = ["KMeans"]


def __getattr__(name: str) -> object:
    # Who only submits jobs doesn't wait for NumPy.
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
