"""The records of packs: what was packed comes back, and nothing else does."""

import random

from hypothesis import given
from hypothesis import strategies as st

from blockstore import checksum, packrecord
from blockstore.model import Block
from blockstore.packrecord import ALIGNMENT, HEADER_BYTES, RecordHeader

SALT = b"8 bytes."
CHUNK = 64


def record(block_id, data, salt=SALT):
    header = RecordHeader(Block(block_id, 7, len(data)), CHUNK)
    return packrecord.pack_record(header, checksum.checksums(data, CHUNK), data, salt)


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(0, 10**6), st.booleans())
def test_a_header_comes_back(block_id, generation, length, live):
    header = RecordHeader(Block(block_id, generation, length), CHUNK, live)
    raw = packrecord.pack_header(header, SALT)
    assert len(raw) == HEADER_BYTES
    assert packrecord.salt_in(raw) == SALT
    assert packrecord.unpack_header(raw, SALT) == header


def test_a_header_with_any_bit_flipped_or_of_another_pack_is_none():
    raw = packrecord.pack_header(RecordHeader(Block(5, 7, 1000), CHUNK), SALT)
    fields = len(raw.rstrip(b"\0"))
    for bit in range(8 * fields):
        damaged = bytearray(raw)
        damaged[bit // 8] ^= 1 << bit % 8
        assert packrecord.unpack_header(bytes(damaged), SALT) is None
    assert packrecord.unpack_header(raw, b"another.") is None
    assert packrecord.unpack_header(raw[:-1], SALT) is None


@given(st.lists(st.integers(0, 300), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_records_stand_at_borders_and_lead_to_the_next(lengths, rng):
    datas = [rng.randbytes(length) for length in lengths]
    raw = b"".join(record(number, data) for number, data in enumerate(datas))
    at = 0
    for number, data in enumerate(datas):
        assert at % ALIGNMENT == 0
        header = packrecord.unpack_header(raw[at : at + HEADER_BYTES], SALT)
        assert header is not None
        assert header.block == Block(number, 7, len(data))
        assert raw[at + header.data_at :].startswith(data)
        at += header.record_bytes
    assert at == len(raw)


def test_the_next_header_is_found_behind_what_only_looks_like_one():
    real = record(1, b"x")
    # Whoever stores a pack in the store has records in his data: of another salt.
    alien = record(2, b"y", b"another.")
    torn = real[:20].ljust(ALIGNMENT, b"\0")
    shifted = b"\0" * 8 + real[: ALIGNMENT - 8]
    noise = random.Random(1).randbytes(ALIGNMENT)
    before = noise + alien + torn + shifted.ljust(2 * ALIGNMENT, b"\0")
    assert packrecord.next_header(before + real, SALT) == len(before)
    assert packrecord.next_header(before, SALT) == len(before)
