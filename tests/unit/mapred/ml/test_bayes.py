"""Naive Bayes against scikit-learn: counts exactly, log-probabilities to 1e-12."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn import naive_bayes as oracle
from sklearn.datasets import load_digits, load_iris, load_wine

from mapred import ml

DIGITS, NAMES = load_digits().data, np.array(["zero", "one", "two", "three", "four", "five"])
DIGITS, FIGURES = (
    DIGITS[load_digits().target < 6],
    NAMES[load_digits().target[load_digits().target < 6]],
)
IRIS, KINDS = load_iris(return_X_y=True)
WINE, CULTIVARS = load_wine(return_X_y=True)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("MultinomialNB", {}),
        ("MultinomialNB", {"alpha": 0.25, "fit_prior": False}),
        ("BernoulliNB", {"binarize": 4.0}),
        ("ComplementNB", {"norm": True}),
        ("ComplementNB", {"class_prior": [0.5, 0.1, 0.1, 0.1, 0.1, 0.1]}),
    ],
)
@pytest.mark.parametrize("kind", [np.asarray, csr_matrix], ids=["dense", "sparse"])
def test_counts_are_scikit_learns(name, parameters, kind):
    theirs = getattr(oracle, name)(**parameters).fit(DIGITS, FIGURES)
    ours = getattr(ml, name)(**parameters).fit(kind(DIGITS), FIGURES)
    assert ours.classes_.tolist() == theirs.classes_.tolist()
    np.testing.assert_array_equal(ours.feature_count_, theirs.feature_count_)
    np.testing.assert_array_equal(ours.class_count_, theirs.class_count_)
    np.testing.assert_allclose(ours.feature_log_prob_, theirs.feature_log_prob_, atol=1e-12, rtol=0)
    np.testing.assert_allclose(ours.class_log_prior_, theirs.class_log_prior_, atol=1e-12, rtol=0)
    np.testing.assert_array_equal(ours.predict(kind(DIGITS)), theirs.predict(DIGITS))
    np.testing.assert_allclose(
        ours.predict_log_proba(kind(DIGITS[:50])),
        theirs.predict_log_proba(DIGITS[:50]),
        rtol=1e-11,
        atol=1e-12,
    )
    assert (ours.n_iter_, ours.converged_) == (1, True)
    assert ours.history_ == [{"rows": len(DIGITS), "loss": loss_of(theirs, DIGITS, FIGURES)}]


def loss_of(theirs, rows, classes):
    """Of the round, from the rows themselves."""
    joint = theirs.predict_joint_log_proba(rows)
    right = np.searchsorted(theirs.classes_, classes)
    return pytest.approx(-joint[np.arange(len(rows)), right].mean(), rel=1e-12)


def test_a_column_that_all_rows_of_a_class_have_costs_nothing():
    rows = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.0, 0.0]])
    model = ml.BernoulliNB(alpha=0).fit(rows, [0, 0, 1, 1])
    assert model.history_[0]["loss"] == pytest.approx(2 * np.log(2))


@pytest.mark.parametrize("parameters", [{}, {"priors": [0.2, 0.3, 0.5], "var_smoothing": 1e-3}])
@pytest.mark.parametrize(("rows", "classes"), [(IRIS, KINDS), (WINE, CULTIVARS)])
def test_normal_columns_are_scikit_learns(rows, classes, parameters):
    theirs = oracle.GaussianNB(**parameters).fit(rows, classes)
    ours = ml.GaussianNB(**parameters).fit(rows, classes)
    np.testing.assert_allclose(ours.theta_, theirs.theta_, rtol=1e-12)
    np.testing.assert_allclose(ours.var_, theirs.var_, rtol=1e-12)
    np.testing.assert_allclose(
        ours.predict_log_proba(rows), theirs.predict_log_proba(rows), rtol=1e-11, atol=1e-12
    )
    assert ours.score(rows, classes) == theirs.score(rows, classes)
    assert ours.history_ == [{"rows": len(rows), "loss": loss_of(theirs, rows, classes)}]


def test_files_with_the_classes_in_a_column_learn_the_same(tmp_path):
    table = np.column_stack([IRIS[:, :1], KINDS + 5, IRIS[:, 1:]])
    order = np.random.default_rng(3).permutation(150)
    np.savetxt(tmp_path / "a.csv", table[order[:70]], delimiter=",", fmt="%.17g")
    np.save(tmp_path / "b.npy", table[order[70:]])
    ours = ml.GaussianNB().fit(tmp_path, 1)
    theirs = oracle.GaussianNB().fit(IRIS, KINDS + 5)
    assert ours.classes_.tolist() == [5, 6, 7]
    np.testing.assert_allclose(ours.theta_, theirs.theta_, rtol=1e-12)
    np.testing.assert_allclose(ours.var_, theirs.var_, rtol=1e-12)
    assert ours.predict(tmp_path).tolist() == theirs.predict(IRIS[order]).tolist()


@pytest.mark.parametrize(
    ("model", "rows", "classes", "words"),
    [
        (ml.MultinomialNB(alpha=-1), DIGITS, FIGURES, "alpha=-1"),
        (ml.MultinomialNB(class_prior=[1.0]), DIGITS, FIGURES, "class_prior.*6 numbers"),
        (ml.GaussianNB(priors=[0.5, 0.5, 0.5]), IRIS, KINDS, "priors.*sum up to 1"),
        (ml.GaussianNB(), IRIS, KINDS[:10], "y has 10 values, and X has 150 rows"),
        (ml.GaussianNB(), IRIS, None, r"learns from targets: fit\(X, y\)"),
        (ml.GaussianNB(), IRIS, KINDS * 0, "all targets are of one class"),
        (ml.GaussianNB(), IRIS, np.where(KINDS == 1, np.nan, KINDS), r"y\[50\] is nan"),
        (ml.GaussianNB(), np.where(IRIS == 5.1, np.nan, IRIS), KINDS, r"X\[0, 0\] is nan"),
    ],
)
def test_what_is_impossible_is_refused_in_words(model, rows, classes, words):
    with pytest.raises(ValueError, match=words):
        model.fit(rows, classes)


def test_counts_below_0_are_refused_with_a_way_out():
    with pytest.raises(Exception, match=r"counts can't be below 0. GaussianNB takes any numbers"):
        ml.MultinomialNB().fit(-IRIS, KINDS)
