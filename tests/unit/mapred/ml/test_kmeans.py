"""k-means against scikit-learn, with the same start, on its bundled data."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.cluster import KMeans as Oracle
from sklearn.datasets import load_iris, load_wine

from mapred.errors import JobFailedError, RefusedError
from mapred.ml import ConvergenceWarning, KMeans, session
from mapred.ml.lloyd import nearest

IRIS = load_iris().data
WINE = load_wine().data


def oracle(rows, start, **parameters) -> Oracle:
    model = Oracle(len(start), init=start, n_init=1, algorithm="lloyd", **parameters)
    return model.fit(rows)


def same(ours: KMeans, theirs: Oracle) -> None:
    np.testing.assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, rtol=0, atol=1e-10)
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.inertia_ == pytest.approx(theirs.inertia_, rel=1e-12)


@pytest.mark.parametrize(
    ("rows", "start", "parameters"),
    [
        (IRIS, IRIS[[0, 60, 120]], {"tol": 0, "max_iter": 50}),
        (IRIS, IRIS[[5, 6, 7, 8, 9]], {"tol": 0, "max_iter": 4}),
        (WINE / WINE.std(axis=0), (WINE / WINE.std(axis=0))[[0, 70, 150]], {"tol": 1e-3}),
    ],
    ids=["iris until nothing moves", "iris cut off", "wine with a tolerance"],
)
def test_centres_are_those_of_scikit_learn(rows, start, parameters):
    theirs = oracle(rows, start, **parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        ours = KMeans(len(start), init=start, **parameters).fit(rows)
    same(ours, theirs)
    np.testing.assert_array_equal(ours.labels_, theirs.labels_)
    np.testing.assert_array_equal(ours.predict(rows[:20]), theirs.predict(rows[:20]))
    np.testing.assert_allclose(ours.transform(rows), theirs.transform(rows), atol=1e-10)
    assert ours.converged_ == (theirs.n_iter_ < theirs.max_iter)
    # Lloyd's promise: the inertia never rises.
    inertias = [entry["inertia"] for entry in ours.history_]
    assert all(a >= b - 1e-9 for a, b in pairwise(inertias))


def test_files_are_read_where_they_are(tmp_path):
    halves = tmp_path / "halves"
    halves.mkdir()
    names = ",".join(load_iris().feature_names)
    np.savetxt(halves / "a.csv", IRIS[:75], delimiter=",", header=names, comments="", fmt="%.17g")
    np.save(halves / "b.npy", IRIS[75:])
    start = IRIS[[0, 60, 120]]
    ours = KMeans(3, init=start, tol=0).fit(halves)
    same(ours, oracle(IRIS, start, tol=0))
    assert not hasattr(ours, "labels_")
    np.testing.assert_array_equal(ours.fit_predict(halves), oracle(IRIS, start, tol=0).labels_)


def test_the_model_is_the_same_bit_for_bit_for_any_number_of_workers(tmp_path):
    # Rows enough for several splits.
    rows = np.random.default_rng(0).normal(size=(45_000, 7))
    np.save(tmp_path / "rows.npy", rows)
    found = []
    for workers in (1, 3):
        with session(workers=workers), pytest.warns(ConvergenceWarning, match="max_iter=3"):
            found.append(KMeans(3, random_state=7, max_iter=3).fit(tmp_path / "rows.npy"))
    a, b = (model.cluster_centers_.tobytes() for model in found)
    assert a == b


def test_a_start_depends_on_its_seed_alone():
    with pytest.warns(ConvergenceWarning, match="KMeans stopped without having converged"):
        a, b, c = (
            KMeans(3, random_state=seed, max_iter=1).fit(IRIS).cluster_centers_.tobytes()
            for seed in (7, 7, 8)
        )
    assert a == b != c


def test_sparse_rows_have_the_same_centres():
    rows = np.where(np.median(WINE, axis=0) < WINE, WINE, 0) / WINE.std(axis=0)
    start = rows[[0, 70, 150]]
    dense = KMeans(3, init=start, tol=0).fit(rows)
    sparse = KMeans(3, init=start, tol=0).fit(csr_matrix(rows))
    np.testing.assert_allclose(sparse.cluster_centers_, dense.cluster_centers_, atol=1e-12)
    np.testing.assert_array_equal(sparse.labels_, dense.labels_)
    assert sparse.inertia_ == pytest.approx(dense.inertia_)


def test_a_line_is_written_per_round_when_asked_for(capsys):
    model = KMeans(3, init=IRIS[[0, 60, 120]], tol=0, verbose=True).fit(IRIS)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == model.n_iter_
    assert lines[0].startswith("round 1  inertia ")


def test_a_start_of_rows_far_from_one_another_is_near_the_best(tmp_path):
    random = np.random.default_rng(6)
    # Twelve heaps, of which most random starts miss some.
    heaps = random.normal(size=(12, 3)) * 50
    rows = heaps[np.arange(1200) % 12] + random.normal(size=(1200, 3))
    best = oracle(rows, heaps).inertia_
    models = [KMeans(12, init="k-means||", random_state=seed).fit(rows) for seed in (1, 1, 2)]
    assert all(model.inertia_ <= 1.05 * best for model in models[:1])
    a, b, c = (model.cluster_centers_.tobytes() for model in models)
    assert a == b != c
    sparse = KMeans(12, init="k-means||", random_state=1).fit(csr_matrix(rows))
    assert sparse.inertia_ == pytest.approx(models[0].inertia_)


@pytest.mark.parametrize("seed", range(5))
def test_who_says_nothing_of_the_start_gets_the_heaps_that_everybody_sees(seed):
    heaps = np.array([[0.0, 0.0], [5.0, 5.0], [0.0, 5.0]])
    rows = heaps[np.arange(300) % 3] + np.random.default_rng(1).normal(0, 0.3, (300, 2))
    model = KMeans(3, random_state=seed).fit(rows)
    assert model.inertia_ == pytest.approx(oracle(rows, heaps).inertia_)


def test_too_few_rows_that_differ_are_told():
    with pytest.raises(ValueError, match=r"found only 2 centres .* take fewer"):
        KMeans(3, init="k-means||").fit([[0.0], [0.0], [1.0], [1.0]])


def test_a_centre_without_rows_stays_where_it_is():
    rows = np.array([[0.0], [1.0], [10.0], [11.0]])
    model = KMeans(3, init=[[0.0], [10.0], [99.0]]).fit(rows)
    assert model.cluster_centers_.tolist() == [[0.5], [10.5], [99.0]]


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"n_clusters": 0}, "n_clusters=0"),
        ({"n_clusters": 2.5}, "n_clusters=2.5"),
        ({"n_clusters": True}, "n_clusters=True"),
        ({"max_iter": 0}, "max_iter=0"),
        ({"tol": -1}, "tol=-1"),
        ({"tol": float("nan")}, "tol=nan"),
        ({"init": "k-means++"}, r"'random', 'k-means\|\|', or an array"),
        ({"init": IRIS[:2]}, "init has 2 rows, and n_clusters=3"),
        ({"init": IRIS[:3, :2]}, "init has 2 columns, and X has 4"),
        ({"n_clusters": 151}, "X has only 150 rows"),
    ],
)
def test_impossible_parameters_are_refused_before_anything_runs(parameters, words):
    with pytest.raises(ValueError, match=words):
        KMeans(**{"n_clusters": 3, **parameters}).fit(IRIS)


def test_a_file_with_holes_fails_with_the_place(tmp_path):
    path = tmp_path / "holes.csv"
    path.write_text("1,2\n3,nan\n5,6\n")
    with pytest.raises(JobFailedError, match=r"round 1 .* column 1 of row 1 after 0 is nan"):
        KMeans(2, init=[[0.0, 0.0], [1.0, 1.0]]).fit(path)
    with pytest.raises(RefusedError, match="does not exist"):
        KMeans(2).fit(tmp_path / "nothing.csv")


def test_impossible_places_to_run_are_refused():
    with pytest.raises(ValueError, match="workers=0"), session(workers=0):
        pass
    with pytest.raises(ValueError, match="Leave one of them out"), session(2, "localhost:1"):
        pass
    for cluster in ("", "nonsense", 5, "a:b", ":8021", "127.0.0.1:99999", "127.0.0.1:0"):
        words = "cluster=.*: the address of a JobTracker is needed"
        with pytest.raises(ValueError, match=words), session(cluster=cluster):
            pass


def test_what_was_not_fitted_can_not_predict():
    with pytest.raises(ValueError, match="call fit first"):
        KMeans(2).predict(IRIS)


def test_parameters_are_got_and_set():
    model = KMeans(3, tol=0.5)
    assert model.set_params(max_iter=7).get_params() == {
        "n_clusters": 3,
        "init": "k-means||",
        "max_iter": 7,
        "tol": 0.5,
        "random_state": 0,
        "dtype": "float64",
        "workers": None,
        "cluster": None,
        "verbose": False,
    }
    with pytest.raises(ValueError, match="no parameter 'n_init'"):
        model.set_params(n_init=3)


def test_the_nearest_centre_is_found_with_its_score():
    rng = np.random.default_rng(1)
    rows, centres = rng.normal(size=(50, 3)) * 1e3, rng.normal(size=(7, 3)) * 1e3
    labels, scores = nearest(rows, centres)
    table = ((rows[:, None] - centres[None]) ** 2).sum(axis=2)
    np.testing.assert_array_equal(labels, table.argmin(axis=1))
    np.testing.assert_allclose(scores + (rows**2).sum(axis=1), table.min(axis=1))


def test_all_loops_of_a_fit_decode_its_text_once(tmp_path):
    np.savetxt(tmp_path / "rows.csv", IRIS, delimiter=",", fmt="%.17g")
    with session(workers=1) as own, warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = KMeans(3, max_iter=4, tol=0).fit(tmp_path / "rows.csv")
        jobs = [own.engine.status(job.job_id)[0] for job in own.engine.jobs()]
    # The first look, the start's seven rounds, the centres', and that of the distances.
    assert len(jobs) == 1 + 7 + model.n_iter_ + 1
    decoded = sum(job.counters.get(("matrix", "splits_decoded"), 0) for job in jobs)
    kept = sum(job.counters.get(("matrix", "splits_kept_decoded"), 0) for job in jobs)
    assert (decoded, kept) == (1, len(jobs) - 1)
