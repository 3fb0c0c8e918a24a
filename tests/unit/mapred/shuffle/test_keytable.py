"""The hash table of columns against a dict."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapred.shuffle import keytable
from mapred.shuffle.keytable import KeyTable
from mapred.shuffle.slices import WORDS_MAX, column_of, slices_of

FOLDS = [(np.add, 0), (np.minimum, (1 << 63) - 1), (np.maximum, -(1 << 63))]


def in_python(fold, keys, values):
    found = {}
    for key, value in zip(keys, values, strict=True):
        found[key] = int(fold(found[key], value)) if key in found else value
    return found


def in_table(table):
    found = {}
    for words, values in table.items():
        keys = zip(*(word.tolist() for word in words), strict=True)
        found |= dict(zip(keys, values.tolist(), strict=True))
    return found


@pytest.mark.parametrize(("fold", "start"), FOLDS)
@pytest.mark.parametrize("words", [1, 2, 3])
@given(
    batches=st.lists(st.lists(st.tuples(st.integers(0, 5), st.integers(-9, 9)), max_size=40)),
)
def test_each_key_has_its_fold(fold, start, words, batches):
    table = KeyTable(words, fold, start, np.int64, 1 << 30)
    keys, values = [], []
    for batch in batches:
        new = [tuple((key * 77) >> place & 3 for place in range(words)) for key, _ in batch]
        columns = [np.array([key[at] for key in new], np.uint64) for at in range(words)]
        refused = table.add(columns, np.array([value for _, value in batch], np.int64))
        assert not len(refused)
        keys += new
        values += [value for _, value in batch]
    assert in_table(table) == in_python(fold, keys, values)


def test_a_table_grows_and_keeps_what_it_has():
    rng = np.random.default_rng(1)
    table = KeyTable(2, np.add, 0, np.int64, 1 << 30)
    keys = rng.integers(0, 200_000, 1_000_000, dtype=np.uint64)
    for part in np.array_split(keys, 7):
        assert not len(table.add([part, part >> np.uint64(3)], 1))
    words, counts = zip(*table.items(), strict=True)
    first, counts = np.concatenate([two[0] for two in words]), np.concatenate(counts)
    expected, times = np.unique(keys, return_counts=True)
    order = np.argsort(first)
    assert np.array_equal(first[order], expected)
    assert np.array_equal(counts[order], times)
    assert table.keys == len(expected)


def test_the_number_that_means_nothing_is_refused():
    table = KeyTable(1, np.add, 0, np.int64, 1 << 30)
    keys = np.array([1, keytable._EMPTY, 1], np.uint64)
    assert table.add([keys], np.array([1, 2, 3])).tolist() == [1]
    assert in_table(table) == {(1,): 4}


def test_keys_whose_hashes_are_equal_are_never_mixed(monkeypatch):
    monkeypatch.setattr(keytable, "_hashed", lambda words: words[0] * np.uint64(0) + np.uint64(7))
    table = KeyTable(2, np.add, 0, np.int64, 1 << 30)
    keys = [np.array([5, 5, 5], np.uint64), np.array([1, 2, 1], np.uint64)]
    # Only the first key's hash can be undone, so only the second words differ here.
    refused = table.add(keys, 1).tolist()
    (only,) = in_table(table).items()
    assert only in [((5, 2), 1), ((5, 1), 2)]
    assert refused == ([0, 2] if only[0] == (5, 2) else [1])


def test_a_hash_can_be_undone_so_equal_ones_have_equal_first_words():
    rng = np.random.default_rng(2)
    second = np.full(1000, 12345, np.uint64)
    first = rng.integers(0, 1 << 63, 1000, dtype=np.uint64)
    assert len(np.unique(keytable._hashed([first, second]))) == len(np.unique(first))


def test_keys_that_all_want_one_place_are_refused_at_some_point_and_counted_before():
    inverse = pow(int(keytable._SPREAD), -1, 1 << 64)
    keys = np.array([number * inverse % (1 << 64) for number in range(600)], np.uint64)
    table = KeyTable(1, np.add, 0, np.int64, 1 << 30)
    refused = table.add([keys], 1)
    assert 0 < len(refused) < 600
    assert set(in_table(table)) == {(key,) for key in keys.tolist()} - {
        (key,) for key in keys[refused].tolist()
    }


STRINGS = st.lists(st.binary(max_size=70).map(lambda data: data.replace(b"\0", b"")), max_size=20)
EVEN = st.integers(0, 70).flatmap(
    lambda width: st.lists(
        st.binary(min_size=width, max_size=width).map(lambda data: data.replace(b"\0", b"!")),
        max_size=20,
    )
)


@given(STRINGS | EVEN)
def test_strings_are_words_and_words_are_strings(strings):
    slices = slices_of(pa.array(strings, pa.binary()))
    assert slices is not None
    back = {}
    for size, rows, words in slices.by_words():
        column = column_of(words, pa.binary()).to_pylist()
        numbers = range(len(strings)) if rows is None else rows.tolist()
        for row, value in zip(numbers, column, strict=True):
            assert len(value) <= 8 * size
            back[row] = value
    if slices.longer is not None:
        assert all(len(strings[row]) > 8 * WORDS_MAX for row in slices.longer)
        back |= {row: strings[row] for row in slices.longer.tolist()}
    assert [back[row] for row in range(len(strings))] == strings


def test_a_slice_of_a_column_has_its_own_strings_and_nuls_are_refused():
    column = pa.array(["one", "two", "three, and more"]).slice(1)
    ((_, rows, short), (_, others, long)) = slices_of(column).by_words()
    assert (rows.tolist(), column_of(short, pa.string()).to_pylist()) == ([0], ["two"])
    assert (others.tolist(), column_of(long, pa.string()).to_pylist()) == ([1], ["three, and more"])
    assert slices_of(pa.array(["a\0"])) is None


def test_a_table_that_grows_finds_a_place_for_every_key_that_it_has(monkeypatch):
    """However far: those of one place, put there in several steps, are one chain when it grows."""
    inverse = pow(int(keytable._SPREAD), -1, 1 << 64)
    alike = np.array([number * inverse % (1 << 64) for number in range(60)], np.uint64)
    table = KeyTable(1, np.add, 0, np.int64, 1 << 30)
    assert not len(table.add([alike], 1))
    monkeypatch.setattr(keytable, "_STEPS_MAX", 8)
    others = np.arange(1 << 40, (1 << 40) + 100_000, dtype=np.uint64)
    refused = table.add([others], 1)
    found = in_table(table)
    assert {key: found[key,] for key in alike.tolist()} == dict.fromkeys(alike.tolist(), 1)
    assert len(found) == 60 + len(others) - len(refused)
