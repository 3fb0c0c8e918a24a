"""Which reducer gets a key: a stable hash of the key, the same in every process and version.

    str                  H(UTF-8 bytes, lone surrogates passed), seed 1
    bytes                H(bytes), seed 2
    integral numbers     mix(value) where the value fits 64 bits, whatever the type
    other numbers        mix(bits of the float64 ^ seed 3), NaN as one
    all else             H(keys.encode(key)), seed 4: None, bool, dates, tuples, integers past
                         64 bits

    H(data)    up to 64 bytes: h = seed + length × K0, then for every eight bytes (little-endian,
               zero-padded) h = (h ^ word) × K1, h ^= h >> 29; at last mix(h).
               Longer: mix(seed ^ BLAKE2b-64 of the data).
    mix        the finaliser of splitmix64

Equal keys (see keys.py) have equal hashes: that is the rule which a change here must keep.
"""

import hashlib
from collections.abc import Collection
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mapred.shuffle.bytestrings import ByteStrings
from mapred.shuffle.columns import BYTES, ENCODED, FLOAT, INT, STR, Kind, key_column
from mapred.shuffle.keys import encode, plain

_SEED_OF: Final = {STR: 1, BYTES: 2, ENCODED: 4}
_SEED_FLOAT: Final = np.uint64(3)
_K0: Final = np.uint64(0x9E3779B97F4A7C15)
_K1: Final = np.uint64(0xD6E8FEB86659FD93)
_MIX: Final = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
# Past this a cryptographic hash per key beats a vector step for every eight bytes.
_VECTOR_BYTES_MAX: Final = 64
# What is made of so many rows stays in a CPU's cache.
_PIECE_ROWS: Final = 32_768
_INT64_MIN: Final = -(2.0**63)
_INT64_END: Final = 2.0**63

Hashes = NDArray[np.uint64]


def partition_of(key: Any, partitions: int) -> int:
    """The reducer of one key."""
    return int(partitions_of([key], *key_column([key])[:2], partitions)[0])


def partitions_of(
    keys: Collection[Any], kind: Kind, column: pa.Array, partitions: int
) -> NDArray[np.uint32]:
    """The reducer of every key; `column` is their typed or encoded column."""
    return (stable_hashes(keys, kind, column) % np.uint64(partitions)).astype(np.uint32)


def stable_hashes(keys: Collection[Any], kind: Kind, column: pa.Array) -> Hashes:
    if kind is INT:
        return _mixed(column.to_numpy(zero_copy_only=False).view(np.uint64))
    if kind is FLOAT:
        return _float_hashes(column.to_numpy(zero_copy_only=False))
    if kind is ENCODED:
        return _encoded_hashes(keys, column)
    return _string_hashes(column, _SEED_OF[kind])


def _mixed(values: Hashes) -> Hashes:
    values = (values ^ (values >> np.uint64(30))) * _MIX[0]
    values = (values ^ (values >> np.uint64(27))) * _MIX[1]
    return values ^ (values >> np.uint64(31))


def _float_hashes(values: NDArray[np.float64]) -> Hashes:
    values = np.where(np.isnan(values), np.nan, values)
    hashes = _mixed(values.view(np.uint64) ^ _SEED_FLOAT)
    in_range = (values >= _INT64_MIN) & (values < _INT64_END)
    integral = in_range & (np.floor(values) == values)
    hashes[integral] = _mixed(values[integral].astype(np.int64).view(np.uint64))
    # Integral but past 64 bits: as an int of the same value would be hashed.
    for at in np.flatnonzero(np.isfinite(values) & ~in_range):
        hashes[at] = _one_encoded(float(values[at]))
    return hashes


def _one_encoded(key: Any) -> np.uint64:
    hashes: Hashes = _string_hashes(pa.array([encode(key)], pa.binary()), _SEED_OF[ENCODED])
    return np.uint64(hashes[0])


def _encoded_hashes(keys: Collection[Any], column: pa.Array) -> Hashes:
    """Each key as its own type is hashed, though another type stands beside it."""
    hashes = _string_hashes(column, _SEED_OF[ENCODED])
    values = list(map(plain, keys))
    for kind in (str, bytes, int, float):
        rows = [row for row, key in enumerate(values) if type(key) is kind]
        if rows:
            chosen = [values[row] for row in rows]
            hashes[rows] = _typed_hashes(chosen, kind, hashes[rows])
    return hashes


def _typed_hashes(keys: list[Any], kind: type, encoded: Hashes) -> Hashes:
    if kind is str:
        data = [key.encode("utf-8", "surrogatepass") for key in keys]
        return _string_hashes(pa.array(data, pa.binary()), _SEED_OF[STR])
    if kind is bytes:
        return _string_hashes(pa.array(keys, pa.binary()), _SEED_OF[BYTES])
    if kind is float:
        return _float_hashes(np.array(keys, np.float64))
    fits = np.array([-(1 << 63) <= key < 1 << 63 for key in keys])
    values = np.array([key if fit else 0 for key, fit in zip(keys, fits, strict=True)], np.int64)
    return np.where(fits, _mixed(values.view(np.uint64)), encoded)


def _string_hashes(column: pa.Array, seed: int) -> Hashes:
    hashes: Hashes = np.empty(len(column), np.uint64)
    for start in range(0, len(column), _PIECE_ROWS):
        piece = ByteStrings(column.slice(start, _PIECE_ROWS))
        hashes[start : start + _PIECE_ROWS] = _piece_hashes(piece, seed)
    return hashes


def _piece_hashes(strings: ByteStrings, seed: int) -> Hashes:
    hashes: Hashes = np.uint64(seed) + strings.lengths.astype(np.uint64) * _K0
    longest = min(int(strings.lengths.max(initial=0)), _VECTOR_BYTES_MAX)
    for at in range(0, longest, 8):
        if strings.even:
            hashes ^= strings.words_at(at, "<u8")
            hashes *= _K1
            hashes ^= hashes >> np.uint64(29)
            continue
        rows = np.flatnonzero(strings.lengths > at)
        step = (hashes[rows] ^ strings.words(rows, at, "<u8")) * _K1
        hashes[rows] = step ^ (step >> np.uint64(29))
    hashes = _mixed(hashes)
    for row in np.flatnonzero(strings.lengths > _VECTOR_BYTES_MAX):
        digest = hashlib.blake2b(strings.at(int(row)), digest_size=8).digest()
        word = np.array([int.from_bytes(digest, "little") ^ seed], np.uint64)
        hashes[row] = _mixed(word)[0]
    return hashes
