import numpy as np
import pytest

from mapred.errors import InputError
from mapred.ml.rows import as_matrix, blocks_of, check_rows, paths_of, saved


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1, 2, 3], r"1 dimensions.*reshape\(-1, 1\)"),
        (np.zeros((2, 2, 2)), "3 dimensions"),
        ([], "1 dimensions"),
        (np.zeros((0, 3)), "is empty"),
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


def test_a_saved_array_is_read_back(tmp_path):
    rows = np.arange(12.0).reshape(6, 2)
    path = saved(rows, tmp_path / "rows.npy")
    np.testing.assert_array_equal(np.concatenate(list(blocks_of([path]))), rows)
    with pytest.raises(InputError, match="does not exist"):
        list(blocks_of([str(tmp_path / "nothing.csv")]))


def test_bad_rows_are_told_with_their_place():
    with pytest.raises(ValueError, match="rows have 2 columns here, and 3 are expected"):
        check_rows(np.zeros((1, 2)), 0, columns=3)
    with pytest.raises(ValueError, match="column 1 of row 2 after 40 is nan"):
        check_rows(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, np.nan]]), 40)
