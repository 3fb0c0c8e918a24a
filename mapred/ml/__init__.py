"""Learning algorithms as iterative jobs, with scikit-learn's names for parameters and results.

from mapred.ml import KMeans

model = KMeans(n_clusters=3, init=start, max_iter=50, workers=2).fit("points.csv")
model.cluster_centers_

    estimator    what all have in common; classifier, regressor: and those of one kind
    sessions     where they run
    rows         arrays and files as their input
    precision    float64 or float32
    sklearntags  what scikit-learn's own tools ask of them
    summation    the shape of their rounds: sums over all rows
    survey       a first look at files

    bayes        naive Bayes                          rounds in classcounts
    kmeans       KMeans                               rounds in lloyd
    minibatch    MiniBatchKMeans                      rounds in batches
    leastsquares linear and ridge regression          rounds in comoments
    localsquares locally weighted regression
    logistic     logistic and softmax regression      rounds in slopes, steps in descent
    perceptron   SGD and multilayer perceptrons       rounds in averaging, slopes in network,
                                                      what is sent in compressed
    mixture      Gaussian mixtures
    graphs       PageRank and others                  rounds in vertices
    principal    PCA and truncated SVD
    recommendation ALS                                rounds in factors
    tfidf        texts as weighted terms              rounds in occurrences, terms in terms
    retrieval    inverted index, BM25                 likewise; documents: their input
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mapred.ml.bayes import BernoulliNB as BernoulliNB
    from mapred.ml.bayes import ComplementNB as ComplementNB
    from mapred.ml.bayes import GaussianNB as GaussianNB
    from mapred.ml.bayes import MultinomialNB as MultinomialNB
    from mapred.ml.estimator import ConvergenceWarning as ConvergenceWarning
    from mapred.ml.graphs import ConnectedComponents as ConnectedComponents
    from mapred.ml.graphs import PageRank as PageRank
    from mapred.ml.graphs import ShortestPaths as ShortestPaths
    from mapred.ml.graphs import TriangleCount as TriangleCount
    from mapred.ml.kmeans import KMeans as KMeans
    from mapred.ml.leastsquares import LinearRegression as LinearRegression
    from mapred.ml.leastsquares import Ridge as Ridge
    from mapred.ml.localsquares import LocallyWeightedRegression as LocallyWeightedRegression
    from mapred.ml.logistic import LogisticRegression as LogisticRegression
    from mapred.ml.minibatch import MiniBatchKMeans as MiniBatchKMeans
    from mapred.ml.mixture import GaussianMixture as GaussianMixture
    from mapred.ml.perceptron import MLPClassifier as MLPClassifier
    from mapred.ml.perceptron import SGDClassifier as SGDClassifier
    from mapred.ml.principal import PCA as PCA
    from mapred.ml.principal import TruncatedSVD as TruncatedSVD
    from mapred.ml.recommendation import ALS as ALS
    from mapred.ml.retrieval import BM25 as BM25
    from mapred.ml.retrieval import InvertedIndex as InvertedIndex
    from mapred.ml.sessions import session as session
    from mapred.ml.tfidf import TfidfVectorizer as TfidfVectorizer

_HOME: Final = {
    "MiniBatchKMeans": "minibatch",
    "ALS": "recommendation",
    "BM25": "retrieval",
    "InvertedIndex": "retrieval",
    "TfidfVectorizer": "tfidf",
    "TriangleCount": "graphs",
    "ShortestPaths": "graphs",
    "ConnectedComponents": "graphs",
    "PageRank": "graphs",
    "GaussianMixture": "mixture",
    "MLPClassifier": "perceptron",
    "SGDClassifier": "perceptron",
    "LogisticRegression": "logistic",
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
    "ALS",
    "BM25",
    "PCA",
    "BernoulliNB",
    "ComplementNB",
    "ConnectedComponents",
    "ConvergenceWarning",
    "GaussianMixture",
    "GaussianNB",
    "InvertedIndex",
    "KMeans",
    "LinearRegression",
    "LocallyWeightedRegression",
    "LogisticRegression",
    "MLPClassifier",
    "MiniBatchKMeans",
    "MultinomialNB",
    "PageRank",
    "Ridge",
    "SGDClassifier",
    "ShortestPaths",
    "TfidfVectorizer",
    "TriangleCount",
    "TruncatedSVD",
    "session",
]


def __getattr__(name: str) -> object:
    # Who only submits jobs doesn't wait for NumPy.
    if name in _HOME:
        return getattr(import_module(f"mapred.ml.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
