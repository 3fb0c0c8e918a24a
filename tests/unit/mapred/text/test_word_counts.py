"""Counting words by the table against Python's Counter."""

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


def test_what_is_counted_is_handed_on_when_it_is_large():
    texts = [" ".join(f"b{number}" for number in range(at, at + 500)) for at in range(0, 9000, 500)]
    found = list(word_counts((text.encode() for text in texts), 1 << 16))
    # 4096 places, of which half have words; then comes the rest of a block.
    assert max(len(words) for words, _ in found) < 2048 + 500
    assert sum(len(words) for words, _ in found) == 9000
    assert counted(found) == Counter(word for text in texts for word in text.split())


def test_a_few_words_of_every_length_are_handed_on_once():
    texts = [" ".join("x" * length for length in range(1, 65))] * 5
    found = list(word_counts((text.encode() for text in texts), 1 << 20))
    assert sum(len(words) for words, _ in found) == 64
    assert counted(found) == Counter(" ".join(texts).split())


@pytest.mark.parametrize("text", [b"", b" \n ", b"a\xffb a\xffb"])
def test_nothing_and_what_isnt_utf8(text):
    assert counted(word_counts([text])) == Counter(text.decode(errors="replace").split())
