"""Loops that the tests submit; this file is their job file."""

import os
import random
import signal

from mapred import BatchMapper, BlockMapper, Job, Mapper, Param, Partitioner, Reducer
from mapred.iterative import IterativeJob, max_rounds, settled
from mapred.iterative.reducing import Light


class Differences(Mapper):
    """How far the split's numbers are from the state, by split."""

    def setup(self):
        self.total, self.count = 0.0, 0

    def map(self, offset, line):
        params = self.ctx.params
        if self.ctx.round == params.fail_in_round:
            raise RuntimeError(f"no luck in round {self.ctx.round}")
        if self.ctx.round == params.die_in_round and self.ctx.attempt.number == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.total += (float(line) - self.ctx.state) / 2
        self.count += 1

    def cleanup(self):
        yield self.ctx.split.start % 3, (self.total, self.count)


class Add(Reducer):
    def reduce(self, key, values):
        total, count = 0.0, 0
        for part, number in values:
            total += part
            count += number
        yield key, (total, count)


class Mean(IterativeJob):
    """Goes a part of the way to the mean of the numbers in each round."""

    start: float = Param(0.0, help="the first state")
    fail_in_round: int = Param(-1)
    die_in_round: int = Param(-1)

    mapper, reducer = Differences, Add
    until = settled(0.1) | max_rounds(40)
    checkpoint_every = 2
    split_bytes = 1000

    def initial_state(self):
        return self.ctx.params.start

    def step(self, state, output):
        total, count = 0.0, 0
        for _, (part, number) in output:
            total += part
            count += number
        return state + total / count

    def metrics(self, turn):
        return {"moved": turn.distance}


class Wrong(Mean):
    """Its step fails in the third round."""

    def step(self, state, output):
        if self.ctx.round == 2:
            raise ArithmeticError("lost my way")
        return super().step(state, output)


class Unpackable(Mean):
    """Its state can't travel."""

    def initial_state(self):
        return {1, 2}


class Endless(Mean):
    """Never arrives."""

    until = max_rounds(1_000_000)


class Remainders(Mapper):
    """Each number to the part of its line's remainder."""

    def map(self, offset, line):
        assert isinstance(self.ctx.state, float)
        yield offset % 3, float(line)


class Reciting(Reducer):
    def reduce(self, key, values):
        yield key, list(values)


class ByRemainder(Partitioner):
    def partition(self, key, partitions):
        return key % partitions


class Laid(Job):
    """The numbers as PlacedMean's rounds read them."""

    start: float = Param(0.0)

    mapper, reducer, partitioner = Remainders, Reciting, ByRemainder


class PartDifferences(Differences):
    def map(self, part, numbers):
        for number in numbers:
            super().map(0, number)

    def cleanup(self):
        yield 0, (self.total, self.count)


class PlacedMean(Mean):
    """As Mean, over parts that were laid before the first round."""

    mapper, placement = PartDifferences, Laid

    def parts(self, state):
        return 3


class LightAdd(Add, Light):
    """Which may run in the driver."""


class LightMean(Mean):
    """As Mean."""

    reducer = LightAdd


class Padded(Differences):
    """What it sends is much in every third round."""

    def cleanup(self):
        for key, value in super().cleanup():
            yield key, (*value, random.randbytes(70_000 * (self.ctx.round % 3 == 1)))


class AddPadded(Light):
    def reduce(self, key, values):
        yield from LightAdd().reduce(key, (value[:2] for value in values))


class PaddedMean(Mean):
    mapper, reducer = Padded, AddPadded


class Parsed(Differences):
    """Lines parsed once: to records of which no array is made."""

    def prepare(self, offset, line):
        return {"value": float(line), "words": [line, str(offset)]}

    def map(self, offset, record):
        assert record["words"] == [repr(record["value"]), str(offset)]
        super().map(offset, record["value"])


class ParsedMean(Mean):
    mapper = Parsed


class TightMean(ParsedMean):
    """A split's records take some thousand bytes."""

    pinned_bytes = 5_000


class ForgetfulMean(ParsedMean):
    pinned_bytes = 0


class Unkeepable(Parsed):
    """No file takes what it makes of a line."""

    def prepare(self, offset, line):
        return {**super().prepare(offset, line), "parser": lambda: line}


class UnkeepableMean(TightMean):
    mapper = Unkeepable


class InBatches(BatchMapper):
    """As Differences, of columns."""

    def setup(self):
        self.total, self.count = 0.0, 0

    def map_batch(self, batch):
        for line in batch["line"].to_pylist():
            self.total += (float(line) - self.ctx.state) / 2
            self.count += 1

    def cleanup(self):
        yield self.ctx.split.start % 3, (self.total, self.count)


class BatchMean(Mean):
    mapper = InBatches
    pinned_bytes = 0


class KeptBatchMean(BatchMean):
    pinned_bytes = 1_000_000


class TightBatchMean(BatchMean):
    pinned_bytes = 1_000


class InBlocks(BlockMapper):
    setup, cleanup = InBatches.setup, InBatches.cleanup

    def map_block(self, block):
        for line in block.split():
            self.total += (float(line) - self.ctx.state) / 2
            self.count += 1


class BlockMean(BatchMean):
    mapper = InBlocks


class TightBlockMean(TightBatchMean):
    mapper = InBlocks


class Emptying(BlockMapper):
    """Takes what it is given out of its list."""

    setup, cleanup = InBatches.setup, InBatches.cleanup

    def map_block(self, block):
        while block:
            self.total += (float(block.pop(0)) - self.ctx.state) / 2
            self.count += 1


class KeptListMean(KeptBatchMean):
    mapper, input_format = Emptying, "jsonl"
