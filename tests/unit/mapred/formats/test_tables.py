"""Parquet and Arrow in, with pyarrow over the whole file as the oracle."""

import datetime

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from pyarrow import ipc

from mapred import Format
from mapred.errors import InputError
from mapred.formats import input_format
from tests.unit.mapred.formats.reading import STORAGE, records, records_by_split, splits_of, values

ROWS = 1000
TABLE = pa.table(
    {
        "id": range(ROWS),
        "name": [None if at % 7 == 0 else f"n{at % 13}" for at in range(ROWS)],
        "when": [datetime.date(2026, 1, 1 + at % 28) for at in range(ROWS)],
        "deep": [{"x": [at, at]} for at in range(ROWS)],
        "noise": np.random.default_rng(1).random(ROWS),
    }
)


@pytest.fixture(params=["parquet", "arrow", "stream"])
def file(request, tmp_path):
    path = tmp_path / "f"
    if request.param == "parquet":
        pq.write_table(TABLE, path, row_group_size=90)
    else:
        new = ipc.new_file if request.param == "arrow" else ipc.new_stream
        with new(path, TABLE.schema) as writer:
            writer.write_table(TABLE, max_chunksize=90)
    return path, request.param.replace("stream", "arrow")


@pytest.mark.parametrize("split_bytes", [1000, 9000, 1 << 30])
def test_rows_are_read_once_wherever_files_are_cut(file, split_bytes):
    path, name = file
    assert records(path, name, split_bytes) == list(enumerate(TABLE.to_pylist()))


def test_a_parquet_split_is_made_of_whole_row_groups(tmp_path):
    pq.write_table(TABLE, tmp_path / "f", row_group_size=90)
    found = [len(split) for split in records_by_split(tmp_path / "f", "parquet", 1)]
    assert found == [90] * 11 + [10]
    sizes = [split.length for split in splits_of(tmp_path / "f", "parquet", 20_000)]
    assert sum(sizes) == (tmp_path / "f").stat().st_size
    assert 1 < len(sizes) < 12


@pytest.mark.parametrize(
    ("filters", "expression"),
    [
        (
            [["id", ">=", 500], ["name", "==", "n3"]],
            (ds.field("id") >= 500) & (ds.field("name") == "n3"),
        ),
        ([["name", "in", ["n1", "n2"]]], ds.field("name").isin(["n1", "n2"])),
        ([["id", "<", 0]], ds.field("id") < 0),
        (
            [["name", "!=", "n5"], ["id", "not in", [1, 2]]],
            (ds.field("name") != "n5") & ~ds.field("id").isin([1, 2]),
        ),
    ],
)
def test_columns_are_chosen_and_rows_filtered(file, filters, expression):
    path, name = file
    form = Format(name, columns=["noise", "when"], filter=filters)
    expected = TABLE.filter(expression)
    found = records(path, form, 5000)
    assert [number for number, _ in found] == expected["id"].to_pylist()
    assert [row for _, row in found] == expected.select(["noise", "when"]).to_pylist()
    assert all(list(row) == ["noise", "when"] for _, row in found)


def test_row_groups_that_the_filter_excludes_are_not_read(tmp_path):
    pq.write_table(TABLE, tmp_path / "f", row_group_size=100)
    form = Format("parquet", filter=[["id", ">=", 850]])
    [split] = splits_of(tmp_path / "f", form, 1 << 30)
    reader = input_format(split.format).reader(split, STORAGE)
    assert sum(len(keys) for keys, _ in reader.batches()) == 150
    assert reader.counters() == {"row_groups_excluded": 8}
    assert reader.bytes_read < split.length / 2


def test_rows_can_be_tuples(file):
    path, name = file
    form = Format(name, columns=["name", "id"], rows="tuple")
    assert values(path, form)[:2] == [(None, 0), ("n1", 1)]


def test_what_is_not_there_or_no_such_file_is_named(file, tmp_path):
    path, name = file
    with pytest.raises(InputError, match=r"f has no column 'x'. It has: id, name"):
        records(path, Format(name, columns=["x"]))
    (tmp_path / "g").write_bytes(b"PAR1 or ARROW?")
    with pytest.raises(InputError, match=r"g (is no Parquet file|can't be read as an Arrow file)"):
        records(tmp_path / "g", name)


def test_a_file_with_parquets_marks_but_no_metadata_is_named(tmp_path):
    (tmp_path / "f").write_bytes(b"PAR1" + b"\0" * 50 + b"PAR1")
    with pytest.raises(InputError, match=r"f is no Parquet file that can be read"):
        values(tmp_path / "f", "parquet")


def test_a_filter_that_columns_cant_be_compared_with_is_named(file):
    path, name = file
    with pytest.raises(InputError, match=r"f has columns of other types than the filter .*'x'"):
        records(path, Format(name, filter=[["id", ">", "x"]]))


def test_two_columns_of_one_name_are_an_error(tmp_path):
    twice = pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])
    pq.write_table(twice, tmp_path / "parquet")
    with ipc.new_file(tmp_path / "arrow", twice.schema) as writer:
        writer.write_table(twice)
    for name in ("parquet", "arrow"):
        with pytest.raises(InputError, match="has several columns of the name 'a'"):
            records(tmp_path / name, name)


def test_a_stream_that_is_cut_and_strings_that_are_none_are_named(tmp_path):
    with ipc.new_stream(tmp_path / "f", TABLE.schema) as writer:
        writer.write_table(TABLE, max_chunksize=90)
    whole = (tmp_path / "f").read_bytes()
    (tmp_path / "f").write_bytes(whole[:-3000])
    with pytest.raises(InputError, match="f can't be read as an Arrow file or stream past byte"):
        records(tmp_path / "f", "arrow")
    (tmp_path / "f").write_bytes(whole.replace(b"n1", b"\xff\xfe"))
    with pytest.raises(InputError, match=r"bytes that are no string's among the \d+ rows"):
        records(tmp_path / "f", "arrow")
