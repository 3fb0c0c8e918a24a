"""What travels over a byte port is what was meant, or is refused."""

import pytest

from blockstore import byteframes
from blockstore.byteframes import LAST, MORE, REFUSED, Ask, Head
from blockstore.errors import ChecksumException, UnreachableException
from blockstore.model import Block
from blockstore.runtime import portframes


def test_what_is_packed_is_unpacked():
    ask = Ask(Block(2**63 + 1, 2**40), 2**35 + 3, 2**33)
    frame = byteframes.pack_ask(ask)
    assert len(frame) == byteframes.ASK_BYTES
    assert byteframes.unpack_ask(frame) == ask

    head = Head(MORE, 65_536, 2**40, 1024 * 1024)
    frame = byteframes.pack_head(head)
    assert len(frame) == byteframes.HEAD_BYTES
    assert byteframes.unpack_head(frame) == head

    greeting = byteframes.PORT.pack_greeting(b"n" * portframes.NONCE_BYTES)
    assert len(greeting) == portframes.GREETING_BYTES
    assert byteframes.PORT.unpack_greeting(greeting) == b"n" * portframes.NONCE_BYTES
    proof = b"p" * portframes.PROOF_BYTES
    for business in (byteframes.READING, byteframes.BUNDLES):
        entry = byteframes.pack_entry(proof, business)
        assert len(entry) == byteframes.ENTRY_BYTES
        assert byteframes.unpack_entry(entry) == (business, proof)

    frame = portframes.pack_frame(b"bundle")
    head, message = frame[: portframes.SIZE_BYTES], frame[portframes.SIZE_BYTES :]
    assert (byteframes.PORT.frame_bytes(head), message) == (6, b"bundle")


def test_a_refusal_has_the_errors_name_and_all_of_its_words():
    frame = byteframes.pack_refusal("ChecksumException", "Wörter\nin zwei Zeilen")
    head = byteframes.unpack_head(frame[: byteframes.HEAD_BYTES])
    text = frame[byteframes.HEAD_BYTES :]
    assert (head.kind, head.size) == (REFUSED, len(text))
    assert byteframes.unpack_refusal(text) == ("ChecksumException", "Wörter\nin zwei Zeilen")


@pytest.mark.parametrize(
    ("size", "chunk_bytes", "crcs"), [(0, 512, 0), (1, 512, 1), (512, 512, 1), (513, 512, 2)]
)
def test_a_piece_has_a_checksum_for_each_chunk(size, chunk_bytes, crcs):
    assert Head(LAST, chunk_bytes, 0, size).crc_bytes == 4 * crcs


@pytest.mark.parametrize(
    "head",
    [
        Head(7, 512, 0, 10),
        Head(MORE, 0, 0, 10),
        Head(LAST, 512, 0, byteframes.PIECE_BYTES_MAX + 1),
        Head(REFUSED, 0, 0, 2**32 - 1),
    ],
)
def test_a_head_that_cant_be_meant_reserves_no_memory(head):
    with pytest.raises(ChecksumException, match="damaged"):
        byteframes.unpack_head(byteframes.pack_head(head))


def test_who_speaks_otherwise_is_no_peer():
    stranger = b"HTTP/1.1 400 Bad Request".ljust(portframes.GREETING_BYTES)
    for unpack in (byteframes.PORT.unpack_greeting, byteframes.unpack_entry):
        with pytest.raises(UnreachableException, match=r"no byte port|no such port"):
            unpack(stranger)


def test_a_frame_that_cant_be_meant_reserves_no_memory():
    with pytest.raises(UnreachableException):
        byteframes.PORT.frame_bytes(b"\xff" * portframes.SIZE_BYTES)
