"""Averaged SGD: with one whole-shard step it is gradient descent; slopes are those of the loss."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.datasets import load_digits, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import scale

from mapred.formats.csr import csr_of
from mapred.ml import ConvergenceWarning, MLPClassifier, SGDClassifier, session
from mapred.ml.network import Network
from tests.unit.mapred.ml.inline import InlineEngine

IRIS, KINDS = load_iris(return_X_y=True)
IRIS = scale(IRIS)
DIGITS, FIGURES = load_digits(return_X_y=True)
DIGITS = DIGITS / 16

pytestmark = pytest.mark.filterwarnings("ignore::mapred.ml.estimator.ConvergenceWarning")


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("kind", [np.asarray, csr_matrix])
def test_the_slope_is_that_of_the_loss(activation, kind):
    network = Network([4, 5, 3, 3], activation)
    weights = network.start(np.random.default_rng(1)) + 0.05
    rows = IRIS[::10] if kind is np.asarray else csr_of(csr_matrix(IRIS[::10]))
    slope = network.slope(weights, rows, KINDS[::10])
    for at in range(len(weights)):
        ahead, behind = weights.copy(), weights.copy()
        ahead[at] += 1e-6
        behind[at] -= 1e-6
        change = network.loss(ahead, rows, KINDS[::10]) - network.loss(behind, rows, KINDS[::10])
        assert slope[at] == pytest.approx(change / 2e-6 / len(KINDS[::10]), abs=1e-7)


def gradient_descent(rows, right, network, weights, *, rounds, rate, l2):
    for _ in range(rounds):
        weights = weights - rate * (network.slope(weights, rows, right) + l2 * weights)
    return weights


@pytest.mark.parametrize("shards", [1, 4, 7])
def test_one_local_step_on_whole_shards_is_a_step_on_all_rows(shards):
    order = np.argsort(KINDS)
    model = SGDClassifier(
        local_steps=1, batch_size=None, shards=shards, max_iter=12, alpha=0.01, tol=0
    ).fit(IRIS[order], KINDS[order])
    network = Network([4, 3])
    expected = gradient_descent(
        IRIS, KINDS, network, np.zeros(len(network)), rounds=12, rate=0.1, l2=0.01
    )
    np.testing.assert_allclose(model.weights_, expected, rtol=0, atol=1e-12)


def test_weights_that_have_arrived_are_scikit_learns():
    model = SGDClassifier(
        local_steps=1,
        batch_size=None,
        shards=3,
        alpha=0.01,
        learning_rate_init=0.5,
        momentum=0.8,
        max_iter=400,
        tol=0,
    ).fit(IRIS, KINDS)
    # Here the constant costs, too: it is one more column.
    rows = np.column_stack([IRIS, np.ones(len(IRIS))])
    theirs = LogisticRegression(
        C=1 / (0.01 * len(IRIS)), fit_intercept=False, tol=1e-12, solver="newton-cholesky"
    ).fit(rows, KINDS)
    found = np.column_stack([model.coef_, model.intercept_])
    np.testing.assert_allclose(found, theirs.coef_, rtol=0, atol=1e-5)


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("kind", [np.asarray, csr_matrix], ids=["dense", "sparse"])
def test_an_array_of_any_size_has_the_shards_that_were_asked_for(shards, kind):
    rows = np.random.default_rng(1).normal(size=(3000, 200))
    with session(engine=InlineEngine()) as own:
        model = SGDClassifier(shards=shards, max_iter=1)
        model.fit(kind(rows), np.arange(3000) % 2)
        assert own.engine.jobs()[-1].maps == shards
        dense = SGDClassifier(shards=shards, max_iter=1).fit(rows, np.arange(3000) % 2)
    np.testing.assert_allclose(model.weights_, dense.weights_, atol=1e-12)


def test_more_local_steps_go_further_in_a_round_and_drift_on_sorted_shards():
    order = np.argsort(KINDS, kind="stable")
    mixed = np.random.default_rng(5).permutation(150)
    parameters = {"batch_size": None, "shards": 3, "max_iter": 8, "tol": 0, "alpha": 0.0}
    losses = {}
    for name, rows in (("sorted", order), ("mixed", mixed)):
        for steps in (1, 20):
            model = SGDClassifier(local_steps=steps, **parameters).fit(IRIS[rows], KINDS[rows])
            losses[name, steps] = model.loss_
    assert losses["mixed", 20] < losses["mixed", 1]
    assert losses["sorted", 20] > losses["mixed", 20]
    assert losses["sorted", 1] == pytest.approx(losses["mixed", 1], rel=1e-12)


def test_slow_momentum_gets_further_in_the_same_rounds():
    losses = [
        SGDClassifier(momentum=m, local_steps=1, batch_size=None, max_iter=10, tol=0)
        .fit(IRIS, KINDS)
        .loss_
        for m in (0.0, 0.8)
    ]
    assert losses[1] < losses[0]


def test_batches_depend_on_seed_round_and_shard_alone():
    def weights(seed):
        model = MLPClassifier((6,), shards=3, max_iter=3, tol=0, random_state=seed)
        return model.fit(IRIS, KINDS).weights_.tobytes()

    here = weights(1)
    assert here != weights(2)
    with session(workers=2):
        assert weights(1) == here


def test_shards_learn_digits_as_well_as_a_single_process():
    train, test = slice(0, 1300), slice(1300, None)
    parameters = {"max_iter": 12, "learning_rate_init": 0.3, "tol": 0}
    alone = MLPClassifier((32,), **parameters).fit(DIGITS[train], FIGURES[train])
    four = MLPClassifier((32,), shards=4, momentum=0.5, **parameters)
    four.fit(DIGITS[train], FIGURES[train])
    apart = alone.score(DIGITS[test], FIGURES[test]) - four.score(DIGITS[test], FIGURES[test])
    assert abs(apart) <= 0.02
    assert four.score(DIGITS[test], FIGURES[test]) > 0.88


def test_it_says_when_it_has_arrived_and_when_it_flew_away():
    assert SGDClassifier(tol=0.01, max_iter=100).fit(IRIS, KINDS).converged_
    with pytest.warns(ConvergenceWarning, match="max_iter=2"):
        SGDClassifier(max_iter=2).fit(IRIS, KINDS)
    for rounds in (1, 5):
        flying = MLPClassifier((3,), learning_rate_init=1e200, max_iter=rounds)
        with (
            np.errstate(all="ignore"),
            pytest.raises(ValueError, match=r"round 1 began with the loss 1.*a smaller rate"),
        ):
            flying.fit(IRIS, KINDS)
    with pytest.raises(ValueError, match="200 shards, and X has only 150 rows"):
        SGDClassifier(shards=200).fit(IRIS, KINDS)
    with pytest.raises(ValueError, match="init has the shape"):
        SGDClassifier(init=[1, 2]).fit(IRIS, KINDS)
