"""The table of algorithms on real data: for each row a fit, and the check of it by an oracle."""

from collections.abc import Callable
from typing import Any

import networkx as nx
import numpy as np
import pytest
from sklearn import cluster as clusters
from sklearn import datasets, decomposition, linear_model, mixture, naive_bayes
from sklearn.feature_extraction import text

from mapred import ml
from tests.packages import realdata
from tests.unit.mapred.ml.test_recommendation import alternating, start_of

CANCER, MALIGNANT = datasets.load_breast_cancer(return_X_y=True)
CANCER = (CANCER - CANCER.mean(axis=0)) / CANCER.std(axis=0)
DIABETES, PROGRESS = datasets.load_diabetes(return_X_y=True)
DIGITS, FIGURES = datasets.load_digits(return_X_y=True)
IRIS = datasets.load_iris().data
WINE = datasets.load_wine().data
TEXTS = [
    line
    for bunch in (datasets.load_iris(), datasets.load_wine(), datasets.load_breast_cancer())
    for line in bunch.DESCR.splitlines()
]

Fit = Callable[[], dict[str, Any]]
Check = Callable[[dict[str, Any]], None]


def near(found: Any, expected: Any, tolerance: float) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


def of(model: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(model, name) for name in names}


# Each gives the fit, which is made twice, and the check of what it gives.


def texts() -> tuple[Fit, Check]:
    def fit():
        rows = ml.TfidfVectorizer().fit_transform(TEXTS)
        return {"data": rows.data, "columns": rows.indices, "rows": rows.indptr}

    def check(found):
        theirs = text.TfidfVectorizer().fit_transform(TEXTS)
        theirs.sort_indices()
        np.testing.assert_array_equal(found["columns"], theirs.indices)
        near(found["data"], theirs.data, 1e-12)

    return fit, check


def bayes(name: str) -> tuple[Fit, Check]:
    fields = ("theta_", "var_") if name == "GaussianNB" else ("feature_log_prob_", "class_count_")

    def check(found):
        theirs = getattr(naive_bayes, name)().fit(DIGITS, FIGURES)
        for field in fields:
            near(found[field], getattr(theirs, field), 1e-12)

    return lambda: of(getattr(ml, name)().fit(DIGITS, FIGURES), *fields), check


def ridge() -> tuple[Fit, Check]:
    def check(found):
        theirs = linear_model.Ridge(alpha=0.5).fit(DIABETES, PROGRESS)
        near(found["coef_"], theirs.coef_, 1e-8)
        near(found["intercept_"], theirs.intercept_, 1e-8)

    return lambda: of(ml.Ridge(alpha=0.5).fit(DIABETES, PROGRESS), "coef_", "intercept_"), check


def local() -> tuple[Fit, Check]:
    asked = DIABETES[:3]

    def check(found):
        for query, value in zip(asked, found["values"], strict=True):
            weights = np.exp(-((DIABETES - query) ** 2).sum(axis=1) / (2 * 0.1**2))
            theirs = linear_model.LinearRegression().fit(DIABETES, PROGRESS, weights)
            assert value == pytest.approx(theirs.predict([query])[0], rel=1e-8)

    def fit():
        return {"values": ml.LocallyWeightedRegression(0.1).fit(DIABETES, PROGRESS).predict(asked)}

    return fit, check


def components() -> tuple[Fit, Check]:
    def check(found):
        theirs = decomposition.PCA(4, svd_solver="full").fit(WINE)
        signs = np.sign((found["components_"] * theirs.components_).sum(axis=1))
        near(found["components_"] * signs[:, None], theirs.components_, 1e-8)

    return lambda: of(ml.PCA(4).fit(WINE), "components_"), check


def wide() -> tuple[Fit, Check]:
    def check(found):
        _, values, directions = np.linalg.svd(DIGITS, full_matrices=False)
        signs = np.sign((found["components_"] * directions[:3]).sum(axis=1))
        np.testing.assert_allclose(found["singular_values_"], values[:3], rtol=1e-8)
        near(found["components_"] * signs[:, None], directions[:3], 1e-8)

    def fit():
        model = ml.TruncatedSVD(3, n_iter=12, n_oversamples=20).fit(DIGITS)
        return of(model, "components_", "singular_values_")

    return fit, check


def pixels() -> np.ndarray:
    return datasets.load_sample_image("china.jpg").reshape(-1, 3)[::8] / 255


def kmeans() -> tuple[Fit, Check]:
    rows = pixels()
    start = rows[:: len(rows) // 8][:8]

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


def logistic(**parameters: Any) -> tuple[Fit, Check]:
    rows, classes = (CANCER, MALIGNANT) if parameters["solver"] == "newton" else (WINE, None)
    if classes is None:
        rows, classes = (WINE - WINE.mean(axis=0)) / WINE.std(axis=0), datasets.load_wine().target

    def check(found):
        theirs = linear_model.LogisticRegression(tol=1e-10, max_iter=20_000).fit(rows, classes)
        near(found["coef_"], theirs.coef_, 1e-5)

    def fit():
        return of(ml.LogisticRegression(tol=3e-8, **parameters).fit(rows, classes), "coef_")

    return fit, check


def averaged() -> tuple[Fit, Check]:
    def check(found):
        assert found["accuracy"] > 0.97

    def fit():
        model = ml.SGDClassifier(local_steps=5, shards=4, max_iter=8, random_state=3)
        model.fit(CANCER, MALIGNANT)
        return {"coef": model.coef_, "accuracy": model.score(CANCER, MALIGNANT)}

    return fit, check


def ranks() -> tuple[Fit, Check]:
    edges = realdata.wordnet()[:16_000]

    def check(found):
        theirs = nx.pagerank(nx.DiGraph(edges.tolist()), 0.5, tol=1e-13, max_iter=1000)
        near(found["ranks_"], [theirs[v] for v in found["vertices_"]], 1e-9)

    def fit():
        return of(ml.PageRank(0.5, tol=1e-11).fit(edges), "ranks_", "vertices_")

    return fit, check


def pieces() -> tuple[Fit, Check]:
    edges = realdata.wordnet()[:16_000]

    def check(found):
        parts = nx.connected_components(nx.Graph(edges.tolist()))
        theirs = {vertex: min(part) for part in parts for vertex in part}
        assert dict(zip(found["vertices_"], found["labels_"], strict=True)) == theirs

    return lambda: of(ml.ConnectedComponents().fit(edges), "labels_", "vertices_"), check


def ways() -> tuple[Fit, Check]:
    edges = realdata.wordnet()[:16_000]
    source = edges[len(edges) // 2, 0]

    def check(found):
        theirs = nx.single_source_shortest_path_length(nx.Graph(edges.tolist()), source)
        expected = [theirs.get(vertex, np.inf) for vertex in found["vertices_"]]
        np.testing.assert_array_equal(found["lengths_"], expected)

    def fit():
        return of(ml.ShortestPaths(source, directed=False).fit(edges), "lengths_", "vertices_")

    return fit, check


def triangles() -> tuple[Fit, Check]:
    edges = realdata.wordnet()[:16_000]

    def check(found):
        graph = nx.Graph(edges.tolist())
        graph.remove_edges_from(list(nx.selfloop_edges(graph)))
        theirs = nx.triangles(graph)
        np.testing.assert_array_equal(
            found["triangles_"], [theirs[vertex] for vertex in found["vertices_"]]
        )

    return lambda: of(ml.TriangleCount().fit(edges), "triangles_", "vertices_"), check


def gaussians() -> tuple[Fit, Check]:
    start = {
        "means_init": IRIS[[0, 60, 120]],
        "precisions_init": np.tile(np.diag(1 / IRIS.var(axis=0)), (3, 1, 1)),
        "weights_init": [0.3, 0.3, 0.4],
    }

    def check(found):
        theirs = mixture.GaussianMixture(3, max_iter=10, tol=0, **start).fit(IRIS)
        assert found["lower_bound_"] == pytest.approx(theirs.lower_bound_, abs=1e-8)
        assert (np.diff(found["bounds"]) > -1e-10).all()

    def fit():
        model = ml.GaussianMixture(3, max_iter=10, tol=0, **start).fit(IRIS)
        bounds = [entry["lower bound"] for entry in model.history_]
        return {"bounds": np.array(bounds), **of(model, "means_", "lower_bound_")}

    return fit, check


def ratings(**implicit: Any) -> tuple[Fit, Check]:
    rows = realdata.movielens()
    rows = rows[(rows[:, 0] < 200) & (rows[:, 1] < 200)]
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
    rows, figures = rows[:1500], figures[:1500]

    def check(found):
        assert found["accuracy"] > 0.7

    def fit():
        model = ml.MLPClassifier((16,), shards=3, max_iter=6, learning_rate_init=0.3)
        model.fit(rows, figures)
        return {"weights": model.weights_, "accuracy": model.score(rows, figures)}

    return fit, check


ROWS = {
    "tf-idf": texts,
    "multinomial": lambda: bayes("MultinomialNB"),
    "bernoulli": lambda: bayes("BernoulliNB"),
    "complement": lambda: bayes("ComplementNB"),
    "gaussian": lambda: bayes("GaussianNB"),
    "ridge": ridge,
    "locally weighted": local,
    "pca": components,
    "svd": wide,
    "k-means": kmeans,
    "k-means||": seeding,
    "mini-batch": batches,
    "logistic, newton": lambda: logistic(solver="newton"),
    "logistic, l-bfgs": lambda: logistic(solver="lbfgs", max_iter=300),
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
FETCHED.add("perceptron")
