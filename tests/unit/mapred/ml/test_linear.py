"""Least squares and principal directions against scikit-learn and NumPy, on its bundled data."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn import decomposition, linear_model
from sklearn.datasets import dump_svmlight_file, load_diabetes, load_digits, load_wine

from mapred.ml import PCA, LinearRegression, LocallyWeightedRegression, Ridge, TruncatedSVD

ROWS, TARGETS = load_diabetes(return_X_y=True)
RAW = load_diabetes(scaled=False).data
WINE = load_wine().data
DIGITS = load_digits().data


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("rows", [ROWS, RAW, csr_matrix(RAW)], ids=["scaled", "raw", "sparse"])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(LinearRegression, linear_model.LinearRegression), (Ridge, linear_model.Ridge)],
)
def test_weights_are_scikit_learns(ours, theirs, rows, intercept):
    dense = rows.toarray() if hasattr(rows, "toarray") else rows
    theirs = theirs(fit_intercept=intercept).fit(dense, TARGETS)
    ours = ours(fit_intercept=intercept).fit(rows, TARGETS)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-8, atol=1e-8)
    assert ours.intercept_ == pytest.approx(theirs.intercept_, rel=1e-8)
    np.testing.assert_allclose(ours.predict(rows), theirs.predict(dense), rtol=1e-8)
    assert ours.score(rows, TARGETS) == pytest.approx(theirs.score(dense, TARGETS))


def test_of_many_solutions_the_shortest_is_taken():
    twice = np.column_stack([ROWS, ROWS[:, 0]])
    ours, theirs = LinearRegression(), linear_model.LinearRegression()
    np.testing.assert_allclose(
        ours.fit(twice, TARGETS).coef_, theirs.fit(twice, TARGETS).coef_, rtol=1e-6
    )
    assert ours.rank_ == 10


def test_libsvm_text_has_its_targets_itself(tmp_path):
    sparse = csr_matrix(np.where(ROWS > 0, ROWS, 0))
    dump_svmlight_file(sparse, TARGETS, str(tmp_path / "rows.svm"), zero_based=False)
    ours = Ridge(0.5).fit(tmp_path / "rows.svm")
    theirs = linear_model.Ridge(0.5).fit(sparse.toarray(), TARGETS)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-8)


def test_local_weights_are_those_of_the_definition():
    queries, width = ROWS[:7] + 0.001, 0.08
    ours = LocallyWeightedRegression(width).fit(ROWS, TARGETS).predict(queries)
    for query, predicted in zip(queries, ours, strict=True):
        weights = np.exp(-0.5 * ((ROWS - query) ** 2).sum(axis=1) / width**2)
        model = linear_model.LinearRegression().fit(ROWS, TARGETS, sample_weight=weights)
        assert predicted == pytest.approx(model.predict([query])[0], rel=1e-8)
    with pytest.raises(ValueError, match=r"no row is near query 1 .*take a larger one"):
        LocallyWeightedRegression(width).fit(ROWS, TARGETS).predict([ROWS[0], ROWS[0] + 99])


@pytest.mark.parametrize(("rows", "count"), [(WINE, None), (DIGITS, 10)])
@pytest.mark.parametrize("whiten", [False, True])
def test_components_are_scikit_learns_up_to_sign(rows, count, whiten):
    theirs = decomposition.PCA(count, whiten=whiten, svd_solver="full").fit(rows)
    ours = PCA(count, whiten=whiten).fit(rows)
    signs = np.sign((ours.components_ * theirs.components_).sum(axis=1))
    np.testing.assert_allclose(ours.components_ * signs[:, None], theirs.components_, atol=1e-8)
    for name in ("explained_variance_", "explained_variance_ratio_", "singular_values_", "mean_"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-8)
    assert ours.noise_variance_ == pytest.approx(theirs.noise_variance_, rel=1e-8)
    np.testing.assert_allclose(ours.transform(rows) * signs, theirs.transform(rows), atol=1e-7)
    np.testing.assert_allclose(
        ours.inverse_transform(ours.transform(rows)),
        theirs.inverse_transform(theirs.transform(rows)),
        atol=1e-8,
    )


@pytest.mark.parametrize("kind", [np.asarray, csr_matrix], ids=["dense", "sparse"])
def test_singular_values_of_wide_rows_are_those_of_the_whole_decomposition(kind):
    ours = TruncatedSVD(4, n_iter=20, n_oversamples=20).fit(kind(DIGITS))
    theirs = decomposition.TruncatedSVD(4, algorithm="arpack").fit(DIGITS)
    _, values, directions = np.linalg.svd(DIGITS, full_matrices=False)
    signs = np.sign((ours.components_ * directions[:4]).sum(axis=1))
    np.testing.assert_allclose(ours.singular_values_, values[:4], rtol=1e-10)
    np.testing.assert_allclose(ours.components_ * signs[:, None], directions[:4], atol=1e-8)
    np.testing.assert_allclose(
        ours.explained_variance_ratio_, theirs.explained_variance_ratio_, rtol=1e-8
    )
    assert (ours.n_iter_, len(ours.history_)) == (21, 21)


@pytest.mark.parametrize(
    ("fit", "words"),
    [
        (lambda: Ridge(-1).fit(ROWS, TARGETS), "alpha=-1"),
        (lambda: Ridge().fit(ROWS, ["a"] * 442), "y holds .*, and numbers are needed"),
        (lambda: PCA(11).fit(ROWS), "n_components=11: .* at least 1 and at most 10"),
        (lambda: TruncatedSVD(0).fit(ROWS), "n_components=0"),
        (lambda: LocallyWeightedRegression(0).fit(ROWS, TARGETS), "bandwidth=0"),
        (lambda: LinearRegression().fit(ROWS, TARGETS).predict(ROWS[:, :3]), "3 columns .* 10 are"),
    ],
)
def test_what_is_impossible_is_refused_in_words(fit, words):
    with pytest.raises(ValueError, match=words):
        fit()
