"""scikit-learn's own tools take our estimators: clone, Pipeline, cross_val_score, GridSearchCV."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn import decomposition, linear_model, naive_bayes, preprocessing
from sklearn.base import clone, is_classifier, is_clusterer, is_regressor
from sklearn.datasets import load_diabetes
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import estimator_html_repr, get_tags

from mapred import ml
from tests.unit.mapred.ml.test_every_estimator import (
    IRIS,
    KINDS,
    ON_ROWS,
    ON_TABLES,
    ON_TEXTS,
    by_name,
)

DIABETES, PROGRESS = load_diabetes(return_X_y=True)

pytestmark = pytest.mark.filterwarnings("ignore::mapred.ml.ConvergenceWarning")


@by_name(ON_ROWS + ON_TABLES + ON_TEXTS)
def test_scikit_learn_is_told_what_an_estimator_is(case):
    copy = clone(case.model)
    assert copy is not case.model
    assert repr(copy) == repr(case.model)
    tags = get_tags(copy)
    classifies, regresses = (hasattr(copy, "predict_proba") and bool(copy.targets), "score")
    assert is_classifier(copy) == classifies == (tags.classifier_tags is not None)
    assert is_regressor(copy) == (copy.targets == "numbers") == (tags.regressor_tags is not None)
    assert is_clusterer(copy) == isinstance(copy, ml.KMeans)
    assert (tags.transformer_tags is not None) == hasattr(copy, "transform")
    assert tags.target_tags.required == bool(copy.targets)
    learns_from_texts = any(case is one for one in ON_TEXTS)
    assert tags.input_tags.string == learns_from_texts
    assert tags.input_tags.two_d_array != learns_from_texts
    assert regresses


def test_folds_are_judged_as_scikit_learns_own_estimators_are():
    for ours, theirs, rows, targets in (
        (ml.Ridge(0.5), linear_model.Ridge(0.5), DIABETES, PROGRESS),
        (
            ml.LogisticRegression(solver="newton"),
            linear_model.LogisticRegression(solver="newton-cholesky"),
            IRIS,
            KINDS,
        ),
    ):
        found = cross_val_score(ours, rows, targets, cv=3)
        np.testing.assert_allclose(found, cross_val_score(theirs, rows, targets, cv=3), atol=1e-6)


def test_a_pipeline_of_our_steps_is_searched_through():
    grid = {"pca__n_components": [1, 2, 3], "bayes__var_smoothing": [1e-9]}
    search, theirs = (
        GridSearchCV(Pipeline([("pca", pca), ("bayes", bayes)]), grid, cv=2).fit(IRIS, KINDS)
        for pca, bayes in (
            (ml.PCA(), ml.GaussianNB()),
            (decomposition.PCA(), naive_bayes.GaussianNB()),
        )
    )
    scores = [one.cv_results_["mean_test_score"] for one in (search, theirs)]
    np.testing.assert_allclose(*scores)
    assert search.best_params_ == theirs.best_params_
    assert search.score(IRIS, KINDS) == theirs.score(IRIS, KINDS)
    assert search.classes_.tolist() == [0, 1, 2]
    assert "GaussianNB" in estimator_html_repr(search)


def test_our_steps_and_scikit_learns_go_together():
    model = make_pipeline(preprocessing.StandardScaler(), ml.LogisticRegression()).fit(IRIS, KINDS)
    theirs = make_pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression())
    np.testing.assert_array_equal(model.predict(IRIS), theirs.fit(IRIS, KINDS).predict(IRIS))
    reduced = make_pipeline(ml.PCA(2), linear_model.LogisticRegression()).fit(IRIS, KINDS)
    assert reduced.score(IRIS, KINDS) > 0.9
    texts = make_pipeline(ml.TfidfVectorizer(), ml.MultinomialNB())
    texts.fit(["good film", "good cast", "bad film", "bad cast"], [1, 1, 0, 0])
    assert texts.predict(["a good one", "a bad one"]).tolist() == [1, 0]


def test_clusters_are_searched_by_their_distances():
    search = GridSearchCV(ml.KMeans(), {"n_clusters": [1, 2, 3]}, cv=2).fit(IRIS)
    assert search.best_params_ == {"n_clusters": 3}
    model = ml.KMeans(2).fit(IRIS)
    assert model.score(IRIS) == pytest.approx(-model.inertia_)


def test_nobody_waits_for_scikit_learn_who_does_not_use_it():
    code = "import sys; from mapred.ml import KMeans; KMeans(2); print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
