"""Counting words by the table against Python's Counter."""

import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapred.text import word_counts

letters = st.sampled_from(["a", "b", "é", "𝄞", "\0", " ", " ", "\n", "\u2003"])
long_runs = st.builds(lambda one, times: one * times, letters, st.integers(1, 70))
blocks = st.lists(st.lists(st.one_of(letters, long_runs), max_size=30).map("".join), max_size=4)


def counted(found):
    total = Counter()
    for words, counts in found:
        assert words.null_count == 0
        for word, count in zip(words.to_pylist(), counts.to_pylist(), strict=True):
            total[word] += count
    return total


@given(blocks)
def test_counts_are_pythons(texts):
    expected = Counter(word for text in texts for word in text.split())
    assert counted(word_counts(text.encode() for text in texts)) == expected


def test_many_words_of_all_lengths_are_counted_each():
    texts = [
        " ".join(
            "x" * (number % 90) + str(number % 7919) for number in range(start, start + 20_000)
        )
        for start in range(0, 100_000, 20_000)
    ]
    expected = Counter(word for text in texts for word in text.split())
    assert counted(word_counts(text.encode() for text in texts)) == expected


def test_what_is_counted_is_handed_on_when_it_is_large(monkeypatch):
    # `mapred.text.words` is the function.
    module = sys.modules[word_counts.__module__]
    monkeypatch.setattr(module, "_TABLES_BYTES_MAX", 1 << 20)
    texts = [f"a b{number} " * 2 for number in range(20)]
    found = list(word_counts(text.encode() for text in texts))
    assert len(found) == len(texts)
    assert counted(found)["a"] == 40


@pytest.mark.parametrize("text", [b"", b" \n ", b"a\xffb a\xffb"])
def test_nothing_and_what_isnt_utf8(text):
    assert counted(word_counts([text])) == Counter(text.decode(errors="replace").split())
