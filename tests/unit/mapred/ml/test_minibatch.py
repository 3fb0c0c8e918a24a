"""Mini-batch k-means against scikit-learn's partial_fit, fed with the same batches."""

import numpy as np
import pytest
from sklearn.cluster import MiniBatchKMeans as Oracle
from sklearn.datasets import load_digits

from mapred.ml import ConvergenceWarning, KMeans, MiniBatchKMeans
from mapred.ml.batches import drawn_places

HEAPS = np.random.default_rng(2).normal(size=(6, 5)) * 20
ROWS = HEAPS[np.arange(3000) % 6] + np.random.default_rng(3).normal(size=(3000, 5))


def batch(rows: np.ndarray, seed: int, number: int) -> np.ndarray:
    """What round `number` draws of the one split."""
    random = np.random.Generator(np.random.Philox(key=[seed, number], counter=[0, 0, 0, 0]))
    return rows[drawn_places(len(rows), 256, len(rows), random)]


@pytest.mark.parametrize("rows", [ROWS, load_digits().data], ids=["heaps", "digits"])
def test_centres_are_those_of_scikit_learn_after_the_same_batches(rows):
    start = rows[:6] + 3.0
    with pytest.warns(ConvergenceWarning, match="max_iter=12"):
        ours = MiniBatchKMeans(
            6, init=start, batch_size=256, max_iter=12, max_no_improvement=None, random_state=9
        ).fit(rows)
    theirs = Oracle(6, init=start, n_init=1, reassignment_ratio=0)
    for number in range(1, 13):
        theirs.partial_fit(batch(rows, 9, number))
    np.testing.assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, rtol=0, atol=1e-10)
    np.testing.assert_array_equal(ours.predict(rows), theirs.predict(rows))


def test_few_rows_a_round_come_near_to_all_of_them():
    whole = KMeans(6).fit(ROWS)
    model = MiniBatchKMeans(6, batch_size=200).fit(ROWS)
    assert model.converged_
    assert model.inertia_ < 1.1 * whole.inertia_
    assert len(model.labels_) == len(ROWS)


def test_a_block_gives_its_share_rounded_by_lot():
    random = np.random.default_rng(1)
    counts = [len(drawn_places(10, 3, 100, random)) for _ in range(4000)]
    assert set(counts) == {0, 1}
    assert np.mean(counts) == pytest.approx(0.3, abs=0.03)
    places = drawn_places(50, 500, 100, random)
    assert places.tolist() == list(range(50))


def test_impossible_parameters_are_refused():
    with pytest.raises(ValueError, match="batch_size=0"):
        MiniBatchKMeans(2, batch_size=0).fit(ROWS)
    with pytest.raises(ValueError, match="max_no_improvement=0"):
        MiniBatchKMeans(2, max_no_improvement=0).fit(ROWS)
