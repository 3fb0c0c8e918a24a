"""Columns are written with the very bytes that their pairs would give."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapred import Format
from mapred.formats import check_output, output_format
from mapred.shuffle.columns import rows_of
from tests.unit.mapred.formats.writing import Written

TYPED = {"key": "int64", "value": "int64"}
FORMS = [
    "text",
    Format("text", separator=", "),
    Format("text", values=False),
    Format("text", keys=False, compression="gzip"),
    "csv",
    "jsonl",
    "parquet",
    "arrow",
    Format("arrow", types=TYPED, columns=["key", "value"]),
    Format("parquet", columns=["word", "count"], types={"count": "int64"}),
]
columns = st.one_of(
    st.lists(st.integers(-(1 << 63), (1 << 63) - 1), min_size=6, max_size=6),
    st.lists(st.integers(), min_size=6, max_size=6),
    st.lists(st.floats(), min_size=6, max_size=6),
    st.lists(st.text(max_size=3), min_size=6, max_size=6),
    st.lists(st.text(st.characters() | st.characters(categories=["Cs"])), min_size=6, max_size=6),
    st.lists(st.none() | st.booleans() | st.text(max_size=2), min_size=6, max_size=6),
)


def outcome(form, rows, by_columns):
    """The bytes, or the error that the format has for these."""
    file = Written()
    writer = output_format(check_output(form)).writer(file)
    try:
        for part in (rows.slice(1, 2), rows.slice(3, 3)):
            if not (by_columns and hasattr(writer, "write_rows") and writer.write_rows(part)):
                writer.write(part.pairs())
        writer.close()
    except Exception as error:
        return type(error)
    assert writer.bytes_written == len(file.data)
    return file.data


@pytest.mark.parametrize("form", FORMS, ids=str)
@given(keys=columns, values=columns)
def test_columns_are_written_as_pairs_are(form, keys, values):
    rows = rows_of(keys, values)
    assert outcome(form, rows, True) == outcome(form, rows, False)


@given(
    keys=st.lists(st.binary(min_size=2, max_size=3), min_size=6, max_size=6),
    values=st.lists(st.binary(min_size=2, max_size=3) | st.none(), min_size=6, max_size=6),
)
def test_records_of_one_length_are_written_as_pairs_are(keys, values):
    for width in (2, 3):
        cut = [key[:2] for key in keys]
        filled = [value and value[: width - 1] for value in values]
        form = Format("fixed", record_bytes=width + 1)
        rows = rows_of(cut, filled)
        assert outcome(form, rows, True) == outcome(form, rows, False)


def test_numbers_words_and_records_do_go_by_columns():
    for form, keys, values in (
        ("text", [1, 2], ["a", "b"]),
        ("parquet", ["a", "b"], [1.5, 2.5]),
        (Format("fixed", record_bytes=3), [b"a", b"b"], [b"xy", b"zz"]),
    ):
        writer = output_format(check_output(form)).writer(Written())
        assert writer.write_rows(rows_of(keys, values))
