"""What one job writes, other programs and another job read."""

import bz2
import csv
import gzip
import io
import json
import lzma

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import ipc

from mapred import Format
from mapred.errors import JobDefinitionError
from mapred.formats import check_output, output_format
from mapred.task.failure import RecordError
from tests.unit.mapred.formats.reading import records, values
from tests.unit.mapred.formats.writing import written

often = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=6)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
NESTED = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
)
ROWS = st.lists(
    st.tuples(st.integers(-(2**63), 2**63 - 1), st.none() | st.floats(allow_nan=False), TEXTS),
    max_size=30,
)


def chunks(pairs, size=7):
    return [pairs[at : at + size] for at in range(0, len(pairs), size)]


@often
@given(st.lists(NESTED, max_size=20))
def test_json_lines_come_back(tmp_path, items):
    data, _ = written(Format("jsonl", keys=False), *chunks([(None, item) for item in items]))
    assert [json.loads(line) for line in data.decode().split("\n")[:-1]] == items
    (tmp_path / "f").write_bytes(data)
    assert values(tmp_path / "f", "jsonl", 9) == items


@often
@given(ROWS, st.sampled_from([",", ";", "\t"]))
def test_csv_comes_back(tmp_path, rows, delimiter):
    form = {"columns": ["i", "f", "s"], "delimiter": delimiter}
    data, suffix = written(Format("csv", **form), *chunks([(row[0], row[1:]) for row in rows]))
    text = data.decode()
    read = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    strings = [[str(i), "" if f is None else repr(f), s] for i, f, s in rows]
    assert (read, suffix) == ([["i", "f", "s"], *strings], ".csv")
    (tmp_path / "f").write_bytes(data)
    types = {"i": "int", "f": "float"}
    again = Format("csv", types=types, delimiter=delimiter, multiline=True)
    assert values(tmp_path / "f", again) == [{"i": i, "f": f, "s": s} for i, f, s in rows]


@often
@given(ROWS, st.sampled_from(["parquet", "arrow", "stream"]), st.integers(1, 10))
def test_tables_come_back(tmp_path, rows, kind, group_rows):
    options = {
        "columns": ["i", "f", "s"],
        "types": {"i": "int64", "f": "float64", "s": "string"},
        "group_rows": group_rows,
    }
    name = "parquet" if kind == "parquet" else "arrow"
    more = {"stream": True} if kind == "stream" else {}
    data, _ = written(Format(name, **options, **more), *chunks([(row[:2], row[2]) for row in rows]))
    opened = {"parquet": pq.read_table, "arrow": ipc.open_file, "stream": ipc.open_stream}[kind](
        pa.BufferReader(data)
    )
    table = opened if kind == "parquet" else opened.read_all()
    expected = [dict(zip("ifs", row, strict=True)) for row in rows]
    assert table.to_pylist() == expected
    (tmp_path / "f").write_bytes(data)
    assert records(tmp_path / "f", name, 300) == list(enumerate(expected))


def test_types_are_found_in_the_first_rows_and_then_kept():
    pairs = [({"a": 1}, None)] * 10 + [({"a": 2.5}, None)]
    data, _ = written("parquet", *chunks([(key["a"], [1, None]) for key, _ in pairs]))
    table = pq.read_table(pa.BufferReader(data))
    assert table.schema.names == ["key", "value"]
    assert (table["key"].type, table["value"].type) == (pa.float64(), pa.list_(pa.int64()))
    with pytest.raises(RecordError, match="column 'key' of type int64 can't take a value"):
        written("parquet", [(1, 1)] * 9000, [("x", 1)])


def test_an_empty_table_has_a_file_only_if_its_types_are_known():
    told = Format("parquet", columns=["a"], types={"a": "int64"})
    data, _ = written(told)
    assert pq.read_table(pa.BufferReader(data)).schema == pa.schema([("a", pa.int64())])
    assert not output_format(check_output(told)).lazy
    assert output_format("parquet").lazy
    assert not output_format("csv").lazy


def test_row_groups_have_the_rows_that_were_asked_for():
    data, _ = written(Format("parquet", group_rows=100), *chunks([(1, 2)] * 9000, 1000))
    metadata = pq.ParquetFile(pa.BufferReader(data)).metadata
    assert {metadata.row_group(at).num_rows for at in range(metadata.num_row_groups)} == {100}


@pytest.mark.parametrize(
    ("pair", "names"),
    [
        (("k", "v"), ["key", "value"]),
        ((None, {"a": 1, "b": 2}), ["a", "b"]),
        ((("k", 1), {"a": 1}), ["key_0", "key_1", "a"]),
        (("k", (1, 2)), ["key", "value_0", "value_1"]),
    ],
)
def test_fields_have_names(pair, names):
    data, _ = written("csv", [pair])
    assert data.decode().splitlines()[0].split(",") == names


@pytest.mark.parametrize("other", [(1, (2, 3)), ((1,), (2,)), (1, 2), (1, {"a": 2})])
def test_pairs_of_several_shapes_are_refused(other):
    with pytest.raises(RecordError, match="has other fields than the first pair"):
        written("csv", [(1, (2,)), other])


def test_fields_that_do_not_fit_their_names_are_refused():
    with pytest.raises(RecordError, match="has 2 fields, and 1 columns were told: a"):
        written(Format("csv", columns=["a"]), [(1, 2)])
    with pytest.raises(RecordError, match="two fields of one name"):
        written("csv", [(1, {"key": 1})])
    with pytest.raises(RecordError, match="can't write a field"):
        written(Format("csv", quote=""), [(1, "a,b")])
    with pytest.raises(RecordError, match=r"\('k', <object.* can't be written as JSON"):
        written("jsonl", [("k", object())])


@pytest.mark.parametrize(
    ("codec", "suffix", "unpack"),
    [
        ("gzip", ".gz", gzip.decompress),
        ("bz2", ".bz2", bz2.decompress),
        ("xz", ".xz", lzma.decompress),
        ("zstd", ".zst", lambda data: pa.input_stream(pa.BufferReader(data), "zstd").read()),
        ("lz4", ".lz4", lambda data: pa.input_stream(pa.BufferReader(data), "lz4").read()),
    ],
)
@pytest.mark.parametrize("name", ["text", "jsonl", "csv", "fixed"])
def test_parts_can_be_compressed_and_come_back(tmp_path, name, codec, suffix, unpack):
    options = {"record_bytes": 8} if name == "fixed" else {}
    pairs = [(b"k%03d" % at, b"v%03d" % at) for at in range(500)]
    if name != "fixed":
        pairs = [(key.decode(), value.decode()) for key, value in pairs]
    plain, ending = written(Format(name, **options), pairs)
    packed, packed_ending = written(Format(name, compression=codec, **options), *chunks(pairs))
    assert packed_ending == ending + suffix
    assert unpack(packed) == plain
    again, _ = written(Format(name, compression=codec, **options), *chunks(pairs))
    assert again == packed
    (tmp_path / f"f{packed_ending}").write_bytes(packed)
    (tmp_path / "f").write_bytes(plain)
    form = Format(name, **options)
    assert records(tmp_path / f"f{packed_ending}", form) == records(tmp_path / "f", form)


def test_fixed_records_must_have_their_length_and_be_bytes():
    form = Format("fixed", record_bytes=4)
    assert written(form, [(b"ab", b"cd"), (None, b"1234")])[0] == b"abcd1234"
    with pytest.raises(RecordError, match="must have 4 bytes, and this one has 3"):
        written(form, [(b"ab", b"c")])
    with pytest.raises(RecordError, match=r"takes bytes, not \(str, bytes\)"):
        written(form, [("ab", b"cd")])


def test_text_can_be_values_alone_or_have_another_separator():
    assert written(Format("text", keys=False), [(1, "a")])[0] == b"a\n"
    assert written(Format("text", separator="="), [(1, "a")])[0] == b"1=a\n"


def test_output_options_are_checked():
    for word in (
        Format("text", compression="rar"),
        Format("parquet", compression="rar"),
        Format("parquet", columns=["a"], types={"b": "int64"}),
        Format("arrow", types={"a": "integer"}),
        Format("parquet", group_rows=0),
        Format("csv", delimiter=""),
    ):
        with pytest.raises(JobDefinitionError):
            check_output(word)
