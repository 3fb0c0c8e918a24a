"""Edges laid where they lead: before the first round each goes to the part that its end is in.

A part has the vertices between two borders, and all edges that lead to them, in order of their
ends. So each vertex is added up in one place, a round sends it once, and the sum is made
in the order of the input: neither splits nor parts change its last bits. Borders are chosen so that
parts have about as many edges each; how many parts there are depends on the edges alone.

    (from, to, weights)    a part, and what a map sends of one: places of vertices; no weights
                           where all are 1
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, ClassVar, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from mapred import Format, Job, Mapper, Param, Partitioner, Reducer
from mapred.formats.csr import Csr
from mapred.ml.rows import Block, Matrix, check_rows

# So many that reading them takes longer than a task does, and few enough to be sorted in a cache.
PART_EDGES: Final = 128 * 1024
PARTS_MAX: Final = 512
_NARROW_MAX: Final = 2**31

Edges: TypeAlias = tuple[Any, Any, Any]


def edges_of(rows: Block, vertices: Any) -> Edges:
    """(from, to, weights) of the edges; ends as places among `vertices`, or as they are.

    Raises:
        ValueError: rows that are no edges.
    """
    if isinstance(rows, Csr):
        raise ValueError(
            "edges are rows of two or three numbers, in text, Parquet or .npy; here are sparse ones"
        )
    if rows.shape[1] not in (2, 3):
        raise ValueError(
            f"edges have {rows.shape[1]} columns: from and to, and perhaps a weight, are needed"
        )
    source, target = rows[:, 0], rows[:, 1]
    if vertices is None:
        ends = source.astype(np.int64), target.astype(np.int64)
    else:
        ends = np.searchsorted(vertices, source), np.searchsorted(vertices, target)
    return *ends, rows[:, 2] if rows.shape[1] == 3 else np.ones(len(rows))


def borders_of(arriving: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Where parts begin, and the end of the last; `arriving`: of each vertex how many edges lead to
    it."""
    before = np.concatenate([[0], np.cumsum(arriving)])
    parts = min(PARTS_MAX, max(1, -(-int(before[-1]) // PART_EDGES)))
    wanted = before[-1] * np.arange(1, parts) / parts
    inner = np.searchsorted(before, wanted)
    # A vertex to which most edges lead may leave no others for a part.
    return np.unique(np.concatenate([[0], inner, [len(arriving)]])).astype(np.int64)


class _Sending(Mapper):
    """What goes to each part of a block of edges."""

    def map(self, first: int, rows: Matrix) -> Iterator[tuple[int, Edges]]:
        check_rows(rows, first, columns=self.ctx.params.columns or None)
        state = self.ctx.state
        vertices, borders = state["vertices"], state["borders"]
        source, target, weights = edges_of(rows, vertices)
        kind = np.int32 if len(vertices) < _NARROW_MAX else np.int64
        order = np.argsort(target, kind="stable")
        source, target = source[order].astype(kind), target[order].astype(kind)
        weights = weights[:0] if (weights == 1.0).all() else weights[order]
        cuts = np.searchsorted(target, borders)
        for part, (start, end) in enumerate(pairwise(cuts)):
            if start < end:
                yield part, (source[start:end], target[start:end], weights[start:end])


class _ByPart(Partitioner):
    def partition(self, key: int, partitions: int) -> int:
        return key


class _Laying(Reducer):
    def reduce(self, key: int, values: Iterator[Edges]) -> Iterator[tuple[int, Edges]]:
        given = list(values)
        source, target = (np.concatenate([one[side] for one in given]) for side in (0, 1))
        weights = np.empty(0)
        if any(len(one[2]) for one in given):
            weights = np.concatenate(
                [one[2] if len(one[2]) else np.ones(len(one[0])) for one in given]
            )
        order = np.argsort(target, kind="stable")
        yield key, (source[order], target[order], weights[order] if len(weights) else weights)


class EdgeParts(Job):
    """The edges of a table, in parts by where they lead."""

    columns: int = Param(0, help="how many columns there must be; 0: any")

    mapper: ClassVar[type[Mapper]] = _Sending
    reducer: ClassVar[type[Reducer] | None] = _Laying
    partitioner: ClassVar[type[Partitioner] | None] = _ByPart
    input_format: ClassVar[str | Format] = "matrix"
