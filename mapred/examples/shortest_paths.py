"""Ways from a place to all others: a loop whose records go on from round to round.

mapred submit mapred/examples/shortest_paths.py roads.txt -D source=ulm -o ways

A line of the input is an edge: two names and, if it isn't 1, how long it is. A line of the output
is a name and how far it is from the source; places that can't be reached aren't in it.

The records are the distances of Lin and Dyer's "Data-Intensive Text Processing with MapReduce"
(5.2): how far a vertex is, or how far it is by one of its neighbours. A round's reducers find the
nearer way to each vertex, and its mapper sends the ways that are new along the edges, in the same
task. The edges, which the book sends along with every vertex in every round, are placed once.
"""

from collections.abc import Iterator
from math import inf
from typing import Any

from mapred import Input, Job, Mapper, Param, Reducer
from mapred.iterative import IterativeJob, Stop


class Edges(Mapper):
    """Lines to edges, by where they begin."""

    def map(self, offset: int, line: str) -> Iterator[tuple[str, Any]]:
        if words := line.split():
            begin, end, *length = words
            yield begin, (end, float(length[0]) if length else 1.0)


class Together(Reducer):
    """All edges of a vertex."""

    def reduce(self, vertex: str, edges: Iterator[Any]) -> Iterator[tuple[str, Any]]:
        yield vertex, list(edges)


class Roads(Job):
    """What the rounds find in  self.ctx.placed."""

    source: str = Param()

    inputs = (Input("edges", mapper=Edges),)
    reducer = Together


class Begin(Mapper):
    """The source, if there is such a place."""

    def setup(self) -> None:
        self.found = False

    def map(self, offset: int, line: str) -> None:
        self.found = self.found or self.ctx.params.source in line.split()[:2]

    def cleanup(self) -> Iterator[tuple[str, Any]]:
        if self.found:
            yield self.ctx.params.source, 0.0


class Onward(Mapper):
    """How far a vertex is stays known; those behind it hear of its way, if that is new."""

    def map(self, vertex: str, known: Any) -> Iterator[tuple[str, Any]]:
        way, new = known
        yield vertex, (way,)
        if new:
            for end, length in self.ctx.placed.get(vertex, ()):
                yield end, way + length


class Ways(Mapper):
    """What is told of a vertex in the end."""

    def map(self, vertex: str, known: Any) -> Iterator[tuple[str, float]]:
        way, _ = known
        yield vertex, way


class Nearest(Reducer):
    """The nearest way to a vertex, and whether it is new."""

    def setup(self) -> None:
        self.changed = 0

    def reduce(self, vertex: str, values: Iterator[Any]) -> Iterator[tuple[str, Any]]:
        before = way = inf
        for value in values:
            match value:
                case (before,):
                    pass
                case _:
                    way = min(way, value)
        new = way < before
        self.changed += new
        yield vertex, (min(way, before), new)

    def cleanup(self) -> None:
        self.ctx.to_step("changed", self.changed)


class ShortestPaths(IterativeJob):
    """How far everything is from a source."""

    source: str = Param(help="where ways begin")

    inputs = (Input("edges", mapper=Begin),)
    placement, mapper, reducer = Roads, Onward, Nearest
    carries, ending, reducers = True, Ways, 4
    checkpoint_every = 10

    def initial_state(self) -> int:
        return 0

    def step(self, state: int, output: Any) -> int:
        return sum(changed for _, changed in output)

    def until(self, turn: Any) -> Stop | None:
        return Stop("no way got shorter") if turn.state == 0 else None

    def metrics(self, turn: Any) -> dict[str, float]:
        return {"changed": turn.state}
