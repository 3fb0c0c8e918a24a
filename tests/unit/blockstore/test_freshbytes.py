"""Bytes that are filled after they were made."""

import pytest

from blockstore.datastream import LAST, Packet, pack, pack_read, unpack
from blockstore.freshbytes import fresh_bytes


@pytest.mark.parametrize("head", [b"", b"h", b"head"])
@pytest.mark.parametrize("length", [0, 1, 5, 100_000])
def test_they_are_the_head_and_what_was_filled_in(head, length):
    data = bytes(n % 251 for n in range(length))

    def fill(target):
        assert len(target) == length
        target[:] = data
        return 17

    assert fresh_bytes(head, length, fill) == (head + data, 17)


def test_two_of_the_same_size_are_two():
    """CPython keeps one object for all bytes of length one and value: that one isn't filled."""

    def filling(byte):
        def fill(target):
            target[:] = byte
            return 1

        return fill

    one, _ = fresh_bytes(b"", 1, filling(b"a"))
    other, _ = fresh_bytes(b"", 1, filling(b"b"))
    assert (one, other, bytes([97]), bytes([98])) == (b"a", b"b", b"a", b"b")


def test_an_error_of_who_fills_is_passed_on():
    def fill(target):
        raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output"):
        fresh_bytes(b"head", 10, fill)


def test_a_packet_that_is_read_in_place_is_the_one_that_is_put_together():
    data = bytes(range(200))

    def fill(target):
        target[:] = data
        return len(target)

    frame, read = pack_read(Packet(512, 3, LAST, b"crcs" * 4, b""), len(data), fill)
    assert (frame, read) == (pack(Packet(512, 3, LAST, b"crcs" * 4, data)), len(data))
    assert unpack(frame, 50).data == data
