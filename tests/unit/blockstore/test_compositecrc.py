"""Checksums composed of checksums, against google_crc32c over all the bytes."""

import google_crc32c
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockstore.checksum import checksums
from blockstore.compositecrc import combine, compose


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_two_parts_make_the_whole(first, second):
    whole = google_crc32c.value(first + second)
    parts = google_crc32c.value(first), google_crc32c.value(second)
    assert combine(*parts, len(second)) == whole


@given(st.binary(max_size=500), st.integers(1, 200))
def test_any_chunks_make_the_whole(data, chunk_bytes):
    crcs = checksums(data, chunk_bytes)
    assert compose(crcs, chunk_bytes, len(data)) == google_crc32c.value(data)


@pytest.mark.parametrize("zeros", [1, 2**16, 2**24 + 1])
def test_long_parts_make_the_whole(zeros):
    crc = combine(google_crc32c.value(b"x"), google_crc32c.value(bytes(zeros)), zeros)
    assert crc == google_crc32c.value(b"x" + bytes(zeros))
