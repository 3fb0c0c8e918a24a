from hypothesis import given
from hypothesis import strategies as st

from mapred.formats.splits import cut, split_bytes_for
from mapred.model import Split
from mapred.storage.port import Extent

MIB = 1024 * 1024
BLOCKS = [Extent(0, 100, ("a", "b")), Extent(100, 100, ("b", "c")), Extent(200, 30, ("a", "c"))]


class Placed:
    """Storage of one file."""

    def __init__(self, extents):
        self._extents = extents

    def extents(self, uri):
        return self._extents


def splits(extents, split_bytes, *, uri="bs://n:1/f"):
    return list(
        cut(
            uri,
            Placed(extents),
            split_bytes=split_bytes,
            input_format="text",
        )
    )


def test_a_block_no_larger_than_a_split_is_one():
    assert splits(BLOCKS, 100) == [
        Split("bs://n:1/f", extent.start, extent.length, extent.hosts) for extent in BLOCKS
    ]


def test_a_whole_file_is_one_split_where_most_of_it_lies():
    blocks = [*BLOCKS[:2], Extent(200, 300, ("d",))]
    [found] = cut("bs://n:1/f", Placed(blocks), split_bytes=60, input_format="matrix", whole=True)
    assert found == Split("bs://n:1/f", 0, 500, ("d",), "matrix")


def test_a_split_never_crosses_a_block_border():
    assert [(split.start, split.length) for split in splits(BLOCKS, 60)] == [
        (0, 50),
        (50, 50),
        (100, 50),
        (150, 50),
        (200, 30),
    ]


@given(st.integers(min_value=0, max_value=2000), st.integers(min_value=1, max_value=500))
def test_splits_of_a_file_are_even_and_join_up(length, split_bytes):
    cuts = splits([Extent(0, length, ())], split_bytes)
    at = 0
    for split in cuts:
        assert split.start == at
        assert 0 < split.length <= split_bytes
        at += split.length
    assert at == length
    sizes = {split.length for split in cuts}
    assert not sizes or max(sizes) - min(sizes) <= 1


def test_a_compressed_file_is_one_split():
    [split] = splits(BLOCKS, 10, uri="bs://n:1/f.gz")
    assert (split.start, split.length, split.hosts) == (0, 230, ("a", "b"))


def test_the_size_of_splits_follows_the_input_between_two_limits():
    assert split_bytes_for(1000) == 2 * MIB
    assert split_bytes_for(160 * MIB) == 10 * MIB
    assert split_bytes_for(10_000 * MIB) == 32 * MIB


def test_splits_are_larger_where_columns_fold_them():
    assert split_bytes_for(1000, folds=True) == 2 * MIB
    assert split_bytes_for(160 * MIB, folds=True) == 20 * MIB
    assert split_bytes_for(10_000 * MIB, folds=True) == 64 * MIB
    # No more than 4,096 of them.
    assert split_bytes_for(1_000_000 * MIB) == 1_000_000 * MIB // 4096
