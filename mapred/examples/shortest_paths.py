"""Ways from a place to all others: a loop whose records go on from round to round.

mapred submit mapred/examples/shortest_paths.py roads.txt -D source=ulm -o ways

A line of the input is an edge: two names and, if it isn't 1, how long it is. A line of the output
is a name and how far it is from the source; places that can't be reached aren't in it.

The records are those of Lin and Dyer's "Data-Intensive Text Processing with MapReduce" (5.2): what
is known of a vertex, or how far it is by one of its neighbours. A round's reducers find the nearer
way to each vertex, and its mapper sends the ways that are new along the edges, in the same task.
"""

from collections.abc import Iterator
from math import inf
from typing import Any

from mapred import Input, Mapper, Param, Reducer
from mapred.iterative import IterativeJob, Stop


class Edges(Mapper):
    """Lines to edges, by where they begin."""

    def map(self, offset: int, line: str) -> Iterator[tuple[str, Any]]:
        if words := line.split():
            begin, end, *length = words
            yield begin, (end, float(length[0]) if length else 1.0)
            yield end, ()


class Onward(Mapper):
    """A vertex stays as it is; those behind it hear of its way, if that is new."""

    def map(self, vertex: str, known: Any) -> Iterator[tuple[str, Any]]:
        way, edges, new = known
        yield vertex, (way, edges)
        if new:
            for end, length in edges:
                yield end, way + length


class Ways(Mapper):
    """What is told of a vertex in the end."""

    def map(self, vertex: str, known: Any) -> Iterator[tuple[str, float]]:
        way, *_ = known
        if way < inf:
            yield vertex, way


class Nearest(Reducer):
    """What is known of a vertex, with the nearest way there."""

    def setup(self) -> None:
        self.changed = 0

    def reduce(self, vertex: str, values: Iterator[Any]) -> Iterator[tuple[str, Any]]:
        before, told = inf, []
        edges: list[tuple[str, float]] = []
        for value in values:
            match value:
                case float():
                    told.append(value)
                case (float() as before, list() as edges):
                    pass
                case (end, length):
                    edges.append((end, length))
        if self.ctx.round == 1 and vertex == self.ctx.params.source:
            told.append(0.0)
        way = min(before, *told) if told else before
        self.changed += way < before
        yield vertex, (way, edges, way < before)

    def cleanup(self) -> None:
        self.ctx.to_step("changed", self.changed)


class ShortestPaths(IterativeJob):
    """How far everything is from a source."""

    source: str = Param(help="where ways begin")

    inputs = (Input("edges", mapper=Edges),)
    mapper, reducer = Onward, Nearest
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
