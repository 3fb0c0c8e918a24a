"""Sorting a key column, and finding places in a sorted one. All stable, all vectorised.

Byte strings sort by their first eight bytes as one integer; rows that tie go on with the
next eight. Measured: three times as fast as sorting the strings themselves. What all strings
begin with is left out.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mapred.shuffle.bytestrings import ByteStrings
from mapred.shuffle.cells import Cells, cells_of, words_at
from mapred.shuffle.packing import packed_order

# Rows that tie for this many words are sorted as whole strings: long equal beginnings
# would cost a pass for every eight bytes.
_WORDS_MAX: Final = 16
# What is made of so many rows that tie stays in a CPU's cache, and is never large.
_PIECE_ROWS: Final = 65_536

Indices = NDArray[np.int64]


def sort_order(column: pa.Array, groups: NDArray[np.uint32] | None = None) -> Indices:
    """The rows in order of (group, key); equal ones stay in their order."""
    if _is_number(column):
        return _lexsort(_numbers(column), groups)
    strings = ByteStrings(column)
    at, first = _first_words(strings)
    order = _lexsort(first, groups)
    first = first[order]
    same = first[1:] == first[:-1]
    del first
    if not same.any():
        return order
    if groups is not None:
        groups = groups[order]
        same &= groups[1:] == groups[:-1]
    for start, end in _between_ties(same):
        _break_ties(strings, order[start:end], same[start : end - 1], at)
    return order


def _between_ties(same: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Pieces of some size, of whole ties, that have some."""
    start, rows = 0, len(same) + 1
    while start < rows:
        end = start + _PIECE_ROWS
        # Row `end` mustn't tie with the one before.
        end += int(np.argmin(same[end - 1 :])) if end < rows else 0
        if end >= rows or same[end - 1]:
            end = rows
        if same[start : end - 1].any():
            yield start, end
        start = end


def _first_words(strings: ByteStrings) -> tuple[int, NDArray[np.uint64]]:
    """Where strings begin to differ, and the eight bytes of each from there on."""
    at, first = 0, strings.words_at(0, ">u8")
    while len(first) and (shared := _shared_bytes(first, strings.lengths, at)):
        at += shared
        first = strings.words_at(at, ">u8")
        if at >= 8 * _WORDS_MAX:
            break
    return at, first


def _shared_bytes(words: NDArray[np.uint64], lengths: NDArray[np.int32], at: int) -> int:
    """How many bytes of these words, the strings' from `at` on, all have in common."""
    different = int(np.bitwise_or.reduce(words ^ words[0]))
    alike = 8 - (different.bit_length() + 7) // 8
    return max(0, min(alike, int(lengths.min()) - at))


def _lexsort(keys: NDArray[Any], groups: NDArray[np.uint32] | None) -> Indices:
    if len(keys) and keys.dtype.kind in "iu":
        order = packed_order(keys, groups)
        if order is not None:
            return order
    if groups is None:
        return np.argsort(keys, kind="stable")
    by_key = np.argsort(keys, kind="stable")
    # numpy sorts 16 bits by radix, which is several times as fast.
    narrow = groups.astype(np.uint16) if groups.max(initial=0) < 1 << 16 else groups
    return by_key[np.argsort(narrow[by_key], kind="stable")]


def _break_ties(strings: ByteStrings, order: Indices, same: NDArray[np.bool_], at: int) -> None:
    """Sorts rows whose words from `at` on are equal; `same[i]`: rows i and i + 1 tie."""
    # Positions in `order` still tied, and which tie each belongs to.
    places, ties = _tied(np.arange(len(order)), same)
    while len(places):
        rows = order[places]
        # How many bytes of the last word belong to the row; 9: it goes on.
        ended = np.minimum(strings.lengths[rows] - at, 9)
        keep = _undecided(ties, ended)
        places, ties, rows, ended = places[keep], ties[keep], rows[keep], ended[keep]
        at += 8
        if not len(places):
            return
        if at >= 8 * _WORDS_MAX:
            _sort_whole(strings, order, places, ties)
            return
        words = np.zeros(len(rows), np.uint64)
        more = np.flatnonzero(ended == 9)
        words[more] = strings.words(rows[more], at, ">u8")
        by = np.lexsort((words, ended, ties))
        order[places] = rows[by]
        ties, ended, words = ties[by], ended[by], words[by]
        same = (ties[1:] == ties[:-1]) & (ended[1:] == ended[:-1]) & (words[1:] == words[:-1])
        places, ties = _tied(places, same & (ended[1:] == 9))


def _tied(places: Indices, same: NDArray[np.bool_]) -> tuple[Indices, Indices]:
    """The places that tie with a neighbour, and the number of each one's tie."""
    if not len(same):
        return places[:0], places[:0]
    tied = np.zeros(len(places), np.bool_)
    tied[1:] |= same
    tied[:-1] |= same
    begins = np.ones(len(places), np.bool_)
    begins[1:] = ~same
    numbers: Indices = np.cumsum(begins)
    return places[tied], numbers[tied]


def _undecided(ties: Indices, ended: Indices) -> NDArray[np.bool_]:
    """Rows of ties that aren't wholly equal: somebody goes on, or the lengths differ."""
    starts = np.flatnonzero(np.r_[True, ties[1:] != ties[:-1]])
    low, high = np.minimum.reduceat(ended, starts), np.maximum.reduceat(ended, starts)
    open_ties = (high == 9) | (low != high)
    return np.repeat(open_ties, np.diff(np.r_[starts, len(ties)]))


def _sort_whole(strings: ByteStrings, order: Indices, places: Indices, ties: Indices) -> None:
    starts = np.flatnonzero(np.r_[True, ties[1:] != ties[:-1]])
    for run in np.split(places, starts[1:]):
        order[run] = sorted(order[run].tolist(), key=strings.at)


def group_starts(column: pa.Array) -> Indices:
    """Where a new key begins in a sorted column; the first row is always one."""
    if len(column) == 0:
        return np.empty(0, np.int64)
    if _is_number(column):
        values = _numbers(column)
        new = values[1:] != values[:-1]
        if pa.types.is_floating(column.type):
            new &= ~(np.isnan(values[1:]) & np.isnan(values[:-1]))
    elif (cells := cells_of(column)) is not None:
        new = _lines_differ(cells)
    else:
        new = pc.not_equal(column.slice(1), column.slice(0, len(column) - 1)).to_numpy(
            zero_copy_only=False
        )
    return np.concatenate(([0], np.flatnonzero(new) + 1))


def _lines_differ(cells: Cells) -> NDArray[np.bool_]:
    """Of each line but the first: whether it differs from the one before."""
    words = words_at(cells, 0, "<u8")
    new: NDArray[np.bool_] = words[1:] != words[:-1]
    alike = np.flatnonzero(~new)
    new[alike] = (cells[alike + 1] != cells[alike]).any(axis=1)
    return new


def rows_below(column: pa.Array, bound: Any) -> int:
    """How many rows of a sorted column come before `bound`."""
    if _is_number(column):
        return int(np.searchsorted(_numbers(column), bound, side="left"))
    return bisect_left(_Items(column), bound)


def rows_up_to(column: pa.Array, bound: Any) -> int:
    """How many rows of a sorted column come before `bound` or equal it."""
    if _is_number(column):
        return int(np.searchsorted(_numbers(column), bound, side="right"))
    return bisect_right(_Items(column), bound)


class _Items:
    """A column as a sequence of Python objects, converted one at a time."""

    def __init__(self, column: pa.Array) -> None:
        self._column = column

    def __len__(self) -> int:
        return len(self._column)

    def __getitem__(self, row: int) -> Any:
        return self._column[row].as_py()


def _is_number(column: pa.Array) -> bool:
    return bool(pa.types.is_integer(column.type) or pa.types.is_floating(column.type))


def _numbers(column: pa.Array) -> NDArray[Any]:
    return np.asarray(column.to_numpy(zero_copy_only=False))
