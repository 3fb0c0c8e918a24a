"""ALS on MovieLens-100k."""

import numpy as np
import pytest

from mapred.ml import ALS
from tests.packages.realdata import movielens

pytestmark = pytest.mark.packages


def test_ratings_of_movies_are_foretold_better_than_by_biases_alone():
    rows = movielens()
    order = np.random.default_rng(0).permutation(len(rows))
    held, known = rows[order[:10_000]], rows[order[10_000:]]
    model = ALS(10, regularization=0.1, max_iter=20, tol=1e-3).fit(known)
    error = rmse(model.predict(held), held)
    assert error < 0.99 * min(rmse(biased(known, held, strength), held) for strength in (1, 5, 10))
    assert model.converged_


def rmse(predicted, rows) -> float:
    return float(np.sqrt(((predicted - rows[:, 2]) ** 2).mean()))


def biased(known, held, strength) -> np.ndarray:
    """The mean, and what user and item differ from it."""
    mean = known[:, 2].mean()
    users, items = known[:, 0].astype(int), known[:, 1].astype(int)
    count = 1 + int(max(known[:, :2].max(), held[:, :2].max()))
    of_users, of_items = np.zeros(count), np.zeros(count)
    for _ in range(30):
        for own, other, at, its in (
            (of_users, of_items, users, items),
            (of_items, of_users, items, users),
        ):
            rest = np.bincount(at, known[:, 2] - mean - other[its], count)
            own[:] = rest / (np.bincount(at, minlength=count) + strength)
    return mean + of_users[held[:, 0].astype(int)] + of_items[held[:, 1].astype(int)]
