"""The hash of one key, in Python: what partition.py gives whole columns.

numpy's call for one number costs more than the number's whole hash does here.
"""

import hashlib
import math
import struct
from typing import Any, Final

from mapred.shuffle.keys import encode, plain

_WORD: Final = (1 << 64) - 1
_K0: Final = 0x9E3779B97F4A7C15
_K1: Final = 0xD6E8FEB86659FD93
_MIX: Final = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_SEEDS: Final = {str: 1, bytes: 2, float: 3}
_SEED_ENCODED: Final = 4
_STEPPED_BYTES_MAX: Final = 64
_INT64: Final = range(-(1 << 63), 1 << 63)


def hash_of(key: Any) -> int:
    """64 bits; raises TypeError for what can't be a key."""
    value = plain(key)
    kind = type(value)
    if kind is int and value in _INT64:
        return _mixed(value & _WORD)
    if kind is str:
        return _of_bytes(value.encode("utf-8", "surrogatepass"), _SEEDS[str])
    if kind is bytes:
        return _of_bytes(value, _SEEDS[bytes])
    if kind is float:
        return _of_float(value)
    return _of_bytes(encode(value), _SEED_ENCODED)


def _of_float(value: float) -> int:
    if value.is_integer():
        whole = int(value)
        return _mixed(whole & _WORD) if whole in _INT64 else _of_bytes(encode(value), _SEED_ENCODED)
    (bits,) = struct.unpack("<Q", struct.pack("<d", math.nan if value != value else value))
    return _mixed(bits ^ _SEEDS[float])


def _of_bytes(data: bytes, seed: int) -> int:
    if len(data) > _STEPPED_BYTES_MAX:
        digest = hashlib.blake2b(data, digest_size=8).digest()
        return _mixed(int.from_bytes(digest, "little") ^ seed)
    found = (seed + len(data) * _K0) & _WORD
    for at in range(0, len(data), 8):
        found = ((found ^ int.from_bytes(data[at : at + 8], "little")) * _K1) & _WORD
        found ^= found >> 29
    return _mixed(found)


def _mixed(value: int) -> int:
    value = ((value ^ (value >> 30)) * _MIX[0]) & _WORD
    value = ((value ^ (value >> 27)) * _MIX[1]) & _WORD
    return value ^ (value >> 31)
