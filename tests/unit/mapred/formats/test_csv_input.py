"""CSV in, with Python's csv module over the whole file as the oracle."""

import csv
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mapred import Format
from mapred.errors import InputError
from mapred.formats import input_format
from mapred.model import Split
from tests.unit.mapred.formats.reading import STORAGE, records, splits_of, values

anywhere = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
FIELDS = st.text(st.sampled_from('ab",; \té\n\r'), max_size=6)


def written(rows, **dialect):
    out = io.StringIO()
    csv.writer(out, **dialect).writerows(rows)
    return out.getvalue()


@anywhere
@given(
    st.lists(st.lists(FIELDS, min_size=1, max_size=3), max_size=12),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([",", ";", "\t"]),
    st.integers(1, 40),
)
def test_rows_are_those_of_python_wherever_files_are_cut(
    tmp_path, rows, ending, delimiter, split_bytes
):
    dialect = {"lineterminator": ending, "delimiter": delimiter, "quoting": csv.QUOTE_ALL}
    text = written(rows, **dialect)
    path = tmp_path / "f"
    path.write_text(text, "utf-8", newline="")
    expected = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    multi = Format("csv", header=False, delimiter=delimiter, multiline=True)
    assert values(path, multi, split_bytes) == expected
    single = Format("csv", header=False, delimiter=delimiter)
    if any("\n" in field for row in rows for field in row):
        with pytest.raises(InputError, match=r"at byte \d+ has a quoted field that doesn't end"):
            values(path, single, split_bytes)
    elif not any("\r" in field for row in rows for field in row):
        assert values(path, single, split_bytes) == expected


@pytest.mark.parametrize("split_bytes", [3, 10, 1000])
@pytest.mark.parametrize("multiline", [True, False])
def test_the_header_names_the_columns_of_every_split(tmp_path, split_bytes, multiline):
    text = '\nname,"a,b"\n' + "".join(f"n{at},{at}\n" for at in range(20))
    (tmp_path / "f").write_text("\ufeff" + text)
    form = Format("csv", types={"a,b": "int"}, multiline=multiline)
    assert values(tmp_path / "f", form, split_bytes) == [
        {"name": f"n{at}", "a,b": at} for at in range(20)
    ]


def test_the_key_is_where_the_row_begins(tmp_path):
    (tmp_path / "f").write_bytes(b'h\r\n"a\r\nb"\r\n\r\nc')
    assert records(tmp_path / "f", Format("csv", multiline=True)) == [
        (3, {"h": "a\r\nb"}),
        (13, {"h": "c"}),
    ]


def test_types_make_values_and_empty_fields_none(tmp_path):
    (tmp_path / "f").write_text("i,f,b,s\n1,1.5,true,1\n,,,\n")
    types = {"i": "int", "f": "float", "b": "bool", "s": "str"}
    assert values(tmp_path / "f", Format("csv", types=types)) == [
        {"i": 1, "f": 1.5, "b": True, "s": "1"},
        {"i": None, "f": None, "b": None, "s": ""},
    ]


def test_names_can_be_told_and_quotes_be_nothing_special(tmp_path):
    (tmp_path / "f").write_text('x|"y\n')
    form = Format("csv", header=False, columns=["a", "b"], delimiter="|", quote="")
    assert values(tmp_path / "f", form) == [{"a": "x", "b": '"y'}]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1,2,3", "has 3 fields, and there are 2 columns: '1,2,3'"),
        ("x,2", "can't be read, column i: invalid literal"),
        ('1,"2"x', "is not CSV: ',' expected after"),
    ],
)
def test_a_bad_row_is_named_with_its_place_and_set_aside_if_so_asked(tmp_path, line, reason):
    (tmp_path / "f").write_text(f"i,s\n1,a\n{line}\n2,b\n")
    form = Format("csv", types={"i": "int"})
    with pytest.raises(InputError, match=f"f at byte 8 {reason}"):
        values(tmp_path / "f", form)
    kept = []

    class Aside:
        def take(self, uri, offset, record, reason):
            kept.append((offset, record))

    split = Split(f"file://{tmp_path}/f", 0, (tmp_path / "f").stat().st_size)
    reader = input_format(str(form)).reader(split, STORAGE, Aside())
    assert [row for _, rows in reader.batches() for row in rows] == [
        {"i": 1, "s": "a"},
        {"i": 2, "s": "b"},
    ]
    assert kept == [(8, line)]


def test_a_typed_column_that_is_not_there_is_an_error(tmp_path):
    (tmp_path / "f").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"has no column c, whose type was told. It has: a, b"):
        values(tmp_path / "f", Format("csv", types={"c": "int"}))


def test_an_empty_file_has_no_rows(tmp_path):
    (tmp_path / "f").write_text("\n")
    assert values(tmp_path / "f", Format("csv", types={"c": "int"})) == []


def test_a_header_that_names_two_columns_alike_is_an_error(tmp_path):
    (tmp_path / "f").write_text("a,b,a\n1,2,3\n")
    with pytest.raises(InputError, match=r"several columns of the name 'a'.*`columns`"):
        values(tmp_path / "f", "csv")
    form = Format("csv", columns=["a", "b", "c"])
    assert values(tmp_path / "f", form) == [{"a": "1", "b": "2", "c": "3"}]


@pytest.mark.parametrize("split_bytes", [5, 1000])
def test_a_header_that_cant_be_read_is_an_error_and_no_row_takes_its_place(tmp_path, split_bytes):
    (tmp_path / "f").write_text('"a"b,c\n1,2\n3,4\n')

    class Aside:
        def take(self, uri, offset, record, reason):
            pass

    for split in splits_of(tmp_path / "f", "csv", split_bytes):
        reader = input_format("csv").reader(split, STORAGE, Aside())
        with pytest.raises(InputError, match=r"the header of .*f at byte 0 is not CSV"):
            list(reader.batches())


def test_a_bad_row_after_the_header_is_no_bad_header(tmp_path):
    (tmp_path / "f").write_text('a,b\n"1"x,2\n3,4\n')
    with pytest.raises(InputError, match=r"^file:.*f at byte 4 is not CSV"):
        values(tmp_path / "f", "csv")


@pytest.mark.parametrize("split_bytes", [5_000, 10_000])
def test_however_many_blank_lines_come_before_the_header(tmp_path, split_bytes):
    (tmp_path / "f").write_text("\n" * 9_000 + "a\n" + "1\n" * 3_000)
    assert values(tmp_path / "f", "csv", split_bytes) == [{"a": "1"}] * 3_000


def test_what_is_set_aside_is_as_it_was_read(tmp_path):
    (tmp_path / "f").write_text("f,i\n1e3,x\n")
    with pytest.raises(InputError, match=r"column i: .*: '1e3,x'"):
        values(tmp_path / "f", Format("csv", types={"f": "float", "i": "int"}))


def test_returns_alone_end_no_lines_and_make_a_bad_row(tmp_path):
    (tmp_path / "f").write_bytes(b"a,b\n1,2\r3,4\n5,6\n")
    with pytest.raises(InputError, match=r"f at byte 4 is not CSV: new-line character"):
        values(tmp_path / "f", "csv")
