import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from mapred.shuffle.bytestrings import ByteStrings
from mapred.shuffle.cells import cells_of
from mapred.shuffle.columns import rows_of
from mapred.shuffle.ordering import group_starts, sort_order

# Few letters, so that rows tie in their first eight bytes, and often wholly.
letters = st.sampled_from([0, 1, 255])


@st.composite
def tables(draw):
    width = draw(st.integers(0, 20))
    row = st.lists(letters, min_size=width, max_size=width).map(bytes)
    return draw(st.lists(row, min_size=1, max_size=40))


@settings(max_examples=200, deadline=None)
@given(tables(), st.integers(0, 3), st.integers(0, 3))
def test_rows_of_one_length_sort_group_and_move_as_python_has_them(rows, before, after):
    # A slice of a column: its bytes begin and end within a buffer.
    column = pa.array([b"x"] * before + rows + [b"yy"] * after, pa.binary())
    column = column.slice(before, len(rows))
    assert cells_of(column) is not None
    assert sort_order(column).tolist() == sorted(range(len(rows)), key=rows.__getitem__)
    in_order = sorted(rows)
    starts = group_starts(pa.array(in_order, pa.binary())).tolist()
    assert [in_order[at] for at in starts] == sorted(set(rows))
    records = rows_of(rows, [f"{number:04}" for number in range(len(rows))])
    back = [*list(range(len(rows)))[::-1], 0]
    assert records.take(back).pairs() == [(rows[at], f"{at:04}") for at in back]


@settings(max_examples=100, deadline=None)
@given(tables(), st.integers(0, 24))
def test_words_of_rows_of_one_length_are_those_of_any_rows(rows, at):
    longest = max(map(len, rows)) + 1
    even, mixed = (
        ByteStrings(pa.array(one, pa.binary())) for one in (rows, [*rows, bytes(longest)])
    )
    assert even.words_at(at, ">u8").tolist() == mixed.words_at(at, ">u8")[:-1].tolist()
    assert even.words_at(at, "<u8").tolist() == mixed.words_at(at, "<u8")[:-1].tolist()


def test_lengths_that_only_add_up_to_those_of_one_length_arent_one():
    assert cells_of(pa.array([b"ab", b"a", b"abc"], pa.binary())) is None
    assert cells_of(pa.array([], pa.binary())) is None
