"""Vectors in fewer bytes: right on average, as small as promised, and good enough to learn by."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from mapred.ml import ConvergenceWarning, SGDClassifier
from mapred.ml.compressed import LARGEST, WAYS, bytes_of, compressed, restored

RANDOM = np.random.default_rng(3)
VALUES = RANDOM.normal(size=1000)
DIGITS = load_digits()


@pytest.mark.parametrize("way", [way for way in WAYS if way != LARGEST])
def test_what_arrives_is_right_on_average(way):
    draws = [restored(compressed(VALUES, way, np.random.default_rng(seed))) for seed in range(1000)]
    mean, spread = np.mean(draws, axis=0), np.std(draws, axis=0)
    # Five standard errors, and what 32 bits can't hold; the smallest are hardly ever drawn.
    limit = 5 * spread / np.sqrt(len(draws)) + 1e-6 * np.abs(VALUES) + 1e-3
    assert (np.abs(mean - VALUES) <= limit)[np.abs(VALUES) > 0.05].all()


@pytest.mark.parametrize(
    ("way", "most"), [("float32", 4000), ("int8", 1016), ("sparse", 1000), ("topk", 800)]
)
def test_it_is_as_small_as_promised(way, most):
    packed = compressed(VALUES, way, np.random.default_rng(1))
    assert bytes_of(packed) <= most


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("values", [np.zeros(5), np.array([0.0, -2.0]), np.full(300, 7.5)])
def test_vectors_of_few_and_of_equal_numbers_arrive(way, values):
    found = restored(compressed(values, way, np.random.default_rng(2)))
    assert found.shape == values.shape
    assert (found[values == 0] == 0).all()
    assert np.abs(found).max() <= 20 * np.abs(values).max() + 1e-12


def trained(send: str) -> SGDClassifier:
    model = SGDClassifier(local_steps=4, shards=6, max_iter=25, tol=0, send=send, random_state=1)
    with pytest.warns(ConvergenceWarning):
        return model.fit(DIGITS.data / 16, DIGITS.target)


def test_learning_from_few_bytes_costs_little_and_shows_both():
    exact = trained("float64")
    sent = exact.history_[0]["sent"]
    assert sent == 6 * 8 * 650
    for way, least, loss in (
        ("float32", 2, 1e-6),
        ("int8", 7, 0.01),
        ("sparse", 8, 0.15),
        ("topk", 10, 0.03),
    ):
        model = trained(way)
        assert sent / model.history_[0]["sent"] >= least
        assert abs(model.loss_ - exact.loss_) < loss, way
        again = trained(way)
        assert again.weights_.tobytes() == model.weights_.tobytes()


def test_an_unknown_way_is_refused():
    with pytest.raises(ValueError, match=r"send='int4': 'float64' or .* is needed"):
        SGDClassifier(send="int4").fit(DIGITS.data, DIGITS.target)
