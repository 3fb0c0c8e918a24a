"""Logistic and softmax regression against scikit-learn on its bundled data."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn import linear_model
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.preprocessing import scale

from mapred.ml import ConvergenceWarning, LogisticRegression

IRIS, KINDS = load_iris(return_X_y=True)
WINE, CULTIVARS = load_wine(return_X_y=True)
WINE = scale(WINE)
CANCER, MALIGNANT = load_breast_cancer(return_X_y=True)
CANCER = scale(CANCER)


def oracle(rows, classes, **parameters):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parameters = {"solver": "newton-cholesky"} | parameters
        model = linear_model.LogisticRegression(tol=1e-10, max_iter=20_000, **parameters)
        return model.fit(rows, classes)


@pytest.mark.parametrize("solver", ["lbfgs", "newton"])
@pytest.mark.parametrize(
    ("rows", "classes", "parameters"),
    [
        (CANCER, MALIGNANT, {"C": 0.5}),
        (WINE, CULTIVARS, {}),
        (IRIS, KINDS, {"C": 2.0}),
        (csr_matrix(CANCER), MALIGNANT, {"fit_intercept": False}),
    ],
    ids=["two classes", "three", "iris", "sparse, no constant"],
)
def test_coefficients_are_scikit_learns(rows, classes, parameters, solver):
    theirs = oracle(rows, classes, **parameters)
    ours = LogisticRegression(solver=solver, tol=1e-9, max_iter=400, **parameters)
    ours.fit(rows, classes)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-5)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-5)
    np.testing.assert_array_equal(ours.predict(rows), theirs.predict(rows))
    np.testing.assert_allclose(ours.predict_proba(rows), theirs.predict_proba(rows), atol=1e-5)
    losses = [entry["loss"] for entry in ours.history_]
    assert all(b <= a + 1e-14 for a, b in pairwise(losses))
    if solver == "newton":
        assert ours.n_iter_ <= 15


@pytest.mark.parametrize("ratio", [1.0, 0.4])
def test_sizes_of_weights_cost_as_in_scikit_learns_elastic_net(ratio):
    theirs = oracle(WINE, CULTIVARS == 0, C=0.3, l1_ratio=ratio, solver="saga")
    ours = LogisticRegression(C=0.3, l1_ratio=ratio, solver="newton", tol=1e-10)
    ours.fit(WINE, CULTIVARS == 0)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-5)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-5)
    assert (ours.coef_ == 0).sum() == (np.abs(theirs.coef_) < 1e-9).sum()


def test_a_descent_that_is_cut_off_says_how_far_it_came():
    with pytest.warns(ConvergenceWarning, match=r"max_iter=3 rounds are done; .*loss .*slope"):
        model = LogisticRegression(max_iter=3).fit(CANCER, MALIGNANT)
    assert (model.n_iter_, model.converged_) == (3, False)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"C": 0}, "C=0: a number above 0"),
        ({"tol": float("nan")}, "tol=nan"),
        ({"solver": "magic"}, "solver='magic': 'lbfgs' or 'newton'"),
        ({"l1_ratio": 0.5}, 'takes solver="newton"'),
        ({"l1_ratio": 2.0, "solver": "newton"}, "l1_ratio=2.0: .* at most 1"),
        ({"max_iter": 0}, "max_iter=0"),
    ],
)
def test_impossible_parameters_are_refused(parameters, words):
    with pytest.raises(ValueError, match=words):
        LogisticRegression(**parameters).fit(IRIS, KINDS)
