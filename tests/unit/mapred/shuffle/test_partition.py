import hashlib
import math
import struct
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from orders import Documented, key_lists, keys

from mapred.shuffle.columns import key_column
from mapred.shuffle.keys import encode
from mapred.shuffle.onehash import hash_of
from mapred.shuffle.partition import partition_of, partitions_of, stable_hashes


def hashes_of(items):
    kind, column, _ = key_column(items)
    return stable_hashes(items, kind, column).tolist()


@settings(max_examples=150, deadline=None)
@given(key_lists)
def test_a_key_has_one_hash_whatever_stands_beside_it(items):
    together = hashes_of(items)
    assert together == [hashes_of([key])[0] for key in items]
    assert together == hashes_of([*items, None])[:-1]
    assert together == [hash_of(key) for key in items]


@settings(max_examples=300, deadline=None)
@given(keys, keys)
def test_equal_keys_go_to_one_reducer(left, right):
    if Documented(left) == Documented(right):
        assert hashes_of([left]) == hashes_of([right])


def test_numbers_that_are_equal_hash_equally_across_types():
    for value in (0, 1, -1, 2**53, -(2**63), 2**63, 2**64, 2**1000):
        assert hashes_of([value]) == hashes_of([float(value)])
    assert hashes_of([0.0]) == hashes_of([-0.0]) == hashes_of([0])
    assert hashes_of([math.nan]) == hashes_of([-math.nan])
    assert hashes_of([np.int64(5)]) == hashes_of([5])


WORD = (1 << 64) - 1


def mixed(value):
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & WORD
    return value ^ (value >> 31)


def hashed(data, seed):
    if len(data) > 64:
        digest = hashlib.blake2b(data, digest_size=8).digest()
        return mixed(int.from_bytes(digest, "little") ^ seed)
    value = (seed + len(data) * 0x9E3779B97F4A7C15) & WORD
    for at in range(0, len(data), 8):
        word = int.from_bytes(data[at : at + 8], "little")
        value = ((value ^ word) * 0xD6E8FEB86659FD93) & WORD
        value ^= value >> 29
    return mixed(value)


def documented_hash(key):
    """The head of mapred/shuffle/partition.py, one key at a time."""
    if isinstance(key, str):
        return hashed(key.encode("utf-8", "surrogatepass"), 1)
    if isinstance(key, bytes):
        return hashed(key, 2)
    if isinstance(key, int | float) and not isinstance(key, bool):
        integral = isinstance(key, int) or (math.isfinite(key) and key == math.floor(key))
        if integral and -(2**63) <= key < 2**63:
            return mixed(int(key) & WORD)
        if not integral:
            number = math.nan if math.isnan(key) else key
            return mixed(struct.unpack("<Q", struct.pack("<d", number))[0] ^ 3)
    return hashed(encode(key), 4)


@settings(max_examples=300, deadline=None)
@given(keys)
def test_hashes_are_those_of_the_document(key):
    # A change of them moves every key of every job to another reducer.
    assert hashes_of([key]) == [documented_hash(key)]


def test_hashes_of_long_keys_are_those_of_the_document():
    for length in (7, 8, 9, 63, 64, 65, 1000):
        assert hashes_of(["k" * length]) == [documented_hash("k" * length)]


def test_another_process_chooses_the_same_reducers():
    items = ["some", "words", 1, 2.5, None, ("x", 3), b"bytes"]
    program = (
        "from mapred.shuffle.partition import partition_of\n"
        f"print([partition_of(key, 97) for key in {items!r}])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "77"},
    )
    assert done.stdout.strip() == str([partition_of(key, 97) for key in items])


def test_keys_spread_evenly():
    for items in (
        [f"word{number}" for number in range(20_000)],
        list(range(20_000)),
        [number * 1024 for number in range(20_000)],
        [number / 8 for number in range(20_000)],
        [(number, "x") for number in range(20_000)],
    ):
        kind, column, _ = key_column(items)
        counts = np.bincount(partitions_of(items, kind, column, 7), minlength=7)
        assert counts.min() > 0.9 * len(items) / 7


@pytest.mark.parametrize("width", [0, 5, 8, 20, 64, 70])
def test_keys_of_one_length_hash_as_they_do_beside_others(width):
    keys = [str(number).rjust(width, "k")[:width] for number in range(40_000)]
    kind, column = key_column(keys)[:2]
    together = stable_hashes(keys, kind, column)
    rows = [0, 1, 32_767, 32_768, 39_999]
    assert [int(together[row]) for row in rows] == [hash_of(keys[row]) for row in rows]
    mixed = ["", *(keys[row] for row in rows), "k" * 13]
    kind, column = key_column(mixed)[:2]
    assert stable_hashes(mixed, kind, column)[1:-1].tolist() == [int(together[row]) for row in rows]
