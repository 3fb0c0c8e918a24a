"""ALS against one process that solves one row after the other."""

from itertools import pairwise

import numpy as np
import pytest

from mapred.ml import ALS, ConvergenceWarning

RANDOM = np.random.default_rng(11)


def table(users: int, items: int, count: int, counts: bool = False) -> np.ndarray:
    chosen = RANDOM.choice(users * items, count, replace=False)
    values = RANDOM.integers(0, 9, count) if counts else RANDOM.integers(1, 6, count)
    # Names with gaps, and not from 0.
    return np.column_stack([7 + 3 * (chosen // items), 1000 - chosen % items, values]).astype(float)


def alternating(rows, rank, reg, passes, start, alpha=None):
    """(user factors, item factors), dense and slow."""
    users, at_user = np.unique(rows[:, 0], return_inverse=True)
    items, at_item = np.unique(rows[:, 1], return_inverse=True)
    given = np.full((len(users), len(items)), np.nan)
    given[at_user, at_item] = rows[:, 2]
    sides = [np.zeros((len(users), rank)), start]
    for turn in range(2 * passes):
        side, values = turn % 2, given if turn % 2 == 0 else given.T
        other = sides[1 - side]
        for at, row in enumerate(values):
            seen = ~np.isnan(row)
            if alpha is None:
                sides[side][at] = np.linalg.solve(
                    other[seen].T @ other[seen] + reg * seen.sum() * np.eye(rank),
                    other[seen].T @ row[seen],
                )
            else:
                sure = 1 + alpha * np.where(seen, row, 0)
                likes = np.where(seen, row, 0) > 0
                sides[side][at] = np.linalg.solve(
                    other.T @ (sure[:, None] * other) + reg * np.eye(rank),
                    other.T @ (sure * likes),
                )
    return sides


def start_of(items: int, rank: int, seed: int) -> np.ndarray:
    random = np.random.Generator(np.random.Philox(key=seed))
    return random.normal(size=(items, rank)) / np.sqrt(rank)


@pytest.mark.parametrize("alpha", [None, 3.0], ids=["explicit", "implicit"])
def test_factors_are_those_of_one_process(alpha):
    rows = table(60, 40, 900, counts=alpha is not None)
    implicit = {} if alpha is None else {"implicit": True, "alpha": alpha}
    with pytest.warns(ConvergenceWarning, match="max_iter=12 rounds"):
        model = ALS(5, regularization=0.3, max_iter=6, tol=0, random_state=4, **implicit).fit(rows)
    users, items = alternating(rows, 5, 0.3, 6, start_of(40, 5, 4), alpha)
    np.testing.assert_allclose(model.user_factors_, users, rtol=0, atol=1e-8)
    np.testing.assert_allclose(model.item_factors_, items, rtol=0, atol=1e-8)
    assert model.n_iter_ == 6
    losses = [entry["loss"] for entry in model.history_]
    assert all(later <= before * (1 + 1e-12) for before, later in pairwise(losses))
    # The last loss, from its definition.
    given = np.zeros((60, 40))
    at_user = np.unique(rows[:, 0], return_inverse=True)[1]
    at_item = np.unique(rows[:, 1], return_inverse=True)[1]
    given[at_user, at_item] = rows[:, 2]
    products = users @ items.T
    if alpha is None:
        errors = ((rows[:, 2] - products[at_user, at_item]) ** 2).sum()
        lengths = np.bincount(at_user) @ (users**2).sum(1) + np.bincount(at_item) @ (items**2).sum(
            1
        )
    else:
        errors = ((1 + alpha * given) * ((given > 0) - products) ** 2).sum()
        lengths = (users**2).sum() + (items**2).sum()
    assert model.loss_ == pytest.approx(errors + 0.3 * lengths, rel=1e-10)


def test_files_give_the_same_bits(tmp_path):
    rows = table(90, 40, 1_500)
    np.save(tmp_path / "a.npy", rows[:700])
    np.savetxt(tmp_path / "b.csv", rows[700:], delimiter=",")
    found = []
    for given in (rows, [tmp_path / "a.npy", tmp_path / "b.csv"]):
        with pytest.warns(ConvergenceWarning):
            model = ALS(4, max_iter=2).fit(given)
        found.append(model.user_factors_.tobytes() + model.item_factors_.tobytes())
    assert found[0] == found[1]


def test_unknown_users_get_the_mean_and_known_ones_their_best_items():
    rows = table(20, 15, 120)
    model = ALS(3, max_iter=50).fit(rows)
    user = int(rows[0, 0])
    assert model.predict([[-1, rows[0, 1]]]).tolist() == [rows[:, 2].mean()]
    best = model.recommend(user, 4)
    scores = model.predict([[user, item] for item in model.items_])
    assert [score for _, score in best] == pytest.approx(sorted(scores, reverse=True)[:4])
    for stranger in (8, None, [user]):
        with pytest.raises(ValueError, match="no rating is by the user"):
            model.recommend(stranger)


def test_counts_of_one_pair_are_added_up():
    counts = table(30, 20, 200, counts=True)
    counts = counts[counts[:, 2] > 1]
    parts = np.concatenate([counts - [0, 0, 1], np.column_stack([counts[:, :2], counts[:, 0] > 0])])
    found = []
    for rows in (counts, parts):
        with pytest.warns(ConvergenceWarning):
            model = ALS(3, implicit=True, alpha=2.0, max_iter=3, tol=0).fit(rows)
        found.append((model.user_factors_.tobytes(), model.item_factors_.tobytes(), model.loss_))
    assert found[0] == found[1]
    assert found[0][2] > 0


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_ratings_that_floats_cannot_square_are_told():
    with pytest.raises(ValueError, match="the ratings or alpha are too large"):
        ALS(2).fit([[1, 2, 1e200], [2, 2, 3]])


@pytest.mark.parametrize(
    ("parameters", "rows", "words"),
    [
        ({"regularization": 0}, [[1, 2, 3]], "regularization=0: a number above 0"),
        ({"n_components": 0}, [[1, 2, 3]], "n_components=0"),
        ({}, [[1, 2]], "2 columns, and user, item and rating are needed"),
        ({}, [[1.5, 2, 3]], "a user is called 1.5"),
        ({}, [[1, 2**60, 3]], "an item is called|a item is called"),
        ({"implicit": True}, [[1, 2, -3]], "a rating is -3: implicit ones are counts"),
        ({}, [[1, 2, float("nan")]], r"X\[0, 2\] is nan"),
    ],
)
def test_what_is_impossible_is_refused_in_words(parameters, rows, words):
    with pytest.raises(ValueError, match=words):
        ALS(**parameters).fit(rows)
