"""Sorting integers with their rows: both in one 64-bit word, sorted as plain numbers.

    group | key - least key | row

Measured: three times as fast as a stable argsort. Rows make words unique, and equal keys stay in
their order. Where the three don't fit, keys lose their last bits, and the few rows that tie without
them are sorted afterwards; where many tie, as words of a language do, there is no gain.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]

_WORD_BITS: Final = 64
_NARROW_BITS: Final = 32
# Fewer bits of a key would hardly tell keys apart.
_KEY_BITS_MIN: Final = 16
# One in so many rows may tie.
_TIED_SHARE: Final = 8


def packed_order(keys: NDArray[Any], groups: NDArray[np.uint32] | None) -> Indices | None:
    """The rows in order of (group, key), stable; None where another way is faster.

    `keys` are int64 or uint64, at least one.
    """
    spread = keys.view(np.uint64) - keys.min().view(np.uint64)
    rows_bits = (len(keys) - 1).bit_length()
    groups_bits = 0 if groups is None else int(groups.max()).bit_length()
    keys_bits = int(spread.max()).bit_length()
    kept_bits = min(keys_bits, _WORD_BITS - rows_bits - groups_bits)
    if kept_bits < min(keys_bits, _KEY_BITS_MIN):
        return None
    dropped = keys_bits - kept_bits
    # In place wherever that can be: with small rows these vectors are what a sort takes up.
    words = spread >> np.uint64(dropped) if dropped else spread
    if groups is not None and groups_bits:
        shifted = groups.astype(np.uint64)
        shifted <<= np.uint64(kept_bits)
        words |= shifted
        del shifted
    words <<= np.uint64(rows_bits)
    words |= np.arange(len(keys), dtype=np.uint32 if rows_bits <= _NARROW_BITS else np.uint64)
    words.sort()
    mask = np.uint64((1 << rows_bits) - 1)
    if not dropped:
        words &= mask
        whole: Indices = words.view(np.int64)
        return whole
    order: Indices = (words & mask).view(np.int64)
    words >>= np.uint64(rows_bits)
    same = words[1:] == words[:-1]
    del words
    return _untied(spread, order, same)


def _untied(spread: NDArray[np.uint64], order: Indices, same: NDArray[np.bool_]) -> Indices | None:
    """Sorts what lost its difference with the last bits; `same[i]`: rows i and i + 1 tie."""
    if _TIED_SHARE * np.count_nonzero(same) > len(order):
        return None
    tied = np.zeros(len(order), np.bool_)
    tied[1:] |= same
    tied[:-1] |= same
    places = np.flatnonzero(tied)
    ties = np.cumsum(np.concatenate(([True], ~same)))[places]
    order[places] = order[places][np.lexsort((spread[order[places]], ties))]
    return order
