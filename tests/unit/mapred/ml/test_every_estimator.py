"""What holds for every estimator: the kinds of input it takes, what it refuses, what it reports."""

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.datasets import dump_svmlight_file, load_iris

from mapred import ml
from mapred.errors import JobFailedError

IRIS, KINDS = load_iris(return_X_y=True)
RANDOM = np.random.default_rng(5)
# A graph of thirty vertices, and what twenty users say of fifteen items.
EDGES = np.argwhere(RANDOM.random((30, 30)) < 0.1).astype(float)
TASTES = np.where(RANDOM.random((20, 15)) < 0.4, RANDOM.integers(1, 6, (20, 15)), 0)
RATINGS = np.column_stack([np.argwhere(TASTES), TASTES[TASTES > 0]]).astype(float)
TEXTS = ["to be or not", "not to be", "or"]

pytestmark = pytest.mark.filterwarnings("ignore::mapred.ml.ConvergenceWarning")


@dataclass(frozen=True, eq=False)
class Case:
    """An estimator, what it learns from, and the names of what it has learned."""

    model: Any
    learned: str
    rows: Any = field(default_factory=lambda: IRIS)
    targets: Any = None
    # What its history has of each round, of which this says how near the end is.
    told: str = "rows"
    # The same as a sparse table.
    sparse: Any = None

    def fit(self, rows: Any = None, model: Any = None) -> Any:
        return (model or clone(self.model)).fit(self.rows if rows is None else rows, self.targets)

    def found(self, model: Any) -> Any:
        return (
            model.predict(IRIS[:9]) if self.learned == "predict" else getattr(model, self.learned)
        )


START = {
    "means_init": IRIS[[0, 120]],
    "weights_init": [0.5, 0.5],
    "precisions_init": np.tile(np.eye(4), (2, 1, 1)),
}
WHOLE = {"batch_size": None, "local_steps": 1, "max_iter": 4}
ON_ROWS = [
    Case(ml.MultinomialNB(), "feature_log_prob_", targets=KINDS, told="loss"),
    Case(ml.BernoulliNB(binarize=2.0), "feature_log_prob_", targets=KINDS, told="loss"),
    Case(ml.ComplementNB(), "feature_log_prob_", targets=KINDS, told="loss"),
    Case(ml.GaussianNB(), "theta_", targets=KINDS, told="loss"),
    Case(ml.LinearRegression(), "coef_", targets=KINDS, told="loss"),
    Case(ml.Ridge(0.5), "coef_", targets=KINDS, told="loss"),
    Case(ml.LocallyWeightedRegression(1.0), "predict", targets=KINDS, told="least weight"),
    Case(ml.LogisticRegression(max_iter=9), "coef_", targets=KINDS, told="loss"),
    Case(ml.LogisticRegression(solver="newton"), "coef_", targets=KINDS, told="slope"),
    Case(
        ml.LogisticRegression(solver="newton", l1_ratio=0.5), "coef_", targets=KINDS, told="slope"
    ),
    Case(ml.SGDClassifier(**WHOLE), "coef_", targets=KINDS, told="loss"),
    Case(ml.MLPClassifier((5,), **WHOLE), "weights_", targets=KINDS, told="loss"),
    Case(ml.KMeans(3, init=IRIS[::50]), "cluster_centers_", told="moved"),
    Case(ml.KMeans(3), "cluster_centers_", told="inertia"),
    Case(ml.MiniBatchKMeans(3, batch_size=40, max_iter=5), "cluster_centers_", told="moved"),
    Case(ml.GaussianMixture(2, max_iter=5, **START), "means_", told="lower bound"),
    Case(ml.PCA(2), "components_", told="variance"),
    Case(ml.TruncatedSVD(2), "components_", told="largest singular value"),
]
JOINED = csr_matrix((np.ones(len(EDGES)), EDGES.astype(int).T), (30, 30))
ON_TABLES = [
    Case(ml.PageRank(), "ranks_", EDGES, told="change", sparse=JOINED),
    Case(ml.ConnectedComponents(), "labels_", EDGES, told="changed", sparse=JOINED),
    Case(ml.ShortestPaths(int(EDGES[0, 0])), "lengths_", EDGES, told="reached", sparse=JOINED),
    Case(ml.TriangleCount(), "triangles_", EDGES, told="triangles", sparse=JOINED),
    Case(ml.ALS(2, max_iter=3), "item_factors_", RATINGS, told="loss", sparse=csr_matrix(TASTES)),
]
ON_TEXTS = [
    Case(ml.TfidfVectorizer(), "idf_", TEXTS, told="terms"),
    Case(ml.InvertedIndex(), "lengths_", TEXTS, told="documents"),
    Case(ml.BM25(), "idf_", TEXTS, told="documents"),
]


def by_name(cases: list[Case]) -> Any:
    return pytest.mark.parametrize("case", cases, ids=[repr(case.model)[:40] for case in cases])


def written(folder: Any, rows: Any, targets: Any) -> dict[str, Any]:
    """The same table in files of each kind; of libsvm text only where it has targets of its own."""
    table = rows if targets is None else np.column_stack([rows, targets])
    np.savetxt(folder / "a.csv", table, delimiter=",", fmt="%.17g")
    np.savetxt(folder / "a.tsv", table, delimiter="\t", fmt="%.17g")
    np.save(folder / "a.npy", np.ascontiguousarray(table))
    columns = {f"column {at}": column for at, column in enumerate(table.T)}
    pq.write_table(pa.table(columns), folder / "a.parquet")
    labels = np.zeros(len(rows)) if targets is None else targets
    dump_svmlight_file(rows, labels, str(folder / "a.svm"), zero_based=False)
    return {path.suffix: path for path in folder.iterdir()}


@by_name(ON_ROWS)
def test_rows_of_every_kind_teach_the_same(case, tmp_path):
    expected = case.found(case.fit())
    files = written(tmp_path, IRIS, case.targets)
    given = {"sparse": csr_matrix(IRIS), **files}
    for kind, rows in given.items():
        model = clone(case.model)
        model = case.fit(rows, model) if kind == "sparse" else model.fit(rows)
        exact = kind not in ("sparse", ".svm")
        limit = {"rtol": 0, "atol": 0} if exact else {"rtol": 1e-9, "atol": 1e-12}
        np.testing.assert_allclose(case.found(model), expected, err_msg=kind, **limit)
    assert len(given) == 6


@by_name(ON_TABLES)
def test_tables_of_every_kind_teach_the_same(case, tmp_path):
    expected = case.found(case.fit())
    files = written(tmp_path, case.rows, None)
    sparse = files.pop(".svm")
    for kind, rows in {"sparse": case.sparse, **files}.items():
        np.testing.assert_array_equal(case.found(case.fit(rows)), expected, err_msg=kind)
    with pytest.raises((ValueError, JobFailedError), match=r"in text, Parquet or \.npy"):
        case.fit(sparse)
    with pytest.raises(ValueError, match="sparse table without a number in it"):
        case.fit(csr_matrix((3, 3)))


@pytest.mark.parametrize("model", [ml.PageRank(), ml.TriangleCount()])
def test_a_sparse_table_that_is_no_graph_is_refused(model):
    with pytest.raises(ValueError, match=r"shape \(2, 3\): a row and a column for each vertex"):
        model.fit(csr_matrix(np.ones((2, 3))))


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
@by_name(ON_ROWS + ON_TABLES)
def test_what_is_no_number_is_refused_with_its_place(case, wrong, tmp_path):
    rows = case.rows.copy()
    rows[3, 1] = wrong
    for given in (rows, csr_matrix(rows)) if case in ON_ROWS else (rows,):
        with pytest.raises(ValueError, match=rf"X\[3, 1\] is {wrong}"):
            case.fit(given)
    table = rows if case.targets is None else np.column_stack([rows, case.targets])
    np.savetxt(tmp_path / "a.csv", table, delimiter=",")
    with pytest.raises((ValueError, JobFailedError), match=f"column 1 of row 3 after 0 is {wrong}"):
        clone(case.model).fit(tmp_path / "a.csv")


@by_name(ON_ROWS + ON_TABLES)
def test_what_is_no_table_of_rows_is_refused(case):
    for given, words in (
        (case.rows[:, 0], "1 dimensions"),
        (np.zeros((2, 2, 2)), "3 dimensions"),
        (np.zeros((0, 3)), "is empty"),
        ([["a", "b"]], "no table of numbers"),
    ):
        with pytest.raises(ValueError, match=words):
            case.fit(given)


@by_name([case for case in ON_ROWS if case.learned != "predict"])
def test_rows_with_other_columns_get_no_answer(case):
    model = case.fit()
    asked = [name for name in ("predict", "transform") if hasattr(model, name)]
    for name in asked:
        with pytest.raises(ValueError, match="7 columns here, and 4 are expected"):
            getattr(model, name)(np.ones((2, 7)))
    assert asked


@by_name(ON_ROWS + ON_TABLES + ON_TEXTS)
def test_each_round_is_reported(case):
    model = case.fit()
    if case.learned == "predict":
        case.found(model)
    rounds = model.history_
    assert case.told in rounds[-1]
    assert np.isfinite([value for entry in rounds for value in entry.values()]).all()
    assert len(model.round_seconds_) == len(rounds)
    assert isinstance(model.converged_, bool)


@by_name([case for case in ON_ROWS + ON_TABLES if "max_iter" in case.model.get_params()])
def test_who_stops_early_says_so(case):
    model = clone(case.model).set_params(max_iter=1)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        case.fit(model=model)
    words = f"{type(model).__name__} stopped without having converged: max_iter="
    # At the line that called fit.
    assert [(str(one.message)[: len(words)], one.filename) for one in told] == [(words, __file__)]
    assert not model.converged_


@by_name(ON_ROWS + ON_TABLES + ON_TEXTS)
def test_impossible_numbers_are_refused_by_their_names(case):
    """Whatever parameter it is: what is no number can't be one."""
    for name, value in case.model.get_params().items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        for wrong in (float("nan"), "much", []):
            with pytest.raises(ValueError, match=rf"{name}|vertex"):
                case.fit(model=clone(case.model).set_params(**{name: wrong}))
