"""Lines cut into columns, against cutting them one by one."""

from hypothesis import given, settings
from hypothesis import strategies as st

from mapred.streaming.contract import Fields
from mapred.streaming.linecolumns import columns_of


def _expected(lines: bytes, fields: Fields) -> list[tuple[bytes, bytes]]:
    pairs = []
    for line in lines.removesuffix(b"\n").split(b"\n"):
        parts = line.split(fields.separator, fields.keys)
        if len(parts) <= fields.keys:
            pairs.append((line, b""))
        else:
            pairs.append((fields.separator.join(parts[:-1]), parts[-1]))
    return pairs


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([b"a", b"\t", b".", b"\n", b"\xff", b"::"]), min_size=1),
    st.sampled_from([b"\t", b".", b"::"]),
    st.integers(1, 3),
)
def test_every_line_is_cut_at_the_wanted_separator(
    pieces: list[bytes], separator: bytes, keys: int
) -> None:
    lines, fields = b"".join(pieces), Fields(separator, keys)
    found = columns_of(lines, fields)
    assert list(zip(*(side.to_pylist() for side in found), strict=True)) == _expected(lines, fields)
