"""Folding by hash, whole columns at a time, in numpy: a table of keys that stays in a CPU's cache.

A key is one 64-bit word, or several. A place of the table has a tag: the word itself, or a hash of
the words, which stand beside it. The hash can be undone where all words but the first are known, so
that keys are equal if tags and these words are. Keys look for their tag from where its product with
a constant leads, place by place, all keys that are still looking at once; most find it at once.

Exact: who meets the tag of another key, or looks for too long, isn't taken, and told so.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Words: TypeAlias = NDArray[np.uint64]
Indices: TypeAlias = NDArray[np.int64]

# A place without a key. No bytes without a NUL are this word; a number that is it isn't taken.
_EMPTY: Final = np.uint64(0x9E6C63D0762C4A00)
# 2^64 over the golden ratio: its multiples lie far apart.
_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)
# By stage. What one table gives comes to the next in order of places: with the same constant there,
# keys that come together would all want the same few places of a smaller table.
_SPREADS: Final = (_SPREAD, np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0xA0761D6478BD642F))
WORDS_STAGE: Final = 0
MAP_STAGE: Final = 1
REDUCE_STAGE: Final = 2
_MIX: Final = np.uint64(0xD6E8FEB86659FD93)
_WORD_BITS: Final = 64
# A table begins with so many places, but takes up a small share of what it may: keys of other
# lengths have tables of their own beside it.
_FIRST_BITS_MAX: Final = 17
_FIRST_BITS_MIN: Final = 8
_FIRST_SHARE: Final = 16
# What a piece's vectors and the beginning of a table take up should fit into a cache.
_PIECE_ROWS_MAX: Final = 32_768
# Before it grows, a table is five eighths full at most: of a million keys at random the longest way
# is some 150 places. Keys that don't find theirs are made for it.
_STEPS_MAX: Final = 256
# What it holds goes out by as many places as take up so much.
_GIVEN_BYTES: Final = 1 << 20


class KeyTable:
    """One value for every key: `fold` (numpy's add, minimum or maximum) of all its values."""

    def __init__(
        self,
        words: int,
        fold: np.ufunc,
        start: float,
        kind: type[Any],
        bytes_max: int,
        stage: int = WORDS_STAGE,
    ) -> None:
        self._fold = fold
        self._spread = _SPREADS[stage]
        # Whoever has several tables may change it.
        self.bytes_max = bytes_max
        # It would have to grow beyond that, and takes ever fewer keys.
        self.full = False
        # What changes nothing that it is folded with.
        self._start = start
        self._kind = kind
        self._several = words if words > 1 else 0
        self.place_bytes: Final = _WORD_BITS // 8 * (2 + self._several)
        bits = (bytes_max // _FIRST_SHARE // self.place_bytes).bit_length() - 1
        self._make(max(_FIRST_BITS_MIN, min(bits, _FIRST_BITS_MAX)))

    def _make(self, bits: int) -> None:
        # There are no more than that.
        self._keys_max = 0
        self._bits = bits
        size = 1 << bits
        self._tags: Words = np.full(size, _EMPTY)
        self._words = [np.zeros(size, np.uint64) for _ in range(self._several)]
        self._values: NDArray[Any] = np.full(size, self._start, self._kind)

    @property
    def bytes(self) -> int:
        return len(self._tags) * self.place_bytes

    @property
    def keys(self) -> int:
        return int(np.count_nonzero(self._tags != _EMPTY))

    def add(self, words: Sequence[Words], values: Any) -> Indices:
        """Takes keys, each with its value, or all with one value; the rows that it doesn't take."""
        tags = words[0] if len(words) == 1 else _hashed(words)
        refused = [(tags == _EMPTY).nonzero()[0]]
        at = 0
        while at < len(tags):
            end = at + min(_PIECE_ROWS_MAX, len(self._tags) // 8)
            places = self._places([word[at:end] for word in words], tags[at:end], _STEPS_MAX)
            piece = values[at:end] if isinstance(values, np.ndarray) else values
            taken = places >= 0
            if not taken.all():
                refused.append((~taken).nonzero()[0] + at)
                piece = piece[taken] if isinstance(piece, np.ndarray) else piece
                places = places[taken]
            self._fold.at(self._values, places, piece)
            at = end
            self._make_room()
        return np.unique(np.concatenate(refused)) if any(map(len, refused)) else refused[0]

    def items(self) -> Iterator[tuple[list[Words], NDArray[Any]]]:
        """Keys in no particular order, and their values, some at a time."""
        return _items(self._tags, self._words or [self._tags], self._values)

    def _places(self, words: Sequence[Words], tags: Words, steps: int) -> Indices:
        """Where each key is; it is put there if it is new. -1: nowhere."""
        places = self._first_places(tags)
        found = self._tags.take(places)
        rows = (found != tags).nonzero()[0]
        if len(rows):
            self._search(words, tags, places, rows, steps)
        for mine, theirs in zip(words[1:], self._words[1:], strict=True):
            differ = theirs.take(places) != mine
            if differ.any():
                places[differ] = -1
        places[tags == _EMPTY] = -1
        return places

    def _first_places(self, tags: Words) -> Indices:
        found: Indices = ((tags * self._spread) >> np.uint64(_WORD_BITS - self._bits)).view(
            np.int64
        )
        return found

    def _search(
        self, words: Sequence[Words], tags: Words, places: Indices, rows: Indices, steps: int
    ) -> None:
        """For rows that haven't found their tags; sets their places."""
        at, wanted = places[rows], tags[rows]
        for _ in range(steps):
            new = (self._tags[at] == _EMPTY).nonzero()[0]
            if len(new):
                self._keys_max += len(new)
                # Of several that want a place the last has it, in every column.
                self._tags[at[new]] = wanted[new]
                for mine, theirs in zip(words, self._words, strict=False):
                    theirs[at[new]] = mine[rows[new]]
            lost = (self._tags[at] != wanted).nonzero()[0]
            places[rows] = at
            if not len(lost):
                return
            rows, wanted = rows[lost], wanted[lost]
            at = (at[lost] + 1) & (len(self._tags) - 1)
        places[rows] = -1

    def _make_room(self) -> None:
        if 2 * self._keys_max <= len(self._tags):
            return
        self._keys_max = self.keys
        if 2 * self._keys_max <= len(self._tags):
            return
        # Four times as many places if that can be: all keys move each time.
        more = 2 if 4 * self.bytes <= self.bytes_max else 1
        self.full = more * 2 * self.bytes > self.bytes_max
        if not self.full:
            items = self.items()
            self._make(self._bits + more)
            for words, values in items:
                tags = words[0] if len(words) == 1 else _hashed(words)
                # However long it takes: there is a place for each.
                self._values[self._places(words, tags, len(self._tags))] = values


def _items(
    tags: Words, words: list[Words], values: NDArray[Any]
) -> Iterator[tuple[list[Words], NDArray[Any]]]:
    step = _GIVEN_BYTES // (_WORD_BITS // 8 * (1 + len(words)))
    for start in range(0, len(tags), step):
        places = (tags[start : start + step] != _EMPTY).nonzero()[0] + start
        if len(places):
            yield [word[places] for word in words], values[places]


def _hashed(words: Sequence[Words]) -> Words:
    tags = words[0] * _SPREAD
    for word in words[1:]:
        tags ^= tags >> np.uint64(29)
        tags ^= word
        tags *= _MIX
    tags ^= tags >> np.uint64(32)
    return tags
