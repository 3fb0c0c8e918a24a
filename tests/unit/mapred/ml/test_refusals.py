"""What users give by mistake: each is refused in words that name it, and none becomes a model."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from mapred import ml
from mapred.errors import JobFailedError
from mapred.formats.csr import Csr
from mapred.ml.rows import as_block, as_matrix, as_numbers, as_vector, told_apart
from tests.unit.mapred.ml.test_every_estimator import IRIS, KINDS, ON_ROWS, by_name

CLASSIFIERS = [case for case in ON_ROWS if case.model.targets == "classes"]
REGRESSORS = [case for case in ON_ROWS if case.model.targets == "numbers"]
# Sums of squares of these have no float, and there is no pass that could go on.
SQUARING = ("Lin", "Ridge", "LogisticRegression(s", "KM", "Mini", "GaussianN", "PCA", "Trun")
OF_SQUARES = [case for case in ON_ROWS if repr(case.model).startswith(SQUARING)]
# An array in a cell, which is a number for Python and none for NumPy.
NESTED = np.ones((1, 2), object)
NESTED[0, 1] = np.ones(1)


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
        (np.ma.masked_array([1, 2], [False, True]), "some of y is masked"),
        (np.array(["2026-01-01", "NaT"], "M8[D]"), r"y\[1\] is NaT: drop that row"),
        (pd.Series([1, pd.NA], dtype=object), r"y\[1\] is <NA>: drop that row"),
        (pd.Series(["a", pd.NA], dtype="string"), r"y\[1\] is <NA>: drop that row|y\[1\] is nan"),
        (pd.Series([False, pd.NA], dtype="boolean"), r"y\[1\] is <NA>: drop that row"),
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


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (pd.DataFrame({"a": [1, 2], "b": [3, pd.NA]}), r"X\[1, 1\] is <NA>: fill or drop it"),
        (pd.DataFrame({"a": [1, 2], "b": [3, None]}, dtype="Int64"), r"X\[1, 1\] is (<NA>|nan):"),
        (pd.DataFrame({"a": [1, 2], "b": ["3", "x"]}), r"no table of numbers: X\[1, 1\] is 'x'"),
        (pd.DataFrame({"a": [1], "b": [date(2026, 1, 1)]}), r"X\[0, 1\] is datetime.date"),
        (NESTED, r"no table of numbers: (X\[0, 1\] is array|setting an array)"),
        ([[1, 10**400]], r"no table of numbers: X\[0, 1\] is 1000"),
        ([["1", "b"]], r"no table of numbers: X\[0, 1\] is 'b'"),
        ({"a": 1}, r"no table of numbers: it is \{'a': 1\}"),
        ([], r"X is empty: its shape is \(0,\)"),
    ],
)
def test_the_place_of_what_is_no_number_is_named(values, words):
    with pytest.raises(ValueError, match=words):
        as_matrix(values)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1, "x"], r"y holds <U21, and numbers are needed: y\[1\] is 'x'"),
        (np.array([1, "x"], object), r"numbers are needed: y\[1\] is 'x'"),
        ([1, 10**400], r"numbers are needed: y\[1\] is 1000"),
    ],
)
def test_the_place_of_a_target_that_is_no_number_is_named(values, words):
    with pytest.raises(ValueError, match=words):
        as_numbers(values, 2)


def sparse(data=(1.0, 2.0), indices=(0, 1), indptr=(0, 1, 2)) -> tuple[Csr, csr_matrix]:
    """The same in our words and in SciPy's, which looks at it no more."""
    ours = Csr(np.array(data), np.array(indices), np.array(indptr), 2)
    theirs = csr_matrix((2, 2))
    theirs.data, theirs.indices, theirs.indptr = ours.data, ours.indices, ours.indptr
    return ours, theirs


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"indices": (0, 2)}, "an index lies outside of its 2 columns"),
        ({"indices": (0, -1)}, "an index lies outside of its 2 columns"),
        ({"indices": (0.0, 1.0)}, "its indices are float64"),
        ({"indptr": (0, 1, 3)}, "don't fit together"),
        ({"indptr": (0, 3, 2)}, "its indptr doesn't go up from 0"),
        ({"indptr": (1, 1, 2)}, "its indptr doesn't go up from 0"),
        ({"data": ("1", "2")}, "its data are <U1"),
        ({"data": (1j, 2)}, "its data are complex128"),
        ({"data": (1, np.nan)}, r"X\[1, 1\] is nan"),
    ],
)
def test_sparse_rows_whose_parts_are_wrong_are_refused(parts, words):
    for table in sparse(**parts):
        with pytest.raises(ValueError, match=words):
            as_block(table)
    assert [as_block(table).toarray().tolist() for table in sparse()] == 2 * [[[1, 0], [0, 2]]]


def test_numbers_of_the_same_place_are_added_up():
    parts = {"data": (1, 2, 4, 8, 16), "indices": (1, 0, 1, 1, 1), "indptr": (0, 3, 5)}
    for table in sparse(**parts):
        block = as_block(table)
        assert block.data.tolist() == [2, 5, 24]
        assert block.toarray().tolist() == [[2, 5], [0, 24]]
    # Those that come in another order, once each, are left as they are.
    for table in sparse((1, 2, 4), (1, 0, 0), (0, 2, 3)):
        assert as_block(table).data.tolist() == [1, 2, 4]
    halves = csr_matrix(IRIS)
    halves.data, halves.indices = np.repeat(halves.data / 2, 2), np.repeat(halves.indices, 2)
    halves.indptr = halves.indptr * 2
    ours, whole = (ml.BernoulliNB(binarize=2.0).fit(rows, KINDS) for rows in (halves, IRIS))
    assert np.array_equal(ours.feature_count_, whole.feature_count_)


@pytest.mark.parametrize("model", [ml.MultinomialNB(), ml.ComplementNB()])
def test_a_count_below_0_is_refused_with_its_place(model):
    rows = np.ones((4, 3))
    rows[2, 1] = -5.5
    for given in (rows, csr_matrix(rows)):
        with pytest.raises(ValueError, match=r"X\[2, 1\] is -5.5: counts can't be below 0"):
            model.fit(given, [0, 1, 0, 1])


def test_a_column_that_is_constant_within_a_class_is_named():
    rows = np.column_stack([IRIS[:, 0], np.zeros(150), IRIS[:, 1]])
    with pytest.raises(ValueError, match="column 1 is constant within the class 0"):
        ml.GaussianNB(var_smoothing=0).fit(rows, KINDS)


@pytest.mark.parametrize("model", [ml.TfidfVectorizer(), ml.InvertedIndex(), ml.BM25()])
def test_names_of_columns_are_no_texts(model):
    for given in (
        pd.DataFrame({"some": ["text"]}),
        {"some": "text"},
        {"text"},
        np.array([["a b"]]),
    ):
        with pytest.raises(ValueError, match=r"a \w+, and a list of texts is needed"):
            model.fit(given)


@pytest.mark.parametrize("sizes", [np.array(2), b"x", "5", {3}, np.ones((2, 2), int)])
def test_what_is_no_row_of_widths_is_refused(sizes):
    with pytest.raises(ValueError, match=r"(?s)hidden_layer_sizes=.*: the widths of the layers"):
        ml.MLPClassifier(sizes).fit(IRIS, KINDS)


@pytest.mark.parametrize("pattern", [b"x", 5, None])
def test_a_pattern_is_a_text(pattern):
    with pytest.raises(ValueError, match=r"token_pattern=.*: a pattern of text is needed"):
        ml.TfidfVectorizer(token_pattern=pattern).fit(["to be"])


def test_a_file_of_which_an_array_has_the_targets_is_refused_in_few_words():
    with pytest.raises(ValueError, match=r"y=array.*: for files it is the number") as told:
        ml.GaussianNB().fit("rows.csv", np.zeros(10_000))
    assert len(str(told.value)) < 200


@pytest.mark.filterwarnings("ignore::mapred.ml.ConvergenceWarning")
def test_true_is_no_user():
    model = ml.ALS(1, max_iter=1).fit([[1, 1, 5.0], [0, 1, 3.0]])
    assert model.recommend(1)
    with pytest.raises(ValueError, match="no rating is by the user True"):
        model.recommend(True)


def test_what_is_false_is_not_missing():
    classes, places = told_apart(as_vector(np.array([True, False], object), 2))
    assert (classes.tolist(), places.tolist()) == ([False, True], [1.0, 0.0])
    assert as_numbers(np.array([0, False, 1.5], object), 3).tolist() == [0.0, 0.0, 1.5]


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
        ("a.svm", b"1 2:1\n1 2:x\n", "a.svm, line 2 of the 2 from byte 0: .*'1 2:x'"),
        ("a.svm", b"1 2:1 2:1\n", "a.svm, line 1 .*: columns count from 1 .* and rise"),
        ("a.svm", b"1 99999999999999999999:1\n", "a.svm, line 1 .*: columns count from 1 to 9"),
        ("b.csv", b"1,2,0\n3,x,1\n", "b.csv, .*column #1: Row #2: invalid value 'x'"),
        ("a.parquet", b"no table" * 9, "a.parquet"),
    ],
)
def test_files_that_are_no_tables_are_refused_by_their_names(name, bytes_, words, tmp_path):
    (tmp_path / name).write_bytes(bytes_)
    with pytest.raises(JobFailedError, match=words):
        ml.GaussianNB().fit(tmp_path / name)
