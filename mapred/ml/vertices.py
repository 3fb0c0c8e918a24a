"""Programs on the vertices of a graph, in the manner of Pregel: what goes along the edges in a
round, and what a vertex makes of what it gets.

Edges are rows (from, to) or (from, to, weight). They stay where they are mapped, with their ends
looked up once; the values of the vertices are the state. A map gathers what goes along its edges,
a number a vertex however many edges. PageRank's edges lie where they lead: by parts (edgeparts.py),
or as the caller's array was written. There a map sums up its own vertices, as the reducer of the
round before would: nothing is left to reduce, and the driver reads each vertex about once a round.
Components and ways send the vertices that changed.

    Ranking       PageRank: each vertex shares out its rank
    Joining       connected components: the smallest label, and the label's label
    Relaxing      shortest paths: the nearest of the neighbours, and the way from there
    Closing       triangles: edges between the neighbours of an edge's end
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from mapred import Job, Mapper, Param, Reducer
from mapred.iterative import Round
from mapred.iterative.loop import Output
from mapred.ml.edgeparts import EdgeParts, edges_of
from mapred.ml.rows import Matrix, check_rows
from mapred.ml.summation import OnePass, Rounds, Summing, Sums

# What is looked up at once when triangles are closed.
_WEDGES_AT_ONCE = 1 << 20


def smallest(left: Sums | None, right: Sums) -> Sums:
    """Of each vertex the smallest value; "at" has their places, in order."""
    if left is None:
        return right
    at, places = np.unique(np.concatenate([left["at"], right["at"]]), return_inverse=True)
    values = np.concatenate([left["values"], right["values"]])
    found = np.full(len(at), values.max(initial=0), values.dtype)
    np.minimum.at(found, places, values)
    return {"at": at, "values": found}


def lowered(before: Matrix, total: Sums) -> Matrix:
    """The values, with those that came out smaller."""
    values = before.copy()
    np.minimum.at(values, total["at"], total["values"])
    return values


def changes(before: Matrix, after: Matrix) -> Sums:
    at = np.flatnonzero(after < before)
    return {"at": at, "values": after[at]}


def united(left: Sums | None, right: Sums) -> Sums:
    if left is None:
        return right
    names = np.union1d(left["vertices"], right["vertices"])
    leaving, arriving = np.zeros(len(names)), np.zeros(len(names), np.int64)
    for part in (left, right):
        places = np.searchsorted(names, part["vertices"])
        leaving[places] += part["leaving"]
        arriving[places] += part["arriving"]
    lowest = min(left["lowest"], right["lowest"])
    return {"vertices": names, "leaving": leaving, "arriving": arriving, "lowest": lowest}


class Along(Summing):
    """A mapper whose `along` gets the edges of a block, with places of vertices as their ends."""

    def prepare(self, first: int, rows: Matrix) -> tuple[Any, ...]:
        check_rows(rows, first, columns=self.ctx.params.columns or None)
        return edges_of(rows, self.ctx.state["vertices"])

    def map(self, first: int, edges: Any) -> None:
        self.total = self.plus(self.total, self.along(*edges))

    def along(self, source: Any, target: Any, weights: Any) -> Sums:
        raise NotImplementedError(f"{type(self).__name__} has no along(self, source, target, …)")


class Naming(Summing):
    """Vertices, the weights that leave each, how many edges arrive, and the lowest weight."""

    plus = staticmethod(united)

    def part(self, rows: Any, targets: Any) -> Sums:
        _, _, weights = edges_of(rows, None)
        names, places = np.unique(rows[:, :2], return_inverse=True)
        places = places.reshape(-1, 2)
        return {
            "vertices": names,
            "leaving": np.bincount(places[:, 0], weights, minlength=len(names)),
            "arriving": np.bincount(places[:, 1], minlength=len(names)),
            "lowest": float(weights.min(initial=np.inf)),
        }


class Names(OnePass):
    """The vertices that edges have, in order."""

    mapper: ClassVar[type[Mapper]] = Naming

    def advanced(self, state: Any, total: Sums) -> dict[str, Any]:
        return total


# --- PageRank


class Sharing(Mapper):
    """What vertices get of the ranks of those whose edges lead to them: a part of the edges, or a
    block, has (the first of its vertices, what each gets from there on)."""

    # The last state that this process saw, and what goes along its edges: the splits of a task
    # have the same. Of a state's arrays nobody writes to any.
    _last: ClassVar[tuple[Any, Matrix]] = ({}, np.empty(0))

    def prepare(self, first: int, rows: Any) -> tuple[Any, ...]:
        """Of a part of the edges or a block of rows. Where edges lead is counted from the lowest
        place, which comes last; no weights where all are 1."""
        if isinstance(rows, tuple):
            ends, weights = [side.astype(np.int64) for side in rows[:2]], rows[2]
        else:
            check_rows(rows, first, columns=self.ctx.params.columns or None)
            *ends, weights = edges_of(rows, self.ctx.state["vertices"])
        source, target = ends
        lowest = target.min()
        plain = (weights == 1.0).all()
        return source, target - lowest, weights[:0] if plain else weights, np.array(lowest)

    def map(self, first: int, edges: Any) -> Iterator[tuple[int, Matrix]]:
        source, place, weights, lowest = edges
        going = self._going()[source]
        if len(weights):
            going *= weights
        yield int(lowest), np.bincount(place, going)

    def _going(self) -> Matrix:
        """Of each vertex's rank what goes along an edge of weight 1."""
        state = self.ctx.state
        if Sharing._last[0] is not state:
            ranks, leaving = state["ranks"], state["leaving"]
            going = np.divide(ranks, leaving, out=np.zeros(len(ranks)), where=leaving > 0)
            Sharing._last = state, going
        return Sharing._last[1]


class Ranking(Rounds):
    """Ranks that stay the same when they are shared out along the edges."""

    alpha: float = Param(0.85, help="share of a rank that goes along the edges")

    mapper: ClassVar[type[Mapper]] = Sharing
    reducer: ClassVar[type[Reducer] | None] = None
    placement: ClassVar[type[Job] | None] = EdgeParts
    checkpoint_every: ClassVar[int] = 10

    def parts(self, state: Any) -> int:
        """None where the edges lie so already."""
        return len(state["borders"]) - 1 if state["borders"] is not None else 0

    def step(self, state: Any, output: Output) -> dict[str, Any]:
        """Adds in the order of the edges: the vertex at a border may be of two blocks."""
        got, empty = np.zeros(len(state["ranks"])), True
        for first, part in output:
            got[first : first + len(part)] += part
            empty = False
        if empty:
            raise ValueError("the input has no rows")
        return self.advanced(state, {"ranks": got})

    def advanced(self, state: Any, total: Sums) -> dict[str, Any]:
        before, alpha, count = state["ranks"], self.ctx.params.alpha, len(state["ranks"])
        # What no edge takes along is everybody's.
        loose = float(before[state["leaving"] == 0].sum())
        ranks = alpha * total["ranks"] + (alpha * loose / count + (1.0 - alpha) / count)
        change = float(np.abs(ranks - before).sum())
        return {**state, "ranks": ranks, "change": change, "metrics": {"change": change}}

    def arrived(self, turn: Round) -> str:
        limit = self.ctx.params.tol * len(turn.state["ranks"])
        if turn.state["change"] < limit:
            return f"the ranks changed by {turn.state['change']:.3g}, less than {limit:g}"
        return ""


# --- connected components


class Hooking(Along):
    plus = staticmethod(smallest)

    def along(self, source: Any, target: Any, weights: Any) -> Sums:
        state = self.ctx.state
        labels = state["labels"]
        found, ends = labels.copy(), (labels[source], labels[target])
        # Onto the label's own vertex, so that whole trees move at once.
        np.minimum.at(found, ends[0], ends[1])
        np.minimum.at(found, ends[1], ends[0])
        return changes(labels, found)


class Joining(Rounds):
    """Of each vertex the smallest vertex that it is connected with, whatever the directions."""

    mapper: ClassVar[type[Mapper]] = Hooking
    checkpoint_every: ClassVar[int] = 10

    def advanced(self, state: Any, total: Sums) -> dict[str, Any]:
        labels = lowered(state["labels"], total)
        while not np.array_equal(further := labels[labels], labels):
            labels = further
        changed = int((labels != state["labels"]).sum())
        shown = {"changed": changed, "components": int((labels == np.arange(len(labels))).sum())}
        return {**state, "labels": labels, "changed": changed, "metrics": shown}

    def arrived(self, turn: Round) -> str:
        return "" if turn.state["changed"] else "no label changed"


# --- shortest paths


class Reaching(Along):
    plus = staticmethod(smallest)

    def along(self, source: Any, target: Any, weights: Any) -> Sums:
        state = self.ctx.state
        if self.ctx.round == 1 and weights.min(initial=0.0) < 0:
            raise ValueError(f"an edge has the length {weights.min():g}: below 0")
        lengths = state["lengths"]
        found = lengths.copy()
        np.minimum.at(found, target, lengths[source] + weights)
        if not self.ctx.params.directed:
            np.minimum.at(found, source, lengths[target] + weights)
        return changes(lengths, found)


class Relaxing(Rounds):
    """Lengths of the shortest ways from some vertices; infinite where there's none."""

    directed: bool = Param(True, help="whether edges lead one way only")

    mapper: ClassVar[type[Mapper]] = Reaching
    checkpoint_every: ClassVar[int] = 10

    def advanced(self, state: Any, total: Sums) -> dict[str, Any]:
        lengths = lowered(state["lengths"], total)
        shorter = int((lengths < state["lengths"]).sum())
        shown = {"shortened": shorter, "reached": int(np.isfinite(lengths).sum())}
        return {**state, "lengths": lengths, "shorter": shorter, "metrics": shown}

    def arrived(self, turn: Round) -> str:
        return "" if turn.state["shorter"] else "no way became shorter"


# --- triangles


def gathered(left: Sums | None, right: Sums) -> Sums:
    """Counted edges of both; or numbers, added."""
    if left is None:
        return right
    if "edges" not in left:
        return {"triangles": left["triangles"] + right["triangles"]}
    edges, places = np.unique(np.concatenate([left["edges"], right["edges"]]), return_inverse=True)
    times = np.bincount(places, np.concatenate([left["times"], right["times"]]))
    return {"edges": edges, "times": times}


class Closed(Along):
    """First which edges there are, and how often; then the triangles that each closes."""

    plus = staticmethod(gathered)

    def along(self, source: Any, target: Any, weights: Any) -> Sums:
        state = self.ctx.state
        apart = source != target
        source, target = source[apart], target[apart]
        count = state["count"]
        if self.ctx.round == 1:
            low, high = np.minimum(source, target), np.maximum(source, target)
            edges, times = np.unique(low * count + high, return_counts=True)
            return {"edges": edges, "times": times.astype(np.float64)}
        # From the end with fewer edges: then no vertex has many that lead on.
        order, starts, ends = state["order"], state["starts"], state["ends"]
        swap = order[source] > order[target]
        a, b = np.where(swap, target, source), np.where(swap, source, target)
        place = np.searchsorted(state["keys"], order[a] * count + order[b])
        found = np.zeros(count)
        lengths = starts[order[a] + 1] - starts[order[a]]
        borders = np.cumsum(lengths)
        first = 0
        while first < len(a):
            base = borders[first - 1] if first else 0
            last = max(first + 1, int(np.searchsorted(borders, base + _WEDGES_AT_ONCE)))
            part = slice(first, last)
            edge = np.repeat(np.arange(first, min(last, len(a))), lengths[part])
            begun = borders[part] - lengths[part] - base
            offset = np.arange(len(edge)) - np.repeat(begun, lengths[part])
            third = ends[starts[order[a[edge]]] + offset]
            wanted = order[b[edge]] * count + third
            at = np.minimum(np.searchsorted(state["keys"], wanted), len(state["keys"]) - 1)
            closed = state["keys"][at] == wanted
            # An edge that is there twice closes its triangles half each time.
            share = 1.0 / state["times"][place[edge[closed]]]
            for vertex in (a[edge[closed]], b[edge[closed]], state["back"][third[closed]]):
                found += np.bincount(vertex, share, minlength=count)
            first = last
        return {"triangles": found}


class Closing(Rounds):
    """Of each vertex in how many triangles it is; edges have no direction here."""

    mapper: ClassVar[type[Mapper]] = Closed

    def advanced(self, state: Any, total: Sums) -> dict[str, Any]:
        count = state["count"]
        if "triangles" in total:
            found = np.rint(total["triangles"]).astype(np.int64)
            return {**state, "triangles": found, "metrics": {"triangles": int(found.sum()) // 3}}
        low, high = np.divmod(total["edges"], count)
        degrees = np.bincount(low, minlength=count) + np.bincount(high, minlength=count)
        # Vertices numbered by their degree: edges lead from the smaller number.
        back = np.argsort(degrees, kind="stable")
        order = np.empty(count, np.int64)
        order[back] = np.arange(count)
        a, b = np.minimum(order[low], order[high]), np.maximum(order[low], order[high])
        keys = a * count + b
        sorting = np.argsort(keys, kind="stable")
        starts = np.concatenate([[0], np.cumsum(np.bincount(a, minlength=count))])
        return {
            **state,
            "order": order,
            "back": back,
            "keys": keys[sorting],
            "times": total["times"][sorting],
            "starts": starts,
            "ends": b[sorting],
            "degrees": degrees,
            "metrics": {"edges": len(keys)},
        }

    def arrived(self, turn: Round) -> str:
        return "two rounds are enough" if turn.number == 2 else ""
