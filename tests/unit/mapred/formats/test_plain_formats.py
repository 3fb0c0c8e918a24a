"""Key-value text, n lines, whole files, fixed records, .npy."""

import bz2
import gzip
import lzma

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mapred import Format
from mapred.errors import InputError
from tests.unit.mapred.formats.reading import records, records_by_split, splits_of, values

anywhere = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def test_a_line_of_key_value_text_is_cut_at_the_first_separator(tmp_path):
    (tmp_path / "f").write_text("a\tb\tc\nalone\n\tv\r\n")
    assert records(tmp_path / "f", "keyvalue") == [("a", "b\tc"), ("alone", ""), ("", "v")]
    (tmp_path / "f").write_text("a => b => c\n")
    assert records(tmp_path / "f", Format("keyvalue", separator=" => ")) == [("a", "b => c")]


@anywhere
@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=5), max_size=12
    ),
    st.integers(1, 4),
    st.booleans(),
)
def test_n_lines_a_split(tmp_path, lines, number, ended):
    text = "\n".join(lines) + ("\n" if ended else "")
    (tmp_path / "f").write_text(text, "utf-8", newline="")
    expected = text.encode().decode().split("\n")
    if expected[-1] == "":
        expected.pop()
    found = records_by_split(tmp_path / "f", Format("nline", lines=number)) if text else []
    assert [[value for _, value in split] for split in found] == [
        [line.removeprefix("\ufeff") if at + row == 0 else line for row, line in enumerate(part)]
        for at in range(0, len(expected), number)
        if (part := expected[at : at + number])
    ]


@pytest.mark.parametrize(
    ("suffix", "compress"),
    [
        ("", bytes),
        (".gz", gzip.compress),
        (".bz2", bz2.compress),
        (".xz", lzma.compress),
        (".zst", lambda data: pa.Codec("zstd").compress(data, asbytes=True)),
        (".lz4", lambda data: pa.Codec("lz4").compress(data, asbytes=True)),
    ],
)
def test_a_whole_file_is_one_record_unpacked_if_need_be(tmp_path, suffix, compress):
    data = bytes(range(256)) * 1000
    path = tmp_path / f"f{suffix}"
    path.write_bytes(compress(data))
    assert records(path, "whole", 100) == [(f"file://{path}", data)]
    assert records(path, Format("fixed", record_bytes=256), 100) == [
        (at * 256, bytes(range(256))) for at in range(1000)
    ]


def test_a_whole_file_can_be_text(tmp_path):
    (tmp_path / "f").write_bytes("é\r\n".encode("latin-1"))
    assert values(tmp_path / "f", Format("whole", encoding="latin-1")) == ["é\r\n"]


@anywhere
@given(st.binary(max_size=60), st.integers(1, 7), st.integers(1, 20))
def test_fixed_records_are_read_once_wherever_files_are_cut(tmp_path, data, record, split_bytes):
    data = data[: len(data) - len(data) % record]
    (tmp_path / "f").write_bytes(data)
    expected = [(at, data[at : at + record]) for at in range(0, len(data), record)]
    assert records(tmp_path / "f", Format("fixed", record_bytes=record), split_bytes) == expected
    keyed = Format("fixed", record_bytes=record, key_bytes=1)
    assert records(tmp_path / "f", keyed, split_bytes) == [
        (one[:1], one[1:]) for _, one in expected
    ]


def test_a_fixed_record_that_is_cut_off_is_named(tmp_path):
    (tmp_path / "f").write_bytes(b"0123456789")
    with pytest.raises(InputError, match=r"f at byte 8 is cut off: .* 4 bytes, and 2 are left"):
        records(tmp_path / "f", Format("fixed", record_bytes=4), 5)


@pytest.mark.parametrize("split_bytes", [1 << 20, 77, 16])
@pytest.mark.parametrize(
    "array",
    [np.arange(50), np.arange(60, dtype="f4").reshape(20, 3), np.arange(24).reshape(4, 3, 2)],
)
def test_rows_of_npy_files_are_those_of_the_array(tmp_path, array, split_bytes):
    np.save(tmp_path / "f.npy", array)
    found = records(tmp_path / "f.npy", "npy", split_bytes)
    assert [number for number, _ in found] == list(range(len(array)))
    rows = [row for _, row in found]
    np.testing.assert_array_equal(np.array(rows), array)
    if array.ndim > 1:
        assert {row.dtype for row in rows} == {array.dtype}


@pytest.mark.parametrize("split_bytes", [1 << 20, 64])
@pytest.mark.parametrize("missing", [1, 8, 100])
def test_an_npy_file_that_lacks_its_last_rows_is_refused(tmp_path, split_bytes, missing):
    path = tmp_path / "f.npy"
    np.save(path, np.arange(50))
    path.write_bytes(path.read_bytes()[:-missing])
    row = 50 - -(-missing // 8)
    with pytest.raises(InputError, match=f"f.npy is cut short: row {row} of 50 isn't there"):
        records(path, "npy", split_bytes)


def test_pickled_objects_in_npy_files_are_refused(tmp_path):
    np.save(tmp_path / "f.npy", np.array([{}, None], dtype=object))
    with pytest.raises(InputError, match="could run code"):
        records(tmp_path / "f.npy", "npy")


def test_csv_is_cut_anywhere_unless_fields_go_over_lines(tmp_path):
    (tmp_path / "f").write_bytes(b"x" * 100)
    assert [split.length for split in splits_of(tmp_path / "f", "csv", 40)] == [33, 33, 34]
    assert len(splits_of(tmp_path / "f", Format("csv", multiline=True), 40)) == 1
