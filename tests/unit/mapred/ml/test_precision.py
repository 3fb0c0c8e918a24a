"""float32 beside float64: as scikit-learn learns from float32, in half the memory, to the same bits
for any number of workers."""

import sys

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn import cluster, decomposition, linear_model, mixture, naive_bayes, neural_network
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris, load_wine
from sklearn.preprocessing import scale

from mapred import ml
from mapred.errors import JobFailedError
from mapred.formats.csr import csr_of
from mapred.iterative.invariants import PINNED
from mapred.ml.network import Network
from mapred.ml.precision import kind_of, widened
from tests.unit.mapred.ml.test_every_estimator import IRIS, KINDS, ON_ROWS, TASTES, by_name, written

WINE, CULTIVARS = load_wine(return_X_y=True)
WINE = scale(WINE)
DIABETES, PROGRESS = load_diabetes(return_X_y=True)
MEANS = IRIS[[0, 70, 140]].astype(np.float32)
PRECISIONS = np.tile(np.eye(4, dtype=np.float32), (3, 1, 1))
NARROW = [case for case in ON_ROWS if "dtype" in case.model.get_params()]
OTHERS = [case for case in NARROW if repr(case.model).startswith(("Mini", "SGD", "Loc", "KMeans"))]
IN_FILES = [case for case in NARROW if repr(case.model).startswith(("MLP", "Lin", "Gaussian"))]

pytestmark = pytest.mark.filterwarnings(
    "ignore::mapred.ml.ConvergenceWarning", "ignore::sklearn.exceptions.ConvergenceWarning"
)


@pytest.mark.parametrize(
    ("ours", "theirs", "rows", "targets", "learned"),
    [
        (
            ml.KMeans(3, init=MEANS, tol=0),
            cluster.KMeans(3, init=MEANS, tol=0, n_init=1),
            IRIS,
            None,
            ("cluster_centers_",),
        ),
        (
            ml.LinearRegression(),
            linear_model.LinearRegression(),
            DIABETES,
            PROGRESS,
            ("coef_", "intercept_"),
        ),
        (ml.Ridge(0.5), linear_model.Ridge(0.5), WINE, CULTIVARS, ("coef_", "intercept_")),
        (
            ml.LogisticRegression(tol=1e-6),
            linear_model.LogisticRegression(tol=1e-6),
            WINE,
            CULTIVARS,
            ("coef_", "intercept_"),
        ),
        (
            ml.LogisticRegression(solver="newton"),
            linear_model.LogisticRegression(solver="newton-cholesky"),
            WINE,
            CULTIVARS == 1,
            ("coef_", "intercept_"),
        ),
        (
            ml.PCA(3),
            decomposition.PCA(3, svd_solver="covariance_eigh"),
            WINE,
            None,
            ("components_", "explained_variance_", "mean_", "singular_values_"),
        ),
        (
            ml.TruncatedSVD(2),
            decomposition.TruncatedSVD(2),
            IRIS,
            None,
            ("components_", "singular_values_", "explained_variance_"),
        ),
        (
            ml.GaussianMixture(3, means_init=MEANS, precisions_init=PRECISIONS),
            mixture.GaussianMixture(
                3, means_init=MEANS, precisions_init=PRECISIONS,
                weights_init=np.full(3, 1 / 3, np.float32),
            ),
            IRIS,
            None,
            ("means_", "covariances_"),
        ),
    ],
    ids=lambda one: repr(one)[:30],
)  # fmt: skip
def test_what_is_learned_of_float32_is_scikit_learns(ours, theirs, rows, targets, learned):
    rows = rows.astype(np.float32)
    theirs.fit(rows, targets)
    ours.set_params(dtype="float32").fit(rows, targets)
    for name in learned:
        found, expected = getattr(ours, name), getattr(theirs, name)
        if name == "components_":
            # Its sign is anybody's.
            expected = expected * np.sign((found * expected).sum(axis=1))[:, None]
        atol = 1e-6 + 1e-3 * np.abs(expected).max()
        np.testing.assert_allclose(found, expected, rtol=2e-3, atol=atol)
        if np.ndim(expected):
            assert found.dtype == expected.dtype == np.float32, name
    if hasattr(ours, "transform"):
        assert ours.transform(rows).dtype == theirs.transform(rows).dtype


def test_normal_columns_of_float32_are_scikit_learns():
    rows = WINE.astype(np.float32)
    theirs = naive_bayes.GaussianNB().fit(rows, CULTIVARS)
    ours = ml.GaussianNB(dtype="float32").fit(rows, CULTIVARS)
    np.testing.assert_allclose(ours.theta_, theirs.theta_, atol=1e-6)
    np.testing.assert_allclose(ours.var_, theirs.var_, rtol=1e-5)
    assert ours.var_.dtype == np.float32
    np.testing.assert_array_equal(ours.predict(rows), theirs.predict(rows))


def test_a_networks_slope_of_float32_is_scikit_learns():
    rows = WINE.astype(np.float32)
    theirs = neural_network.MLPClassifier(
        (5,), solver="sgd", alpha=0, batch_size=len(rows), max_iter=1, momentum=0, shuffle=False,
        learning_rate_init=0.1, random_state=1,
    )  # fmt: skip
    theirs.partial_fit(rows, CULTIVARS, classes=[0, 1, 2])
    assert theirs.coefs_[0].dtype == np.float32
    started = clone(theirs).set_params(learning_rate_init=1e-12)
    started.partial_fit(rows, CULTIVARS, classes=[0, 1, 2])
    layers = zip(started.coefs_, started.intercepts_, strict=True)
    start = np.concatenate([np.vstack([weights, last]).ravel() for weights, last in layers])
    ours = ml.MLPClassifier(
        (5,), alpha=0, batch_size=None, local_steps=1, max_iter=1, init=start, dtype="float32"
    ).fit(rows, CULTIVARS)
    for found, expected in zip(ours.coefs_, theirs.coefs_, strict=True):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=1e-5)


@by_name(OTHERS)
def test_float32_learns_what_float64_does_but_for_rounding(case):
    expected = case.found(case.fit())
    found = case.found(case.fit(model=clone(case.model).set_params(dtype=np.float32)))
    assert (found.dtype, expected.dtype) == (np.float32, np.float64)
    np.testing.assert_allclose(found, expected, rtol=0.01, atol=0.01 * np.abs(expected).max())
    assert (found != expected).any()


@by_name(IN_FILES)
def test_rows_of_every_kind_teach_the_same_in_float32(case, tmp_path):
    def fitted(rows, *targets):
        return case.found(clone(case.model).set_params(dtype="float32").fit(rows, *targets))

    expected = fitted(IRIS, case.targets)
    for kind, path in written(tmp_path, IRIS, case.targets).items():
        found = fitted(path)
        if kind == ".svm":
            np.testing.assert_allclose(found, expected, rtol=0.05, atol=0.02)
        else:
            np.testing.assert_array_equal(found, expected, err_msg=kind)


@pytest.mark.parametrize("implicit", [False, True])
def test_ratings_in_float32_keep_their_names(implicit):
    rows = np.column_stack([np.argwhere(TASTES), TASTES[TASTES > 0]]).astype(float)
    rows[:, 0] += 2**40
    model, exact = (
        ml.ALS(2, max_iter=5, tol=0, implicit=implicit, dtype=dtype).fit(rows)
        for dtype in ("float32", "float64")
    )
    np.testing.assert_array_equal(model.users_, exact.users_)
    assert model.user_factors_.dtype == model.item_factors_.dtype == np.float32
    np.testing.assert_allclose(model.predict(rows), exact.predict(rows), atol=1e-3)
    assert model.loss_ == pytest.approx(exact.loss_, rel=1e-5)


@pytest.mark.parametrize("kind", [np.asarray, csr_matrix], ids=["dense", "sparse"])
@pytest.mark.parametrize("model", [ml.KMeans(3, max_iter=2), ml.LogisticRegression(max_iter=2)])
def test_half_the_memory_is_pinned(model, kind):
    rows = kind(np.random.default_rng(1).normal(size=(20_000, 15)).astype(np.float32))
    pinned = []
    for dtype in ("float64", "float32"):
        clone(model).set_params(dtype=dtype).fit(rows, np.arange(20_000) % 2)
        pinned.append(PINNED.bytes)
    assert 0.45 < pinned[1] / pinned[0] < 0.6


def test_any_number_of_workers_learns_the_same_bits_of_float32(tmp_path):
    rows = np.random.default_rng(1).normal(size=(6_000, 60))
    classes = (rows[:, 0] > 0).astype(float)
    for part in range(4):
        np.save(tmp_path / f"{part}.npy", np.column_stack([rows, classes])[part::4])

    def bits():
        return [
            ml.KMeans(3, max_iter=3, dtype="float32").fit(tmp_path).cluster_centers_.tobytes(),
            ml.GaussianMixture(2, max_iter=2, dtype="float32").fit(tmp_path).means_.tobytes(),
            ml.MLPClassifier((4,), max_iter=2, dtype="float32").fit(tmp_path).weights_.tobytes(),
        ]

    found = []
    for workers in (1, 3):
        with ml.session(workers=workers):
            found.append(bits())
    assert found[0] == found[1]


def test_blocks_are_added_up_in_float64():
    part = widened({"sums": np.full(2, 2**24, np.float32), "rows": 3})
    assert (part["sums"] + np.ones(2, np.float32)).tolist() == [2**24 + 1] * 2
    assert part["rows"] == 3


def test_rows_far_from_0_find_their_centres_in_float32():
    rows = 1e4 + np.repeat([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0]], 5, axis=0)
    model = ml.KMeans(3, init=rows[::5], dtype="float32").fit(rows)
    assert model.labels_.tolist() == model.predict(rows).tolist() == [0] * 5 + [1] * 5 + [2] * 5
    assert model.inertia_ == 0


def test_rounded_means_lose_no_variance():
    rows = 1e5 + np.random.default_rng(3).normal(size=(3_000, 2)).astype(np.float32)
    exact = np.float32(rows).astype(float)
    model = ml.PCA(dtype="float32").fit(rows)
    np.testing.assert_allclose(model.explained_variance_.sum(), exact.var(axis=0).sum(), rtol=1e-3)
    classes = np.arange(3_000) % 2
    bayes = ml.GaussianNB(dtype="float32").fit(rows, classes)
    np.testing.assert_allclose(bayes.var_[1], exact[1::2].var(axis=0), rtol=0.02)


def test_sparse_rows_reckon_in_their_own_precision():
    dense = np.array([[0.0, 1.5], [2.5, 0.0]], np.float32)
    block = csr_of(csr_matrix(dense))
    narrow = type(block)(dense[dense > 0], block.indices, block.indptr, 2)
    assert (narrow @ dense).dtype == (narrow.T @ dense[:, 0]).dtype == np.float32
    assert narrow.toarray().dtype == np.float32
    assert (block @ dense).dtype == np.float64


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        *[(dtype, np.float64) for dtype in (float, np.float64, np.dtype("f8"), "float", "double")],
        *[(dtype, np.float32) for dtype in (np.float32, np.dtype("f4"), "single", "f4")],
    ],
)
def test_what_numpy_takes_for_one_of_the_two_is_one_of_them(dtype, kind):
    model = ml.LinearRegression(dtype=dtype).fit(IRIS, KINDS)
    assert model.coef_.dtype == model.predict(IRIS[:2]).dtype == kind
    assert clone(model).dtype == dtype


@pytest.mark.parametrize(
    "dtype",
    ["float16", int, np.int32, bool, object, None, 0, 32, [], {}, "single-ish", "", ">f4", ">f8"],
)
def test_other_kinds_of_numbers_are_refused(dtype):
    with pytest.raises(ValueError, match=r"dtype=.*: 'float64' or 'float32' is needed"):
        ml.KMeans(2, dtype=dtype).fit(IRIS)


def test_both_kinds_have_several_names():
    for name in ("float32", np.float32, np.dtype("f4")):
        assert kind_of(name) == np.float32
    for name in ("float64", np.float64, np.dtype(float)):
        assert kind_of(name) == np.float64


def test_numbers_that_float32_has_not_are_refused(tmp_path):
    rows = IRIS.copy()
    rows[7, 1] = 1e39
    words = r"holds 1e\+39, which is too large for float32: take dtype='float64'"
    np.savetxt(tmp_path / "a.csv", rows, delimiter=",")
    for given in (rows, csr_matrix(rows)):
        with pytest.raises(ValueError, match=words):
            ml.KMeans(2, dtype="float32").fit(given)
    with pytest.raises(JobFailedError, match=words):
        ml.KMeans(2, dtype="float32").fit(tmp_path / "a.csv")
    with pytest.raises(ValueError, match="y holds 1e"):
        ml.LinearRegression(dtype="float32").fit(IRIS, KINDS * 1e39)
    assert ml.KMeans(2).fit(rows).inertia_ < sys.float_info.max


def test_classes_in_files_that_float32_may_confuse_are_refused(tmp_path):
    other = 2**24 + 1
    table = np.column_stack([IRIS, np.where(KINDS == 1, other, KINDS)])
    np.savetxt(tmp_path / "a.csv", table, delimiter=",", fmt="%.17g")
    with pytest.raises(ValueError, match="classes in files are whole numbers below 16777216"):
        ml.GaussianNB(dtype="float32").fit(tmp_path / "a.csv")
    assert other in ml.GaussianNB().fit(tmp_path / "a.csv").classes_


def test_a_network_keeps_to_the_precision_of_its_rows():
    network = Network([4, 3, 2])
    weights = network.start(np.random.default_rng(1)).astype(np.float32)
    rows = load_iris().data.astype(np.float32)
    assert network.slope(weights, rows, KINDS % 2).dtype == np.float32
