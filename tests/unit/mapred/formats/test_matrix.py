"""Rows of numbers from text and .npy: every row exactly once, however the file is cut."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mapred.errors import InputError, JobDefinitionError
from mapred.formats import input_format
from mapred.formats.matrix import MatrixInput, MatrixReader
from mapred.formats.npy import NpyReader
from mapred.model import Split
from mapred.storage.local import LocalStorage

TABLES = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=12),
    elements=st.floats(allow_nan=False, allow_infinity=False),
)


def rows_of(path: Path, cuts: list[int]) -> npt.NDArray[np.float64]:
    """All rows, read split by split with blocks of a few bytes."""
    length = path.stat().st_size
    borders = [0, *sorted(cut % (length + 1) for cut in cuts), length]
    found = []
    for start, end in pairwise(borders):
        split = Split(f"file://{path}", start, end - start, format="matrix")
        kind = NpyReader if path.suffix == ".npy" else MatrixReader
        for _, values in kind(split, LocalStorage(), block_bytes=50).batches():
            found += values
    return np.concatenate(found) if found else np.empty((0, 0))


def read(path: Path, text: str) -> npt.NDArray[np.float64]:
    path.write_text(text)
    split = Split(f"file://{path}", 0, path.stat().st_size, format="matrix")
    found = [
        rows
        for _, values in MatrixInput().reader(split, LocalStorage()).batches()
        for rows in values
    ]
    return np.concatenate(found)


def test_blocks_are_rounded_where_that_is_asked_for(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("0.1,1e30\n")
    split = Split(f"file://{path}", 0, path.stat().st_size)

    def blocks(dtype):
        reader = input_format(f'matrix {{"dtype": "{dtype}"}}').reader(split, LocalStorage())
        return [block for _, values in reader.batches() for block in values]

    (narrow,), (wide,) = blocks("float32"), blocks("float64")
    assert (narrow.dtype, wide.dtype) == (np.float32, np.float64)
    np.testing.assert_array_equal(narrow, wide.astype(np.float32))
    with pytest.raises(JobDefinitionError, match="dtype is 'float64' or 'float32', not 'int8'"):
        blocks("int8")
    path.write_text("1,-1e39\n")
    with pytest.raises(
        InputError, match=r"table.csv holds -1e\+39, which is too large for float32"
    ):
        blocks("float32")


@given(
    table=TABLES, cuts=st.lists(st.integers(0)), separator=st.sampled_from([",", ";", "\t", "  "])
)
def test_text_rows_come_once_and_exactly(tmp_path_factory, table, cuts, separator):
    path = tmp_path_factory.getbasetemp() / "table.csv"
    path.write_text("".join(separator.join(map(repr, row)) + "\n" for row in table.tolist()))
    np.testing.assert_array_equal(rows_of(path, cuts), table)


@given(
    table=TABLES, cuts=st.lists(st.integers(0)), kind=st.sampled_from(["<f8", ">f4", "<i2", "?"])
)
@settings(max_examples=50)
def test_npy_rows_come_once_and_exactly(tmp_path_factory, table, cuts, kind):
    path = tmp_path_factory.getbasetemp() / "table.npy"
    with np.errstate(all="ignore"):
        saved = np.nan_to_num(table).clip(-1000, 1000).astype(kind)
    np.save(path, saved)
    np.testing.assert_array_equal(rows_of(path, cuts), saved.astype(np.float64))


def test_names_of_columns_remarks_and_blank_lines_are_passed_over(tmp_path):
    text = "# made by hand\n\nwidth, height\n1,2\r\n\n# done\n3,4"
    assert read(tmp_path / "t.csv", text).tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1,2\n3,x\n", "invalid value 'x'"),
        ("1,2\n3,\n", "invalid value ''"),
        ("1,2\n3\n", "Expected 2 columns, got 1"),
        ("1,2\n1,2,3\n", "Expected 2 columns, got 3"),
    ],
)
def test_what_is_no_table_of_numbers_is_named_with_its_place(tmp_path, text, words):
    with pytest.raises(InputError, match=words) as caught:
        read(tmp_path / "t.csv", text)
    assert f"file://{tmp_path}/t.csv, in the 2 lines from byte 0" in str(caught.value)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros(3), r"shape \(3,\)"),
        (np.zeros((3, 2), order="F"), "column by column"),
        (np.array([["a"]]), "real numbers are needed"),
    ],
)
def test_an_array_that_has_no_rows_of_numbers_is_refused(tmp_path, array, words):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(InputError, match=words):
        rows_of(tmp_path / "a.npy", [])


def test_a_pickle_is_not_opened(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[None]]), allow_pickle=True)
    with pytest.raises(InputError, match="real numbers are needed"):
        rows_of(tmp_path / "a.npy", [])


def test_a_file_cut_short_is_refused(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((9, 2)))
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(InputError, match="cut short: row 8 of 9"):
        rows_of(path, [])
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"no \.npy file"):
        rows_of(path, [])
