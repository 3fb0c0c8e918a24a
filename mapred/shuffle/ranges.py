"""Ranges of keys: which reducer gets a key when the whole output is to be in order.

Reducer i gets the keys from boundary i - 1 up to, not including, boundary i. Boundaries are
keys as keys.encode has them (boundaries.py chooses them); numbers and strings are found column by
column, without that.
"""

import struct
from bisect import bisect_right
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mapred.shuffle.bytestrings import ByteStrings
from mapred.shuffle.columns import BYTES, FLOAT, INT, STR, Kind
from mapred.shuffle.keys import encode
from mapred.shuffle.sorter import PartitionFunction

# First bytes of what keys.encode makes of a str and of bytes.
_TAGS: Final = {STR: b"\x20", BYTES: b"\x30"}
_WORD_BYTES: Final = 8
_ORDINAL: Final = struct.Struct("<q")
_BITS: Final = struct.Struct("<d")
_INT_MIN: Final = -(1 << 63)
_INT_MAX: Final = (1 << 63) - 1
# Of -infinity, and of a NaN, which sorts after infinity.
_LEAST_FLOAT: Final = -(0x7FF << 52) - 1
_NAN: Final = (0x7FF << 52) + (1 << 51)

Targets = NDArray[np.uint32]


def ranges(boundaries: Sequence[bytes]) -> PartitionFunction:
    """The reducers of keys, by boundaries in ascending order."""
    strings = {kind: _Strings(boundaries, tag) for kind, tag in _TAGS.items()}
    numbers = {
        INT: np.array(_thresholds(boundaries, int, _INT_MIN, _INT_MAX), np.int64),
        FLOAT: np.array(_thresholds(boundaries, _float_at, _LEAST_FLOAT, _NAN), np.float64),
    }

    def targets(keys: Collection[Any], kind: Kind, column: pa.Array) -> Targets:
        if kind in strings:
            return strings[kind].targets(column)
        if kind in numbers:
            values = column.to_numpy(zero_copy_only=False)
            places: NDArray[np.int64] = np.searchsorted(numbers[kind], values, side="right")
            return places.astype(np.uint32)
        found = [bisect_right(boundaries, key) for key in column.to_pylist()]
        return np.array(found, np.uint32)

    return targets


def _thresholds(
    boundaries: Sequence[bytes], key_at: Callable[[int], Any], first: int, last: int
) -> list[Any]:
    """Of each boundary the least key from `key_at(first)` to `key_at(last)` that isn't below it.

    Boundaries above them all have none. So any boundary, of whatever type, can be compared
    with a column of numbers.
    """
    found = []
    for boundary in boundaries:
        low, end = first, last + 1
        while low < end:
            middle = (low + end) // 2
            if encode(key_at(middle)) < boundary:
                low = middle + 1
            else:
                end = middle
        if low <= last:
            found.append(key_at(low))
    return found


def _float_at(ordinal: int) -> float:
    """Floats numbered in their order: 0 is 0.0, 1 the least above it, -1 is -0.0."""
    bits = ordinal if ordinal >= 0 else ordinal ^ _INT_MAX
    return float(_BITS.unpack(_ORDINAL.pack(bits))[0])


class _Strings:
    """Boundaries as one kind of string sees them."""

    def __init__(self, boundaries: Sequence[bytes], tag: bytes) -> None:
        own = [one for one in boundaries if one[:1] == tag]
        # Keys of other kinds sort wholly before or wholly after.
        self._before = sum(1 for one in boundaries if one[:1] < tag)
        self._plain = [one[1:-2].replace(b"\x00\xff", b"\x00") for one in own]
        words = [one[:_WORD_BYTES].ljust(_WORD_BYTES, b"\x00") for one in self._plain]
        self._words = np.array([int.from_bytes(word) for word in words], np.uint64)

    def targets(self, column: pa.Array) -> Targets:
        strings = ByteStrings(column)
        first = strings.words_at(0, ">u8")
        found = np.searchsorted(self._words, first, side="right")
        # The same first bytes as a boundary's don't say on which side of it a key is.
        tied = np.flatnonzero(self._words[found - 1] == first) if len(self._words) else found[:0]
        for row in tied.tolist():
            found[row] = bisect_right(self._plain, strings.at(row))
        return (found + self._before).astype(np.uint32)
