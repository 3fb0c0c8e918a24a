"""Byte strings without a NUL as 64-bit words: what a KeyTable takes, and back.

Of a string's bytes the last eight are its last word, the eight before that the word before; its
first word has what is left, from the low bits on, and zeros. So up to eight bytes are one word.
Strings with as many words are equal if these are.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mapred.shuffle.cells import Cells, cells_of, words_at
from mapred.shuffle.keytable import Indices, Words

_WORD: Final = 8
# Longer strings aren't worth as many columns.
WORDS_MAX: Final = 8
# Before the data, so that a first word can begin before its string.
_MARGIN: Final = _WORD * WORDS_MAX


class Slices:
    """Pieces of a buffer, given by their ends and lengths."""

    def __init__(self, data: NDArray[np.uint8], ends: Indices, lengths: Indices) -> None:
        self._data = np.empty(_MARGIN + len(data), np.uint8)
        self._data[_MARGIN:] = data
        self._data[:_MARGIN] = 0
        self._ends = ends
        self._lengths = lengths
        # Eight bytes from every byte on.
        self._words: NDArray[Any] = np.ndarray(
            (len(self._data) - _WORD + 1,), "<u8", buffer=self._data, strides=(1,)
        )

    def by_words(self) -> Iterator[tuple[int, Indices | None, list[Words]]]:
        """(how many words, the rows that have as many, their words); no more than WORDS_MAX.

        The rows are None where they are all rows. Of one word are also rows with nothing.
        """
        ends, lengths = self._ends, self._lengths
        long = (lengths > _WORD).nonzero()[0]
        if len(long) < len(lengths):
            short = (lengths <= _WORD).nonzero()[0] if len(long) else None
            yield 1, short, self._words_of(1, *_of_rows(short, ends, lengths))
        if not len(long):
            return
        sizes = (lengths[long] + (_WORD - 1)) // _WORD
        for size in range(2, min(int(sizes.max()), WORDS_MAX) + 1):
            rows = long[sizes == size]
            if len(rows):
                chosen = rows if len(rows) < len(lengths) else None
                yield size, chosen, self._words_of(size, *_of_rows(chosen, ends, lengths))

    @property
    def longer(self) -> Indices | None:
        """The rows that have more words."""
        longer = self._lengths > _WORD * WORDS_MAX
        return longer.nonzero()[0] if longer.any() else None

    def column(self, rows: Indices, kind: pa.DataType) -> pa.Array:
        """Some rows as they are."""
        data, ends, lengths = self._data, self._ends[rows] + _MARGIN, self._lengths[rows]
        strings = [
            data[end - length : end].tobytes()
            for end, length in zip(ends.tolist(), lengths.tolist(), strict=True)
        ]
        return pa.array(strings, pa.binary()).cast(kind)

    def _words_of(self, count: int, ends: Indices, lengths: Indices) -> list[Words]:
        first = self._words[ends + (_MARGIN - _WORD * count)]
        # Of a string of no bytes all 64 bits go.
        first >>= ((_WORD * count - lengths) * _WORD).view(np.uint64)
        rest = (ends + (_MARGIN - _WORD * left) for left in range(count - 1, 0, -1))
        return [first, *(self._words[places] for places in rest)]


class EvenSlices:
    """Rows of one length: their words lie one below the other, in a table of bytes."""

    def __init__(self, cells: Cells) -> None:
        self._cells = cells

    def by_words(self) -> Iterator[tuple[int, Indices | None, list[Words]]]:
        """As above; of one size."""
        width = self._cells.shape[1]
        size = max(1, -(-width // _WORD))
        if size > WORDS_MAX:
            return
        first = words_at(self._cells, 0, "<u8")
        if size > 1:
            # What is left for the first one.
            first &= np.uint64((1 << _WORD * (width - _WORD * (size - 1))) - 1)
        rest = range(width - _WORD * (size - 1), width, _WORD)
        yield size, None, [first, *(words_at(self._cells, at, "<u8") for at in rest)]

    @property
    def longer(self) -> Indices | None:
        rows, width = self._cells.shape
        return np.arange(rows) if width > _WORD * WORDS_MAX else None


def _of_rows(rows: Indices | None, ends: Indices, lengths: Indices) -> tuple[Indices, Indices]:
    return (ends, lengths) if rows is None else (ends[rows], lengths[rows])


def column_of(words: Sequence[Words], kind: pa.DataType) -> pa.Array:
    """Strings of as many words each as a column."""
    laid = np.column_stack(words).astype("<u8", copy=False)
    characters = laid.view(np.uint8).reshape(len(laid), _WORD * len(words))
    there = characters != 0
    offsets = np.zeros(len(laid) + 1, np.int32)
    np.cumsum(np.count_nonzero(there, axis=1), out=offsets[1:])
    data = characters[there]
    return pa.Array.from_buffers(kind, len(laid), [None, pa.py_buffer(offsets), pa.py_buffer(data)])


def slices_of(column: pa.Array) -> Slices | EvenSlices | None:
    """Of a string or binary column without nulls; None if there are NULs in it."""
    if (cells := cells_of(column)) is not None:
        return None if cells.size and cells.min() == 0 else EvenSlices(cells)
    _, offsets, buffer = column.buffers()
    places = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
    first, last = (int(places[0]), int(places[-1])) if len(column) else (0, 0)
    data = np.frombuffer(buffer or b"", np.uint8)[first:last]
    if len(data) and data.min() == 0:
        return None
    ends: Indices = places.astype(np.int64) - first
    return Slices(data, ends[1:], np.diff(ends))
