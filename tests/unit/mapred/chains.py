"""Chains that tests submit; this file is their job file."""

from mapred import Job, Mapper, Param, Pipeline, Reducer, Sum


class Words(Mapper):
    def map(self, offset, line):
        if self.ctx.params.breaks == "map":
            raise ValueError("no words today")
        for word in line.split():
            yield word.lower(), 1


class Total(Reducer):
    def reduce(self, word, counts):
        yield word, sum(counts)


class WordCount(Job):
    breaks: str = Param("")
    mapper, combiner, reducer = Words, Total, Total
    reducers = 3


class ByLength(Mapper):
    """Keys are tuples, values lists: what comes to the next stage keeps its type."""

    def setup(self):
        self.longest = ""

    def map(self, word, count):
        if len(word) >= self.ctx.params.minimum:
            self.longest = max(self.longest, word, key=len)
            yield (len(word), word[0]), [count, word]

    def cleanup(self):
        self.ctx.count("words", "longest", len(self.longest))


class Pairs(Reducer):
    def reduce(self, key, values):
        if self.ctx.params.breaks == "reduce":
            raise ArithmeticError("no luck")
        found = sorted(values)
        yield key, (len(found), sum(count for count, _ in found))


class Lengths(Job):
    minimum: int = Param(1)
    breaks: str = Param("")
    mapper, reducer = ByLength, Pairs
    reducers = 2


class Only(Mapper):
    def map(self, key, value):
        if self.ctx.params.breaks == "maps":
            raise ValueError("no such length")
        yield key[0], value[0]


class Shorter(Job):
    breaks: str = Param("")
    mapper = Only


class Same(Mapper):
    def map(self, key, value):
        yield key, value


class Summed(Job):
    """A reducer that columns know."""

    mapper, reducer = Same, Sum
    reducers = 2


class Upper(Mapper):
    def map(self, offset, line):
        yield offset, line.upper()


class Shout(Job):
    mapper = Upper


Two = WordCount.then(Lengths, keep=True)
Four = WordCount.then(Lengths).then(Shorter, keep="short").then(Summed)
BeginsWithMaps = Shout.then(WordCount)


class Named(Pipeline):
    stages = (WordCount, Lengths, Shorter)
