"""Partial results that are sketches (hyperloglog.py), by whole columns: ApproxCountDistinct.

A sketch is its hashes as long as they are few, so what a key's sketches merge into depends on
which different hashes they have, and on nothing else: neither on their order nor on who merged some
of them before.
"""

from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mapred.shuffle.cells import column_of
from mapred.shuffle.columns import BYTES, FLOAT, INT, STR, Rows, vector_column
from mapred.shuffle.hyperloglog import (
    EXACT_MAX,
    HASH_BYTES,
    REGISTERS,
    estimate,
    places_and_ranks,
)
from mapred.shuffle.ordering import sort_order
from mapred.shuffle.partition import stable_hashes

_REGISTERS_WORDS: Final = REGISTERS // HASH_BYTES

Vector = NDArray[Any]


def lifted(rows: Rows) -> Rows | None:
    """A sketch of one hash for each value; None: values that only Python knows how to take."""
    if rows.values not in (INT, FLOAT, STR, BYTES):
        return None
    hashes = stable_hashes((), rows.values, rows.batch.columns[-1])
    cells = hashes.astype(">u8").view(np.uint8).reshape(-1, HASH_BYTES)
    return rows.with_values(BYTES, column_of(cells, pa.binary()))


def reduced(column: pa.Array, starts: Vector) -> pa.Array:
    """Of sorted rows: one sketch from each start to the next."""
    words, begins = _words(column)
    sizes = np.diff(begins)
    groups = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(column))))
    whole = sizes == _REGISTERS_WORDS
    hashes, of_group = _different(words, np.repeat(groups, sizes), np.repeat(whole, sizes))
    counts = np.bincount(of_group, minlength=len(starts))
    # Those that are registers from now on, by number.
    many = counts > EXACT_MAX
    many[groups[whole]] = True
    registers = np.zeros((int(np.count_nonzero(many)), REGISTERS), np.uint8)
    number = np.cumsum(many) - 1
    for row in np.flatnonzero(whole).tolist():
        mine = registers[number[groups[row]]]
        np.maximum(mine, _registers(words, begins[row]), out=mine)
    dense = many[of_group]
    places, ranks = places_and_ranks(hashes[dense])
    at = number[of_group[dense]] * REGISTERS + places
    np.maximum.at(registers.reshape(-1), at, ranks)
    lengths = np.where(many, _REGISTERS_WORDS, counts)
    ends = np.cumsum(lengths)
    found = np.empty(int(ends[-1]), ">u8")
    in_registers = np.repeat(many, lengths)
    found[~in_registers] = hashes[~dense]
    found[in_registers] = registers.reshape(-1).view(">u8")
    offsets = np.zeros(len(starts) + 1, np.int32)
    offsets[1:] = ends * HASH_BYTES
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(found.view(np.uint8))]
    return pa.Array.from_buffers(pa.binary(), len(starts), buffers)


def results(rows: Rows) -> Rows:
    """One sketch a key to about how many it has seen."""
    words, begins = _words(rows.batch.columns[-1])
    counts = np.diff(begins)
    for row in np.flatnonzero(counts == _REGISTERS_WORDS).tolist():
        counts[row] = estimate(_registers(words, begins[row]))
    return rows.with_values(INT, vector_column(counts))


def _words(column: pa.Array) -> tuple[Vector, Vector]:
    """All sketches as words of eight bytes, and where each begins and the last ends."""
    _, offsets, data = column.buffers()
    ends = np.frombuffer(offsets, np.int32)[column.offset :][: len(column) + 1].astype(np.int64)
    words = np.frombuffer(data, ">u8", int(ends[-1] - ends[0]) // HASH_BYTES, int(ends[0]))
    return words, (ends - ends[0]) // HASH_BYTES


def _registers(words: Vector, begin: int) -> Vector:
    return words[begin : begin + _REGISTERS_WORDS].view(np.uint8)


def _different(words: Vector, groups: Vector, whole: Vector) -> tuple[Vector, Vector]:
    """The different hashes of each group, in order, and their groups."""
    hashes = words[~whole].astype(np.uint64)
    groups = groups[~whole]
    if not len(hashes):
        return hashes, groups
    # As signed numbers, in the order of unsigned ones.
    signed = (hashes ^ np.uint64(1 << 63)).view(np.int64)
    order = sort_order(vector_column(signed), groups.astype(np.uint32))
    hashes, groups = hashes[order], groups[order]
    new = (hashes[1:] != hashes[:-1]) | (groups[1:] != groups[:-1])
    kept = np.concatenate(([True], new))
    return hashes[kept], groups[kept]
