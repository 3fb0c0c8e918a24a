"""Word count by a mapper that the engine doesn't know: its loop is called as it is."""

from mapred import Job, Mapper, Reducer


class LongWords(Mapper):
    def map(self, offset, line):
        for word in line.lower().split():
            if len(word) > 3:
                yield word, 1


class Total(Reducer):
    def reduce(self, word, counts):
        yield word, sum(counts)


class LongWordCount(Job):
    """Words of more than three letters, in lower case."""

    mapper, combiner, reducer = LongWords, Total, Total
