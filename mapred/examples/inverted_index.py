"""In which files each word occurs, and how often in each.

mapred submit mapred/examples/inverted_index.py TEXT...

A word is a run of letters, with apostrophes inside, in lower case. The output has, for every
word, its files in order of their names: ghost<TAB>[('hamlet.txt', 29), …].
"""

import re
from collections import Counter
from collections.abc import Iterator

from mapred import Job, Mapper, Reducer

WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")


class Occurrences(Mapper):
    def setup(self) -> None:
        assert self.ctx.split is not None
        self.file = self.ctx.split.uri.rpartition("/")[2]

    def map(self, offset: int, line: str) -> Iterator[tuple[str, tuple[str, int]]]:
        for word, number in Counter(WORD.findall(line.lower())).items():
            yield word, (self.file, number)


def tally(postings: Iterator[tuple[str, int]]) -> list[tuple[str, int]]:
    numbers: Counter[str] = Counter()
    for file, number in postings:
        numbers[file] += number
    return sorted(numbers.items())


class Merge(Reducer):
    def reduce(
        self, word: str, postings: Iterator[tuple[str, int]]
    ) -> Iterator[tuple[str, tuple[str, int]]]:
        for posting in tally(postings):
            yield word, posting


class Postings(Reducer):
    def reduce(
        self, word: str, postings: Iterator[tuple[str, int]]
    ) -> Iterator[tuple[str, list[tuple[str, int]]]]:
        yield word, tally(postings)


class InvertedIndex(Job):
    """Words with their files and numbers."""

    mapper, combiner, reducer = Occurrences, Merge, Postings
