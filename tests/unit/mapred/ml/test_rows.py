import numpy as np
import pytest
from scipy.sparse import csr_matrix

from mapred.errors import InputError
from mapred.formats.csr import csr_of
from mapred.ml.rows import as_block, as_matrix, as_vector, blocks_of, check_rows, paths_of
from mapred.ml.sessions import stored


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1, 2, 3], r"1 dimensions.*reshape\(-1, 1\)"),
        (np.zeros((2, 2, 2)), "3 dimensions"),
        ([], "is empty"),
        (np.zeros((0, 3)), "is empty"),
        ([1, 2], "1 dimensions"),
        ([[1, "a"]], "no table of numbers"),
        ([[1, 2], [3]], "no table of numbers"),
        ([[1.0, float("nan")]], r"X\[0, 1\] is nan"),
        ([[1.0], [float("inf")]], r"X\[1, 0\] is inf"),
        ([[1j]], "no table of numbers"),
    ],
)
def test_what_is_no_table_of_finite_numbers_is_refused(values, words):
    with pytest.raises(ValueError, match=words):
        as_matrix(values)


def test_numbers_of_any_kind_become_float64_rows():
    for values in (
        [[1, 2], [3, 4]],
        np.array([[1, 2], [3, 4]], "i2").T.copy("F").T,
        [["1", "2"], ["3", "4"]],
    ):
        found = as_matrix(values)
        assert (found.dtype, found.flags.c_contiguous) == (np.float64, True)
        assert found.tolist() == [[1, 2], [3, 4]]


def test_paths_are_told_from_rows(tmp_path):
    assert paths_of("a.csv") == ["a.csv"]
    assert paths_of([tmp_path / "a.csv", "b.csv"]) == [str(tmp_path / "a.csv"), "b.csv"]
    assert paths_of([[1, 2]]) is None
    assert paths_of(np.zeros((1, 1))) is None


def test_stored_rows_are_read_back(tmp_path):
    rows = np.arange(12.0).reshape(6, 2)
    path = stored(rows, tmp_path.as_uri(), "rows")
    np.testing.assert_array_equal(np.concatenate(list(blocks_of([path]))), rows)
    with pytest.raises(InputError, match="does not exist"):
        list(blocks_of([str(tmp_path / "nothing.csv")]))


def test_sparse_rows_are_stored_in_files_that_need_no_cut(tmp_path, monkeypatch):
    rng = np.random.default_rng(2)
    dense = rng.normal(size=(40, 5)) * (rng.random((40, 5)) < 0.3)
    monkeypatch.setattr("mapred.ml.sessions.CSR_FILE_BYTES", 300)
    block = csr_of(csr_matrix(dense), rng.random(40))
    path = stored(block, tmp_path.as_uri(), "rows")
    assert len(list((tmp_path / "rows").iterdir())) > 3
    found = list(blocks_of([path]))
    np.testing.assert_array_equal(np.concatenate([one.toarray() for one in found]), dense)
    np.testing.assert_array_equal(np.concatenate([one.targets for one in found]), block.targets)


def test_sparse_blocks_reckon_as_dense_ones():
    rng = np.random.default_rng(4)
    dense = rng.normal(size=(9, 4)) * (rng.random((9, 4)) < 0.4)
    block, weights, right = (
        csr_of(csr_matrix(dense)),
        rng.normal(size=(4, 3)),
        rng.normal(size=(9, 2)),
    )
    np.testing.assert_allclose(block @ weights, dense @ weights)
    np.testing.assert_allclose(block @ weights[:, 0], dense @ weights[:, 0])
    np.testing.assert_allclose(block.T @ right, dense.T @ right)
    np.testing.assert_array_equal(block[2:7].toarray(), dense[2:7])
    chosen = np.array([8, 0, 0, 5])
    np.testing.assert_array_equal(block[chosen].toarray(), dense[chosen])
    np.testing.assert_array_equal(type(block).joined([block, block[1:3]]).toarray()[9:], dense[1:3])


def test_what_is_wrong_with_sparse_rows_and_targets_is_said():
    bad = csr_matrix(np.array([[0.0, 1.0], [np.nan, 0.0]]))
    with pytest.raises(ValueError, match=r"X\[1, 0\] is nan"):
        as_block(bad)
    for values, words in (
        ([[1], [2]], "2 dimensions"),
        ([1], "y has 1 values, and X has 2 rows"),
        ([1.0, np.inf], r"y\[1\] is inf"),
    ):
        with pytest.raises(ValueError, match=words):
            as_vector(values, 2)


def test_bad_rows_are_told_with_their_place():
    with pytest.raises(ValueError, match="rows have 2 columns here, and 3 are expected"):
        check_rows(np.zeros((1, 2)), 0, columns=3)
    with pytest.raises(ValueError, match="column 1 of row 2 after 40 is nan"):
        check_rows(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, np.nan]]), 40)
