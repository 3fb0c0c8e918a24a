"""Every line exactly once, however a file is cut: the oracle is bytes.split on the whole file."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapred.formats.lines import LineBlocks
from mapred.formats.text import TextReader
from mapred.model import Split
from mapred.storage.local import LocalStorage

pieces = st.one_of(
    st.sampled_from(
        [
            b"\n",
            b"\r\n",
            b"\r",
            b"\n\n",
            b"a",
            b"line",
            "é€😀".encode(),
            b"\xff\xfe",
            b"\t",
            b"x" * 40,
        ]
    ),
    st.binary(max_size=6),
)
contents = st.lists(pieces, max_size=30).map(b"".join)


def whole_lines(content):
    """(offset, line) by the rule, without any reader: the file read at once."""
    lines, offset = [], 0
    parts = content.split(b"\n")
    if parts[-1] == b"":
        parts.pop()
    for part in parts:
        lines.append((offset, part))
        offset += len(part) + 1
    return [
        (offset, line.removesuffix(b"\r"))
        if ends_with_newline(content, offset, line)
        else (offset, line)
        for offset, line in lines
    ]


def ends_with_newline(content, offset, line):
    return content[offset + len(line) : offset + len(line) + 1] == b"\n"


def splits_of(uri, length, split_bytes):
    return [
        Split(uri, start, min(split_bytes, length - start))
        for start in range(0, length, split_bytes)
    ]


def read(path, content, split_bytes, block_bytes):
    path.write_bytes(content)
    storage = LocalStorage()
    records = []
    for split in splits_of(f"file://{path}", len(content), split_bytes):
        reader = TextReader(split, storage, block_bytes)
        for offsets, lines in reader.batches():
            assert len(offsets) == len(lines)
            records += zip(offsets, lines, strict=True)
    return records


@settings(max_examples=300, deadline=None)
@given(contents, st.integers(min_value=1, max_value=50), st.integers(min_value=1, max_value=20))
def test_every_line_exactly_once_for_any_split_and_block_size(
    tmp_path_factory, content, split_bytes, block_bytes
):
    path = tmp_path_factory.mktemp("lines") / "file.txt"
    expected = [(offset, line.decode(errors="replace")) for offset, line in whole_lines(content)]
    if expected and expected[0][1].startswith("\ufeff"):
        expected[0] = (0, expected[0][1][1:])
    assert read(path, content, split_bytes, block_bytes) == expected


@pytest.mark.parametrize("split_bytes", range(1, 14))
def test_a_split_that_ends_exactly_at_a_newline_takes_no_line_more(tmp_path, split_bytes):
    content = b"one\ntwo\nthree\n"
    assert read(tmp_path / "f", content, split_bytes, 4) == [(0, "one"), (4, "two"), (8, "three")]


def test_which_split_a_line_belongs_to(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"one\ntwo\nthree\n")
    first, second, third = (
        [block for _, block in LineBlocks(Split(f"file://{path}", start, length), LocalStorage())]
        for start, length in ((0, 4), (4, 5), (9, 5))
    )
    # "three" starts at 8, the last byte of the second split: it goes on past the split's end.
    assert (first, second, third) == ([b"one\n"], [b"two\n", b"three\n"], [])


def test_a_line_of_many_blocks_is_read_whole(tmp_path):
    long = b"x" * 1_000_000
    content = b"short\n" + long + b"\nlast"
    assert read(tmp_path / "f", content, 300_000, 1000) == [
        (0, "short"),
        (6, long.decode()),
        (1_000_007, "last"),
    ]


def test_an_empty_file_has_no_lines(tmp_path):
    path = tmp_path / "f"
    path.touch()
    assert list(LineBlocks(Split(f"file://{path}", 0, 0), LocalStorage())) == []


def test_a_file_that_shrank_since_it_was_cut_ends_early(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"a\nb\n")
    blocks = LineBlocks(Split(f"file://{path}", 0, 100), LocalStorage())
    assert list(blocks) == [(0, b"a\nb\n")]
    assert blocks.bytes_read == 4
