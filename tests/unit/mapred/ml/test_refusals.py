"""What users give by mistake: each is refused in words that name it, and none becomes a model."""

from datetime import date

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from mapred import ml
from mapred.errors import JobFailedError
from mapred.ml.rows import as_matrix, as_vector, told_apart
from tests.unit.mapred.ml.test_every_estimator import IRIS, KINDS, ON_ROWS, by_name

CLASSIFIERS = [case for case in ON_ROWS if case.model.targets == "classes"]
REGRESSORS = [case for case in ON_ROWS if case.model.targets == "numbers"]
# Sums of squares of these have no float, and there is no pass that could go on.
SQUARING = ("Lin", "Ridge", "LogisticRegression(s", "KM", "Mini", "GaussianN", "PCA", "Trun")
OF_SQUARES = [case for case in ON_ROWS if repr(case.model).startswith(SQUARING)]


@by_name(OF_SQUARES)
def test_rows_whose_sums_are_no_floats_are_refused(case):
    for kind in (np.asarray, csr_matrix):
        with np.errstate(all="ignore"), pytest.raises(ValueError, match="too large for floats"):
            case.fit(kind(IRIS * 1e200))


@by_name(CLASSIFIERS)
def test_numbers_with_fractions_are_no_classes(case, tmp_path):
    np.savetxt(tmp_path / "a.csv", np.column_stack([IRIS, KINDS + 0.5]), delimiter=",")
    for rows, targets in ((IRIS, KINDS + 0.5), (tmp_path / "a.csv", None)):
        with pytest.raises(ValueError, match=r"holds 0.5, and classes are whole numbers or words"):
            case.model.fit(rows, targets)


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        (["a", None], r"y\[1\] is None: drop that row"),
        (np.array([float("nan"), "a"], object), r"y\[0\] is nan"),
        (np.array([1, "a"], object), "no order among them, such as words and numbers"),
        ([1j, 2], "complex numbers"),
    ],
)
def test_values_that_are_no_classes_are_refused(targets, words):
    with pytest.raises(ValueError, match=words):
        told_apart(as_vector(targets, 2))


@by_name(REGRESSORS)
def test_times_and_words_are_no_numbers_to_predict(case):
    days = np.array(["2020-01-01"] * 150, "M8[D]")
    for targets in (days, ["a"] * 150, [date(2020, 1, 1)] * 150):
        with pytest.raises(ValueError, match=r"y holds .*, and numbers are needed"):
            case.model.fit(IRIS, targets)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.array([["2020-01-01"]], "M8[D]"), r"it has datetime64\[D\]"),
        (np.ma.masked_array([[1.0, 2.0]], [[True, False]]), "some of it is masked"),
    ],
)
def test_what_would_become_other_numbers_is_refused(values, words):
    with pytest.raises(ValueError, match=words):
        as_matrix(values)


def test_places_that_are_none_have_no_rows():
    model = ml.PCA(2).fit(IRIS)
    back = model.inverse_transform(model.transform(IRIS))
    assert np.abs(back - IRIS).max() < 1
    for places, words in (
        ("a.csv", "places is no table"),
        ([["a", "b"]], "places is no table"),
        ([[1.0]], "2 are expected"),
    ):
        with pytest.raises(ValueError, match=words):
            model.inverse_transform(places)


def test_a_term_is_a_text():
    for term in (["to"], None, 5):
        with pytest.raises(ValueError, match=r"term=.*: a text is needed"):
            ml.InvertedIndex().fit(["to be"]).postings(term)


@pytest.mark.parametrize("value", [10**400, np.complex128(1j), "1"])
def test_a_number_that_no_float_is_is_refused(value):
    with pytest.raises(ValueError, match=r"alpha=.*: a number of at least 0 is needed"):
        ml.Ridge(value).fit(IRIS, KINDS)
    assert ml.Ridge(10**30).fit(IRIS, KINDS).coef_.max() < 1e-20


@pytest.mark.parametrize(
    ("name", "bytes_", "words"),
    [
        ("a.csv", b"1,2,0\n3,4,1\n5,6\n", "a.csv"),
        ("a.npy", b"no array" * 9, "is no .npy file"),
        ("a.csr", b"no table" * 9, "is no .csr file"),
        ("a.svm", b"1 2:x\n", "a.svm"),
        ("a.parquet", b"no table" * 9, "a.parquet"),
    ],
)
def test_files_that_are_no_tables_are_refused_by_their_names(name, bytes_, words, tmp_path):
    (tmp_path / name).write_bytes(bytes_)
    with pytest.raises(JobFailedError, match=words):
        ml.GaussianNB().fit(tmp_path / name)
