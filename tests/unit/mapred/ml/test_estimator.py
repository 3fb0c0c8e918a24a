"""What all estimators do alike: forget what a fit replaces, and judge by targets of one a row."""

import numpy as np
import pytest

from mapred.errors import JobFailedError
from mapred.ml import LinearRegression, LogisticRegression, MultinomialNB, PageRank

ROWS = np.array([[3.0, 0.0], [2.0, 1.0], [0.0, 4.0], [1.0, 3.0]])
WORDS = np.array(["bad", "bad", "good", "good"])


def test_a_fit_that_fails_leaves_nothing_of_itself_and_nothing_of_the_one_before():
    model = MultinomialNB().fit(ROWS, WORDS)
    with pytest.raises(JobFailedError, match="counts can't be below 0"):
        model.fit(-ROWS, ["ant", "ant", "zebra", "zebra"])
    with pytest.raises(ValueError, match="call fit first"):
        model.predict(ROWS)
    assert model.fit(ROWS, WORDS).predict(ROWS).tolist() == WORDS.tolist()


@pytest.mark.parametrize(
    ("model", "y"), [(LogisticRegression(), WORDS), (LinearRegression(), ROWS[:, 0])]
)
def test_targets_of_another_shape_are_refused_not_stretched(model, y):
    model.fit(ROWS, y)
    assert model.score(ROWS, y) > 0.9
    for wrong, words in (
        (y[:, None], "2 dimensions"),
        (y[:1], "has 1 values"),
        (y[0], "0 dimensions"),
    ):
        with pytest.raises(ValueError, match=words):
            model.score(ROWS, wrong)


def test_targets_that_are_all_alike_have_no_variance_to_predict():
    model = LinearRegression().fit(ROWS, ROWS[:, 0])
    assert model.score(ROWS, np.ones(4)) == 0.0
    same = LinearRegression(fit_intercept=False).fit(ROWS, np.zeros(4))
    assert same.score(ROWS, np.zeros(4)) == 1.0


def test_vertices_whose_names_floats_can_not_tell_apart_are_refused():
    with pytest.raises(ValueError, match="number the vertices anew"):
        PageRank().fit([[2.0**53, 2.0**53 + 1], [1.0, 2.0]])
