"""libsvm's text and Parquet as rows of numbers: every row once, and what is wrong is said."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.sparse import csr_matrix
from sklearn.datasets import dump_svmlight_file

from mapred.errors import InputError
from tests.unit.mapred.formats.reading import records_by_split


@pytest.mark.parametrize("split_bytes", [40, 1 << 20])
def test_libsvm_rows_come_once_with_their_targets(tmp_path, split_bytes):
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(30, 6)) * (rng.random((30, 6)) < 0.4)
    targets = rng.integers(0, 3, 30)
    path = tmp_path / "rows.svm"
    dump_svmlight_file(csr_matrix(rows), targets, str(path), zero_based=False, comment="of a test")
    blocks = [
        block for split in records_by_split(path, "matrix", split_bytes) for _, block in split
    ]
    found = np.concatenate([block.widened(6).toarray() for block in blocks])
    np.testing.assert_allclose(found, rows, rtol=1e-15)
    np.testing.assert_array_equal(np.concatenate([block.targets for block in blocks]), targets)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("1 0:5", "columns count from 1"),
        ("1 3:5 2:1", "rise within a line"),
        ("1 a:5", "A line is a target, then column:number"),
        ("x 1:5", "A line is a target"),
    ],
)
def test_other_lines_are_refused(tmp_path, line, words):
    path = tmp_path / "rows.libsvm"
    path.write_text(f"1 1:1\n{line}\n")
    with pytest.raises(InputError, match=words):
        records_by_split(path, "matrix")


@pytest.mark.parametrize("split_bytes", [300, 1 << 20])
def test_parquet_rows_come_once(tmp_path, split_bytes):
    rows = np.arange(60.0).reshape(20, 3)
    path = tmp_path / "rows.parquet"
    table = pa.table({"a": rows[:, 0], "b": rows[:, 1].astype("i4"), "c": rows[:, 2]})
    pq.write_table(table, path, row_group_size=4)
    blocks = [
        block for split in records_by_split(path, "matrix", split_bytes) for _, block in split
    ]
    np.testing.assert_array_equal(np.concatenate(blocks), rows)


@pytest.mark.parametrize(
    ("column", "words"),
    [(["x", "y"], "column 'a' holds string"), ([1.5, None], "column 'a' has nulls")],
)
def test_parquet_columns_that_are_no_numbers_are_refused(tmp_path, column, words):
    pq.write_table(pa.table({"a": column}), tmp_path / "rows.parquet")
    with pytest.raises(InputError, match=words):
        records_by_split(tmp_path / "rows.parquet", "matrix")
