"""A loop that carries its records on; tests submit this file, and do by hand what it does."""

import os
import signal
import time

from mapred import Input, Job, Mapper, Param, Partitioner, Reducer
from mapred.columnar import BatchMapper
from mapred.iterative import IterativeJob, max_rounds


class Vertices(Mapper):
    """Lines of a vertex and those behind it."""

    def map(self, offset, line):
        vertex, *behind = line.split()
        assert self.ctx.round == 0
        yield vertex, (float(len(vertex)), behind)
        for other in behind:
            yield other, 0.0


class Share(Mapper):
    """Each vertex gives what it has to those behind it, a little of which is lost on the way."""

    def map(self, vertex, value):
        amount, behind = value
        params = self.ctx.params
        if self.ctx.round == params.die_in_round and self.ctx.attempt.number == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.ctx.round == params.fail_in_round:
            raise RuntimeError(f"no luck with {vertex}")
        yield vertex, (0.0, behind)
        for other in behind:
            yield other, amount / 3 / len(behind) + self.ctx.state * 1e-3


class Gather(Reducer):
    def setup(self):
        self.total = 0.0

    def reduce(self, vertex, values):
        amount, behind = self.ctx.state / 7 + self.ctx.round, []
        for value in values:
            if isinstance(value, float):
                amount += value
            else:
                amount += value[0]
                behind = value[1]
        self.total += amount
        yield vertex, (amount, behind)

    def cleanup(self):
        self.ctx.to_step("total", self.total)


class Amounts(Mapper):
    def map(self, vertex, value):
        yield vertex, value[0].hex()


class Spreading(IterativeJob):
    """Amounts that go along edges: sums of floats, whose last bits depend on their order."""

    until = max_rounds(9)
    inputs = (Input("vertices", mapper=Vertices),)
    mapper, reducer, ending = Share, Gather, Amounts
    carries, reducers, checkpoint_every = True, 3, 2
    split_bytes = 300

    # A file that a round waits for, and which it is.
    gate: str = Param("")
    gate_round: int = Param(-1)
    die_in_round: int = Param(-1)
    fail_in_round: int = Param(-1)

    def initial_state(self):
        return 1.0

    def step(self, state, output):
        params = self.ctx.params
        while self.ctx.round + 1 == params.gate_round and not os.path.exists(params.gate):
            time.sleep(0.02)
        return sum(total for _, total in output) / 1000

    def metrics(self, turn):
        return {"total": turn.state}


class Behind(Mapper):
    """Lines of a vertex and those behind it."""

    def map(self, offset, line):
        vertex, *behind = line.split()
        assert self.ctx.state
        yield vertex, behind


class Only(Reducer):
    def reduce(self, vertex, values):
        (behind,) = values
        self.ctx.count("placed", "vertices")
        yield vertex, behind


class Layout(Job):
    """The edges, which no round changes."""

    gate: str = Param("")
    gate_round: int = Param(-1)
    die_in_round: int = Param(-1)
    fail_in_round: int = Param(-1)

    mapper, reducer = Behind, Only


class Bare(Vertices):
    """Vertices without their edges."""

    def map(self, offset, line):
        for vertex, value in super().map(offset, line):
            yield vertex, value if isinstance(value, float) else (value[0], ())


class Look(Share):
    """As Share, with the edges that are placed."""

    def map(self, vertex, value):
        amount, _ = value
        for key, sent in super().map(vertex, (amount, self.ctx.placed[vertex])):
            yield key, (sent if isinstance(sent, float) else (sent[0], ()))


class Laid(Spreading):
    """The same amounts, whose edges aren't carried."""

    inputs = (Input("vertices", mapper=Bare),)
    mapper, placement = Look, Layout


class LookTooEarly(Bare):
    def map(self, offset, line):
        yield "", self.ctx.placed


class Early(Laid):
    inputs = (Input("vertices", mapper=LookTooEarly),)


class Unlaid(Spreading):
    mapper = Look


class Twice(Reducer):
    def reduce(self, vertex, values):
        yield vertex, 1
        yield vertex, 2


class TwiceLaid(Layout):
    reducer = Twice


class Ambiguous(Laid):
    placement = TwiceLaid


class Elsewhere(Partitioner):
    def partition(self, key, partitions):
        return 0


class LaidElsewhere(Layout):
    partitioner = Elsewhere


class Apart(Laid):
    placement = LaidElsewhere


class Parted(Laid):
    def parts(self, state):
        return 3


class Unsaved(Spreading):
    """Begins anew when something is lost."""

    checkpoint_every = 0


class Plain(Spreading):
    """As it is carried."""

    ending = None


class Chatty(Gather):
    def reduce(self, vertex, values):
        for number in range(20_000):
            self.ctx.to_step(vertex, number)


class Chattering(Spreading):
    reducer = Chatty


class InBatches(BatchMapper):
    def map_batch(self, batch):
        return batch


class Columns(Spreading):
    mapper = InBatches


class Ends(Spreading):
    carries = False
