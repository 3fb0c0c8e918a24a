"""Learning algorithms as iterative jobs, with scikit-learn's names for parameters and results.

from mapred.ml import KMeans

model = KMeans(n_clusters=3, init=start, max_iter=50, workers=2).fit("points.csv")
model.cluster_centers_

    estimator    what all have in common; classifier, regressor: and those of one kind
    sessions     where they run
    rows         arrays and files as their input
    summation    the shape of their rounds: sums over all rows
    survey       a first look at files

    bayes        naive Bayes                          rounds in classcounts
    kmeans       KMeans                               rounds in lloyd
    leastsquares linear and ridge regression          rounds in comoments
    localsquares locally weighted regression
    principal    PCA and truncated SVD
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mapred.ml.bayes import BernoulliNB as BernoulliNB
    from mapred.ml.bayes import ComplementNB as ComplementNB
    from mapred.ml.bayes import GaussianNB as GaussianNB
    from mapred.ml.bayes import MultinomialNB as MultinomialNB
    from mapred.ml.estimator import ConvergenceWarning as ConvergenceWarning
    from mapred.ml.kmeans import KMeans as KMeans
    from mapred.ml.leastsquares import LinearRegression as LinearRegression
    from mapred.ml.leastsquares import Ridge as Ridge
    from mapred.ml.localsquares import LocallyWeightedRegression as LocallyWeightedRegression
    from mapred.ml.principal import PCA as PCA
    from mapred.ml.principal import TruncatedSVD as TruncatedSVD
    from mapred.ml.sessions import session as session

_HOME: Final = {
    "LocallyWeightedRegression": "localsquares",
    "Ridge": "leastsquares",
    "LinearRegression": "leastsquares",
    "TruncatedSVD": "principal",
    "PCA": "principal",
    "BernoulliNB": "bayes",
    "ComplementNB": "bayes",
    "ConvergenceWarning": "estimator",
    "GaussianNB": "bayes",
    "KMeans": "kmeans",
    "MultinomialNB": "bayes",
    "session": "sessions",
}

__all__ = [
    "PCA",
    "BernoulliNB",
    "ComplementNB",
    "ConvergenceWarning",
    "GaussianNB",
    "KMeans",
    "LinearRegression",
    "LocallyWeightedRegression",
    "MultinomialNB",
    "Ridge",
    "TruncatedSVD",
    "session",
]


def __getattr__(name: str) -> object:
    # Who only submits jobs doesn't wait for NumPy.
    if name in _HOME:
        return getattr(import_module(f"mapred.ml.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
