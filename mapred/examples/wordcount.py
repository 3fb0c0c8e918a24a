"""How often each word occurs.

mapred submit mapred/examples/wordcount.py TEXT...
"""

from collections.abc import Iterator

from mapred import Job, Mapper, Reducer


class Words(Mapper):
    def map(self, offset: int, line: str) -> Iterator[tuple[str, int]]:
        for word in line.split():
            yield word, 1


class Total(Reducer):
    def reduce(self, word: str, counts: Iterator[int]) -> Iterator[tuple[str, int]]:
        yield word, sum(counts)


class WordCount(Job):
    """Words are what white space separates, as they are written."""

    mapper, combiner, reducer = Words, Total, Total
