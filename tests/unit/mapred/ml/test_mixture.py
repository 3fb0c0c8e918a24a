"""Gaussian mixtures against scikit-learn with the same start; the likelihood never falls."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import mixture
from sklearn.datasets import load_iris, load_wine

from mapred.ml import ConvergenceWarning, GaussianMixture

IRIS = load_iris().data
WINE = load_wine().data[:, :6]


def start(rows, kind, count):
    means = rows[:: len(rows) // count][:count]
    variances = rows.var(axis=0)
    precisions = {
        "full": np.tile(np.diag(1 / variances), (count, 1, 1)),
        "tied": np.diag(1 / variances),
        "diag": np.tile(1 / variances, (count, 1)),
        "spherical": np.full(count, 1 / variances.mean()),
    }[kind]
    weights = np.arange(1, count + 1) / np.arange(1, count + 1).sum()
    return {"means_init": means, "precisions_init": precisions, "weights_init": weights}


@pytest.mark.parametrize("kind", ["full", "diag", "spherical", "tied"])
@pytest.mark.parametrize(("rows", "count"), [(IRIS, 3), (WINE, 4)], ids=["iris", "wine"])
def test_components_are_scikit_learns(rows, count, kind):
    parameters = {"covariance_type": kind, "max_iter": 25, "tol": 1e-5, **start(rows, kind, count)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = mixture.GaussianMixture(count, **parameters).fit(rows)
        ours = GaussianMixture(count, **parameters).fit(rows)
    assert (ours.n_iter_, ours.converged_) == (theirs.n_iter_, theirs.converged_)
    assert ours.lower_bound_ == pytest.approx(theirs.lower_bound_, abs=1e-8)
    np.testing.assert_allclose(ours.means_, theirs.means_, rtol=1e-6)
    np.testing.assert_allclose(ours.covariances_, theirs.covariances_, rtol=1e-6, atol=1e-8)
    np.testing.assert_array_equal(ours.predict(rows), theirs.predict(rows))
    np.testing.assert_allclose(ours.score_samples(rows), theirs.score_samples(rows), rtol=1e-6)
    bounds = [entry["lower bound"] for entry in ours.history_]
    assert all(b >= a - 1e-10 for a, b in pairwise(bounds))


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(["full", "diag", "spherical", "tied"]),
    count=st.integers(1, 4),
    columns=st.integers(1, 3),
    apart=st.floats(0, 20),
)
def test_the_likelihood_never_falls(seed, kind, count, columns, apart):
    random = np.random.default_rng(seed)
    rows = random.normal(size=(120, columns))
    rows += apart * random.integers(0, 3, (120, 1)) * random.normal(size=columns)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = GaussianMixture(
            count, covariance_type=kind, max_iter=12, tol=0, random_state=seed % 2**31
        ).fit(rows)
    bounds = [entry["lower bound"] for entry in model.history_]
    # What reg_covar adds to the variances takes the rest.
    assert all(b >= a - 1e-7 for a, b in pairwise(bounds)), bounds


def test_a_start_of_its_own_depends_on_the_seed_alone(tmp_path):
    np.savetxt(tmp_path / "iris.csv", IRIS, delimiter=",", fmt="%.17g")
    with pytest.warns(ConvergenceWarning, match="max_iter=2 .*lower bound"):
        a, b, c = (
            GaussianMixture(3, max_iter=2, random_state=seed).fit(rows).means_.tobytes()
            for seed, rows in ((1, IRIS), (1, tmp_path / "iris.csv"), (2, IRIS))
        )
    assert a == b != c


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"n_components": 0}, "n_components=0"),
        ({"n_components": 151}, "X has only 150 rows"),
        ({"covariance_type": "round"}, "covariance_type='round'"),
        ({"means_init": IRIS[:2]}, r"means_init has the shape \(2, 4\), and \(1, 4\)"),
        ({"weights_init": [0.5]}, "weights_init.*sum up to 1"),
        ({"n_components": 3, "reg_covar": -1.0}, "reg_covar=-1.0"),
    ],
)
def test_what_is_impossible_is_refused(parameters, words):
    with pytest.raises(ValueError, match=words):
        GaussianMixture(**parameters).fit(IRIS)


def test_a_flat_component_is_told_with_a_way_out():
    rows = np.column_stack([IRIS[:, 0], IRIS[:, 0]])
    with pytest.raises(ValueError, match=r"become flat: .*larger reg_covar"):
        GaussianMixture(1, reg_covar=0.0).fit(rows)
