"""What all estimators do alike: forget what a fit replaces, and judge by targets of one a row."""

import numpy as np
import pytest

from mapred.errors import JobFailedError
from mapred.ml import (
    PCA,
    ConvergenceWarning,
    GaussianMixture,
    GaussianNB,
    KMeans,
    LinearRegression,
    LogisticRegression,
    MLPClassifier,
    MultinomialNB,
    PageRank,
    Ridge,
    ShortestPaths,
    TruncatedSVD,
)

ROWS = np.array([[3.0, 0.0], [2.0, 1.0], [0.0, 4.0], [1.0, 3.0]])
WORDS = np.array(["bad", "bad", "good", "good"])


def test_a_fit_that_fails_leaves_nothing_of_itself_and_nothing_of_the_one_before(tmp_path):
    model = MultinomialNB().fit(ROWS, WORDS)
    # Known only in a round, when the classes are.
    np.savetxt(tmp_path / "a.csv", np.column_stack([-ROWS, [7, 7, 8, 8]]), delimiter=",")
    with pytest.raises(JobFailedError, match=r"rows\[0, 0\] is -3: counts can't be below 0"):
        model.fit(tmp_path / "a.csv")
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


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (KMeans(2, random_state=2**64), "random_state=18446744073709551616: a whole number"),
        (TruncatedSVD(1, random_state=1.5), "random_state=1.5: a whole number"),
        (MultinomialNB(alpha=np.inf), "alpha=inf: a number"),
        (MultinomialNB(fit_prior="no"), "fit_prior='no': True or False is needed"),
        (MultinomialNB(class_prior="even"), "class_prior='even': numbers are needed"),
        (MultinomialNB(class_prior=[0.5, np.nan]), "class_prior=.*: finite numbers are needed"),
        (GaussianNB(priors=object()), "priors=<object .*: numbers are needed"),
        (GaussianMixture(weights_init="even"), "weights_init='even': numbers are needed"),
        (
            GaussianMixture(precisions_init=np.full((1, 2, 2), np.nan)),
            "precisions_init=.*: finite numbers",
        ),
        (MLPClassifier(init="zeros"), "init='zeros': numbers are needed"),
        (PCA(whiten=1), "whiten=1: True or False is needed"),
        (MLPClassifier(None), "hidden_layer_sizes=None: the widths of the layers"),
        (MLPClassifier((10**30,)), "hidden_layer_sizes=1.*at most 1e"),
        (MLPClassifier((0,)), "hidden_layer_sizes=0: a whole number"),
        (
            GaussianMixture(2, covariance_type="diag", precisions_init=np.ones((3, 2))),
            r"precisions_init has the shape \(3, 2\), and \(2, 2\) is needed",
        ),
        (
            GaussianMixture(2, covariance_type="diag", precisions_init=-np.ones((2, 2))),
            "precisions_init: numbers above 0",
        ),
        (
            GaussianMixture(2, covariance_type="tied", precisions_init=np.ones((2, 2))),
            "precisions_init: symmetric, positive definite",
        ),
    ],
)
def test_impossible_parameters_are_refused_in_words(model, words):
    with pytest.raises(ValueError, match=words):
        model.fit(ROWS, WORDS)


def test_one_round_reports_what_it_saw_and_how_well_that_fits():
    model = LinearRegression().fit(ROWS, ROWS[:, 0] + 1)
    assert model.history_ == [{"rows": len(ROWS), "loss": pytest.approx(0, abs=1e-12)}]
    targets = np.arange(len(ROWS)) % 3
    model = Ridge(0.5).fit(ROWS, targets)
    errors = (model.predict(ROWS) - targets) ** 2
    assert model.history_[0]["loss"] == pytest.approx(errors.mean())
    assert PCA().fit(ROWS).history_[0]["variance"] == pytest.approx(ROWS.var(axis=0, ddof=1).sum())


def test_what_is_known_of_a_round_only_in_the_end_is_told_too(capfd):
    told = LinearRegression(verbose=True).fit(ROWS, ROWS[:, 0] + 1).history_[0]["loss"]
    lines = capfd.readouterr().err.splitlines()
    assert [line.split()[:4] for line in lines] == [
        ["round", "1", "rows", "4"],
        ["round", "1", "loss", f"{told:.6g}"],
    ]


def test_one_width_is_one_hidden_layer():
    with pytest.warns(ConvergenceWarning):
        first, _ = MLPClassifier(4, max_iter=1).fit(ROWS, WORDS).coefs_
    assert first.shape == (2, 4)


@pytest.mark.parametrize("source", [None, [1], True, "1"])
def test_a_way_begins_at_a_number(source):
    with pytest.raises(ValueError, match="is no vertex: vertices are numbers"):
        ShortestPaths(source).fit([[1.0, 2.0]])


def test_rows_that_are_all_alike_have_no_variance_to_explain():
    same = np.full((5, 3), 2.0)
    model = PCA(2, whiten=True).fit(same)
    assert model.explained_variance_ratio_.tolist() == [0.0, 0.0]
    assert model.transform(same).tolist() == [[0.0, 0.0]] * 5
    assert TruncatedSVD(1).fit(same).explained_variance_ratio_.tolist() == [0.0]


def test_a_place_that_is_not_the_open_sessions_is_refused():
    for model in (KMeans(2, workers=5), KMeans(2, cluster="nowhere:1")):
        with pytest.raises(ValueError, match="a session is open, and all that is fitted in it"):
            model.fit(ROWS)


def test_files_are_predicted_from_where_they_were_fitted(tmp_path):
    path = tmp_path / "rows.npy"
    np.save(path, ROWS)
    # Only where no session is open this would be asked where the files are.
    model = KMeans(2).fit(path)
    model.cluster = "nowhere:1"
    assert model.predict(path).tolist() == KMeans(2).fit(ROWS).labels_.tolist()


def test_a_file_without_rows_has_nothing_to_predict(tmp_path):
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(ValueError, match=r"X has no rows: .*empty\.csv"):
        MultinomialNB().fit(ROWS, WORDS).predict(tmp_path / "empty.csv")
