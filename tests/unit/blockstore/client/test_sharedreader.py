"""A file that threads share: each reads where it sought, and a plain reader sees a plain file."""

import io
import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from blockstore.client.sharedreader import SharedReader

DATA = random.Random(1).randbytes(5000) + b"one\ntwo\nthree"


class Reader(io.BytesIO):
    length = len(DATA)

    def pread(self, offset, length):
        return DATA[offset : offset + length]


@pytest.fixture
def file():
    return SharedReader(Reader(DATA))


@pytest.fixture
def other():
    """Runs a call on another thread, always the same."""
    with ThreadPoolExecutor(1) as pool:
        yield lambda call, *arguments: pool.submit(call, *arguments).result()


def test_two_threads_that_seek_and_read_in_turn_get_what_they_sought(file, other):
    file.seek(100)
    other(file.seek, 2000)
    assert file.read(10) == DATA[100:110]
    assert other(file.read, 10) == DATA[2000:2010]


def test_a_file_that_is_handed_over_goes_on_where_it_was(file, other):
    file.seek(100)
    assert other(file.read, 10) == DATA[100:110]
    assert file.read(10) == DATA[110:120]
    assert file.seek(0, io.SEEK_END) == file.tell() == len(DATA)
    other(file.seek, 0)
    assert file.read(3) == DATA[:3]


def test_it_reads_as_pythons_own_files_do(file):
    rng, plain = random.Random(2), io.BytesIO(DATA)
    for _ in range(500):
        call, argument = rng.choice(
            [("seek", rng.randrange(6000)), ("read", rng.randrange(900)), ("readline", -1)]
        )
        assert getattr(file, call)(argument) == getattr(plain, call)(argument)
        assert file.tell() == plain.tell()


def test_lines_and_text(file):
    file.seek(5000)
    assert list(io.TextIOWrapper(file)) == ["one\n", "two\n", "three"]


def test_a_closed_file_is_not_read(file):
    file.close()
    with pytest.raises(ValueError, match="closed"):
        file.read()
