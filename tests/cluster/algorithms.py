"""The table of algorithms on real data: for each row a fit, and the check of it by an oracle."""

import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn import cluster as clusters
from sklearn import datasets, decomposition, linear_model, mixture, naive_bayes
from sklearn.feature_extraction import text

import mapred.examples
from mapred import ml
from tests.packages import realdata
from tests.unit.mapred.ml.test_recommendation import alternating, start_of

CANCER, MALIGNANT = datasets.load_breast_cancer(return_X_y=True)
CANCER = (CANCER - CANCER.mean(axis=0)) / CANCER.std(axis=0)
WINE, CULTIVARS = datasets.load_wine(return_X_y=True)
WINE = (WINE - WINE.mean(axis=0)) / WINE.std(axis=0)
DIGITS, FIGURES = datasets.load_digits(return_X_y=True)
HAMLET = Path(mapred.examples.__file__).with_name("hamlet.txt").read_text().splitlines()

Fit = Callable[[], dict[str, Any]]
Check = Callable[[dict[str, Any]], None]


def near(found: Any, expected: Any, tolerance: float) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


def of(model: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(model, name) for name in names}


# Each gives the fit, which is made twice, and the check of what it gives.


def texts() -> tuple[Fit, Check]:
    def fit():
        rows = ml.TfidfVectorizer().fit_transform(HAMLET)
        return {"data": rows.data, "columns": rows.indices, "rows": rows.indptr}

    def check(found):
        theirs = text.TfidfVectorizer().fit_transform(HAMLET)
        theirs.sort_indices()
        np.testing.assert_array_equal(found["columns"], theirs.indices)
        np.testing.assert_array_equal(found["rows"], theirs.indptr)
        near(found["data"], theirs.data, 1e-12)

    return fit, check


def index() -> tuple[Fit, Check]:
    def fit():
        rows = ml.InvertedIndex().fit(HAMLET).index_
        return {"times": rows.data, "documents": rows.indices, "terms": rows.indptr}

    def check(found):
        theirs = text.CountVectorizer().fit_transform(HAMLET).T.tocsr()
        theirs.sort_indices()
        for name, of_theirs in (("times", theirs.data), ("documents", theirs.indices)):
            np.testing.assert_array_equal(found[name], of_theirs)
        np.testing.assert_array_equal(found["terms"], theirs.indptr)

    return fit, check


def answers() -> tuple[Fit, Check]:
    question = "the play is the thing, wherein to catch the conscience of the king"

    def check(found):
        counted = text.CountVectorizer()
        times = counted.fit_transform(HAMLET).toarray().astype(float)
        lengths = times.sum(axis=1)
        having = (times > 0).sum(axis=0)
        rarity = np.log(1 + (len(times) - having + 0.5) / (having + 0.5))
        grown = 1.2 * (1 - 0.75 + 0.75 * lengths / lengths.mean())
        scores = np.zeros(len(times))
        for word in re.findall(r"\w\w+", question):
            at = counted.vocabulary_[word]
            scores += rarity[at] * times[:, at] * 2.2 / (times[:, at] + grown)
        near(found["scores"], scores, 1e-12)

    return lambda: {"scores": ml.BM25().fit(HAMLET).scores(question)}, check


def bayes(name: str) -> tuple[Fit, Check]:
    counts = ("class_count_",) if name == "GaussianNB" else ("feature_count_", "class_count_")
    fields = ("theta_", "var_") if name == "GaussianNB" else ("feature_log_prob_",)

    def check(found):
        theirs = getattr(naive_bayes, name)().fit(DIGITS, FIGURES)
        for field in counts:
            np.testing.assert_array_equal(found[field], getattr(theirs, field))
        for field in fields:
            near(found[field], getattr(theirs, field), 1e-12)

    return lambda: of(getattr(ml, name)().fit(DIGITS, FIGURES), *counts, *fields), check


def least_squares(name: str) -> tuple[Fit, Check]:
    rows, blue = pixels()[:, :2], pixels()[:, 2]

    def check(found):
        theirs = getattr(linear_model, name)().fit(rows, blue)
        near(found["coef_"], theirs.coef_, 1e-8)
        near(found["intercept_"], theirs.intercept_, 1e-8)

    return lambda: of(getattr(ml, name)().fit(rows, blue), "coef_", "intercept_"), check


def local() -> tuple[Fit, Check]:
    rows, blue = pixels()[:, :2], pixels()[:, 2]
    asked = rows[:3]

    def check(found):
        for query, value in zip(asked, found["values"], strict=True):
            weights = np.exp(-((rows - query) ** 2).sum(axis=1) / (2 * 0.1**2))
            theirs = linear_model.LinearRegression().fit(rows, blue, weights)
            assert value == pytest.approx(theirs.predict([query])[0], rel=1e-8)

    return lambda: {
        "values": ml.LocallyWeightedRegression(0.1).fit(rows, blue).predict(asked)
    }, check


def components() -> tuple[Fit, Check]:
    def check(found):
        theirs = decomposition.PCA(10, svd_solver="full").fit(DIGITS)
        signs = np.sign((found["components_"] * theirs.components_).sum(axis=1))
        near(found["components_"] * signs[:, None], theirs.components_, 1e-8)
        near(found["explained_variance_"], theirs.explained_variance_, 1e-8)

    return lambda: of(ml.PCA(10).fit(DIGITS), "components_", "explained_variance_"), check


def wide() -> tuple[Fit, Check]:
    rows = realdata.mnist()[0][:400]

    def check(found):
        _, values, directions = np.linalg.svd(rows, full_matrices=False)
        signs = np.sign((found["components_"] * directions[:3]).sum(axis=1))
        np.testing.assert_allclose(found["singular_values_"], values[:3], rtol=1e-8)
        near(found["components_"] * signs[:, None], directions[:3], 1e-8)

    def fit():
        model = ml.TruncatedSVD(3, n_iter=12, n_oversamples=20).fit(csr_matrix(rows))
        return of(model, "components_", "singular_values_")

    return fit, check


def pixels(step: int = 8) -> np.ndarray:
    return datasets.load_sample_image("china.jpg").reshape(-1, 3)[::step] / 255


def kmeans() -> tuple[Fit, Check]:
    rows = pixels(step=1)
    # Two pixels as they are may be equally far from a third: rounding would choose.
    start = rows[:: len(rows) // 8][:8] + 1e-3 * np.random.default_rng(1).normal(size=(8, 3))

    def check(found):
        theirs = clusters.KMeans(8, init=start, n_init=1, max_iter=6, tol=0).fit(rows)
        near(found["cluster_centers_"], theirs.cluster_centers_, 1e-10)
        np.testing.assert_array_equal(found["labels_"], theirs.labels_)

    def fit():
        model = ml.KMeans(8, init=start, max_iter=6, tol=0).fit(rows)
        return of(model, "cluster_centers_", "labels_")

    return fit, check


def seeding() -> tuple[Fit, Check]:
    rows = pixels()

    def check(found):
        theirs = clusters.KMeans(8, n_init=1, max_iter=10, random_state=0).fit(rows)
        assert found["inertia_"] < 1.15 * theirs.inertia_

    def fit():
        model = ml.KMeans(8, max_iter=10, random_state=2).fit(rows)
        return of(model, "cluster_centers_", "inertia_")

    return fit, check


def batches() -> tuple[Fit, Check]:
    rows = pixels()
    start = rows[:: len(rows) // 8][:8]

    def check(found):
        theirs = clusters.KMeans(8, init=start, n_init=1, max_iter=20).fit(rows)
        assert found["inertia_"] < 1.3 * theirs.inertia_

    def fit():
        model = ml.MiniBatchKMeans(8, init=start, max_iter=12, random_state=1).fit(rows)
        return of(model, "cluster_centers_", "inertia_")

    return fit, check


def logistic(oracle: str = "newton-cholesky", **parameters: Any) -> tuple[Fit, Check]:
    of_wine = parameters["solver"] == "lbfgs"
    rows, classes = (WINE, CULTIVARS) if of_wine else (CANCER, MALIGNANT)
    shared = {name: parameters[name] for name in ("C", "l1_ratio") if name in parameters}

    def check(found):
        theirs = linear_model.LogisticRegression(
            tol=1e-10, max_iter=20_000, solver=oracle, **shared
        ).fit(rows, classes)
        near(found["coef_"], theirs.coef_, 1e-5)
        near(found["intercept_"], theirs.intercept_, 1e-5)

    def fit():
        model = ml.LogisticRegression(tol=1e-8, max_iter=300, **parameters).fit(rows, classes)
        return of(model, "coef_", "intercept_")

    return fit, check


def averaged() -> tuple[Fit, Check]:
    def check(found):
        assert found["accuracy"] > 0.97

    def fit():
        model = ml.SGDClassifier(local_steps=5, shards=4, max_iter=8, random_state=3)
        model.fit(CANCER, MALIGNANT)
        return {"coef": model.coef_, "accuracy": model.score(CANCER, MALIGNANT)}

    return fit, check


@lru_cache
def wordnet(graph: type[nx.Graph]) -> Any:
    return graph(realdata.wordnet().tolist())


def ranks() -> tuple[Fit, Check]:
    def check(found):
        theirs = nx.pagerank(wordnet(nx.DiGraph), 0.5, tol=1e-15, max_iter=1000)
        expected = np.array([theirs[vertex] for vertex in found["vertices_"]])
        near(found["ranks_"], expected, 1e-9)
        # A rank is a hundred-thousandth of all: that alone would be little.
        np.testing.assert_allclose(found["ranks_"], expected, rtol=1e-4)

    def fit():
        return of(ml.PageRank(0.5, tol=1e-12).fit(realdata.wordnet()), "ranks_", "vertices_")

    return fit, check


def pieces() -> tuple[Fit, Check]:
    def check(found):
        theirs = {}
        for part in nx.connected_components(wordnet(nx.Graph)):
            theirs |= dict.fromkeys(part, min(part))
        expected = [theirs[vertex] for vertex in found["vertices_"]]
        np.testing.assert_array_equal(found["labels_"], expected)

    def fit():
        return of(ml.ConnectedComponents().fit(realdata.wordnet()), "labels_", "vertices_")

    return fit, check


def ways() -> tuple[Fit, Check]:
    edges = realdata.wordnet()
    source = edges[len(edges) // 2, 0]

    def check(found):
        theirs = nx.single_source_shortest_path_length(wordnet(nx.Graph), source)
        expected = [theirs.get(vertex, np.inf) for vertex in found["vertices_"]]
        np.testing.assert_array_equal(found["lengths_"], expected)

    def fit():
        return of(ml.ShortestPaths(source, directed=False).fit(edges), "lengths_", "vertices_")

    return fit, check


def triangles() -> tuple[Fit, Check]:
    def check(found):
        graph = wordnet(nx.Graph).copy()
        graph.remove_edges_from(list(nx.selfloop_edges(graph)))
        theirs = nx.triangles(graph)
        np.testing.assert_array_equal(
            found["triangles_"], [theirs[vertex] for vertex in found["vertices_"]]
        )

    return lambda: of(ml.TriangleCount().fit(realdata.wordnet()), "triangles_", "vertices_"), check


def gaussians() -> tuple[Fit, Check]:
    rows = pixels()
    start = {
        "means_init": rows[:: len(rows) // 4][:4],
        "precisions_init": np.tile(np.diag(1 / rows.var(axis=0)), (4, 1, 1)),
        "weights_init": [0.1, 0.2, 0.3, 0.4],
    }

    def check(found):
        theirs = mixture.GaussianMixture(4, max_iter=10, tol=0, **start).fit(rows)
        assert found["lower_bound_"] == pytest.approx(theirs.lower_bound_, abs=1e-8)
        assert (np.diff(found["bounds"]) > -1e-10).all()

    def fit():
        model = ml.GaussianMixture(4, max_iter=10, tol=0, **start).fit(rows)
        bounds = [entry["lower bound"] for entry in model.history_]
        return {"bounds": np.array(bounds), **of(model, "means_", "lower_bound_")}

    return fit, check


def ratings(**implicit: Any) -> tuple[Fit, Check]:
    rows = realdata.movielens()
    parameters = {"regularization": 0.3, "max_iter": 3, "tol": 0, "random_state": 4}

    def check(found):
        items = len(np.unique(rows[:, 1]))
        alpha = implicit.get("alpha")
        theirs = alternating(rows, 5, 0.3, 3, start_of(items, 5, 4), alpha)
        near(found["user_factors_"], theirs[0], 1e-8)
        near(found["item_factors_"], theirs[1], 1e-8)

    def fit():
        model = ml.ALS(5, **parameters, **implicit).fit(rows)
        return of(model, "user_factors_", "item_factors_")

    return fit, check


def perceptron() -> tuple[Fit, Check]:
    rows, figures = realdata.mnist()
    known, asked = slice(0, 4000), slice(4000, None)

    def fitted(**shards):
        model = ml.MLPClassifier((32,), max_iter=12, learning_rate_init=0.2, tol=0, **shards)
        return model.fit(rows[known], figures[known])

    def check(found):
        # As many passes in one process; packages/test_mnist.py asks for less, of several seeds.
        alone = fitted().score(rows[asked], figures[asked])
        assert alone > 0.9
        assert abs(found["accuracy"] - alone) <= 0.02

    def fit():
        model = fitted(shards=4, momentum=0.5, batch_size=16)
        accuracy = model.score(rows[asked], figures[asked])
        return {"weights": model.weights_, "accuracy": accuracy}

    return fit, check


ROWS = {
    "tf-idf": texts,
    "inverted index": index,
    "bm25": answers,
    "multinomial": lambda: bayes("MultinomialNB"),
    "bernoulli": lambda: bayes("BernoulliNB"),
    "complement": lambda: bayes("ComplementNB"),
    "gaussian": lambda: bayes("GaussianNB"),
    "linear": lambda: least_squares("LinearRegression"),
    "ridge": lambda: least_squares("Ridge"),
    "locally weighted": local,
    "pca": components,
    "svd": wide,
    "k-means": kmeans,
    "k-means||": seeding,
    "mini-batch": batches,
    "logistic, newton": lambda: logistic(solver="newton"),
    "logistic, l-bfgs": lambda: logistic(solver="lbfgs"),
    "logistic, elastic net": lambda: logistic("saga", solver="newton", C=0.3, l1_ratio=0.4),
    "averaged sgd": averaged,
    "pagerank": ranks,
    "components": pieces,
    "shortest paths": ways,
    "triangles": triangles,
    "mixture": gaussians,
    "als": ratings,
    "als, implicit": lambda: ratings(implicit=True, alpha=3.0),
    "perceptron": perceptron,
}

# Rows whose data is fetched.
FETCHED = {"als", "als, implicit", "pagerank", "components", "shortest paths", "triangles"}
FETCHED |= {"svd", "perceptron"}
