"""The most frequent words: a chain of two stages.

mapred submit mapred/examples/frequent_words.py mapred/examples/hamlet.txt -D most=10
"""

from collections.abc import Iterator
from heapq import nlargest

from mapred import Job, Mapper, Param, Reducer
from mapred.examples.wordcount import WordCount


class Candidates(Mapper):
    """Of the words that this task sees, as many as can be wanted."""

    def setup(self) -> None:
        self.counted: list[tuple[int, str]] = []

    def map(self, word: str, count: int) -> None:
        self.counted.append((count, word))
        if len(self.counted) >= 10 * self.ctx.params.most:
            self.counted = nlargest(self.ctx.params.most, self.counted)

    def cleanup(self) -> Iterator[tuple[None, tuple[int, str]]]:
        for count, word in nlargest(self.ctx.params.most, self.counted):
            yield None, (count, word)


class Largest(Reducer):
    def reduce(self, _: None, counted: Iterator[tuple[int, str]]) -> Iterator[tuple[str, int]]:
        for count, word in nlargest(self.ctx.params.most, counted):
            yield word, count


class MostFrequent(Job):
    """Takes words with their counts."""

    most: int = Param(20, help="how many")
    mapper, reducer = Candidates, Largest
    reducers = 1


FrequentWords = WordCount.then(MostFrequent)
