"""Loops that the tests submit; this file is their job file."""

import os
import signal

from mapred import Mapper, Param, Reducer
from mapred.iterative import IterativeJob, max_rounds, settled


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
