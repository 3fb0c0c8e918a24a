"""A few bytes in one call: the right ones, or an error."""

import random

import pytest

from blockstore import checksum
from blockstore.client.smallrange import fetch
from blockstore.errors import (
    ChecksumException,
    InvalidRequestException,
    ReplicaNotFoundException,
    UnreachableException,
)
from blockstore.model import Block

CHUNK = 512
DATA = random.Random(3).randbytes(10_000)
BLOCK = Block(1, 7, len(DATA))


@pytest.fixture
def server(datanodes):
    (server,) = datanodes(1)
    writing = server.store.create(BLOCK, CHUNK)
    writing.write(0, checksum.checksums(DATA, CHUNK), DATA)
    writing.finish()
    return server


def read(peers, server, offset, end, *, block=BLOCK, timeout_s=10.0):
    small = fetch(peers.dial(server.node), block, server.node, offset, end, timeout_s)
    return bytes(small.take(timeout_s))


@pytest.mark.parametrize(
    ("offset", "end"),
    [(0, 1), (0, 10_000), (511, 513), (512, 1024), (9_999, 10_000), (700, 9_001)],
)
def test_any_range_is_the_bytes_that_were_written(server, peers, offset, end):
    assert read(peers, server, offset, end) == DATA[offset:end]


def test_a_damaged_byte_is_never_returned_nor_its_neighbours_refused(server, peers):
    path = server.files.local_paths(BLOCK.id).data_path
    with open(path, "r+b") as file:
        file.seek(1_000)
        file.write(bytes([DATA[1_000] ^ 1]))
    with pytest.raises(ChecksumException, match="512"):
        read(peers, server, 0, 10_000)
    assert read(peers, server, 1024, 2048) == DATA[1024:2048]


def test_what_is_not_there_in_time_or_at_all_is_an_error(server, peers):
    with pytest.raises(ReplicaNotFoundException):
        read(peers, server, 0, 10, block=Block(2, 7, 10))
    with pytest.raises(ReplicaNotFoundException):
        read(peers, server, 0, 10, block=Block(1, 8, 10))
    with pytest.raises(ChecksumException):
        read(peers, server, 9_990, 10_010)
    with pytest.raises(InvalidRequestException):
        read(peers, server, 0, 0)
    server.server.stop(0).wait(10)
    with pytest.raises(UnreachableException):
        read(peers, server, 0, 10, timeout_s=0.2)
