import google_crc32c
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockstore import checksum
from blockstore.checksum import checksums, crc32c, verify
from blockstore.datastream import LAST, Ack, Packet, pack, pack_ack, unpack, unpack_ack
from blockstore.errors import ChecksumException


def test_crc32c_of_the_standards_sample() -> None:
    # RFC 3720, appendix B.4: 32 bytes of zeros, and the bytes 0..31.
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(bytes(range(32))) == 0x46DD794E


def test_the_first_wrong_chunk_is_named() -> None:
    data = bytearray(10_000)
    crcs = checksums(data, 1000)
    verify(data, crcs, 1000, what="blk_1", offset=0)
    data[4321] ^= 1
    with pytest.raises(ChecksumException, match="blk_1: bytes at offset 8004000"):
        verify(data, crcs, 1000, what="blk_1", offset=8_000_000)


@pytest.mark.parametrize("where", ["in place", "in copies"])
@given(data=st.binary(max_size=5000), skipped=st.integers(0, 9), chunk_bytes=st.integers(1, 700))
def test_every_chunk_has_its_own_checksum(
    where: str, data: bytes, skipped: int, chunk_bytes: int
) -> None:
    wanted = data[skipped:]
    chunks = [wanted[at : at + chunk_bytes] for at in range(0, len(wanted), chunk_bytes)]
    expected = [google_crc32c.value(chunk) for chunk in chunks]
    of = checksum._chunk_crcs if where == "in place" else checksum._chunk_crcs_of_copies
    for held in (wanted, bytearray(wanted), memoryview(bytearray(data))[skipped:]):
        assert of(held, chunk_bytes) == expected


def test_what_was_checksummed_is_let_go() -> None:
    data = bytearray(1000)
    checksums(data, 100)
    # A buffer that somebody still holds can't grow.
    data += b"more"


@given(st.binary(max_size=5000), st.integers(1, 700), st.integers(0, 2**40))
def test_packets_survive_the_wire(data: bytes, chunk_bytes: int, offset: int) -> None:
    packet = Packet(offset, 7, LAST, checksums(data, chunk_bytes), data)
    again = unpack(pack(packet), chunk_bytes)
    assert (again.offset, again.seq, again.flags) == (offset, 7, LAST)
    assert (bytes(again.crcs), bytes(again.data)) == (packet.crcs, data)


@given(st.binary(min_size=1, max_size=300), st.integers(0, 400))
def test_a_cut_packet_is_refused(data: bytes, keep: int) -> None:
    frame = pack(Packet(0, 1, 0, checksums(data, 64), data))
    if keep < len(frame):
        with pytest.raises(ChecksumException):
            unpack(frame[:keep], 64)


def test_acks_survive_the_wire() -> None:
    for ack in (Ack(3), Ack(4, 1, "dn2: disk füll")):
        assert unpack_ack(pack_ack(ack)) == ack
