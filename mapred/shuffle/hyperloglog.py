"""About how many different hashes there are, in 4 KiB.

HyperLogLog (Flajolet, Fusy, Gandouet, Meunier, AofA 2007) with a 64-bit hash, so without the
correction for large ranges (Heule, Nunkesser, Hall, EDBT 2013). With 4096 registers its standard
error is 1.04 / √4096 = 1.6 %; up to 256 different hashes are counted exactly.

A sketch is bytes: sorted hashes of 8 bytes each (big-endian) while there are few, else a byte a
register. A register holds the greatest rank: where the first 1 is after the bits of the index.
"""

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

HASH_BYTES: Final = 8
EXACT_MAX: Final = 256
_INDEX_BITS: Final = 12
REGISTERS: Final = 1 << _INDEX_BITS
_REST_BITS: Final = 64 - _INDEX_BITS
# The paper's bias correction for this many registers, and where linear counting is better.
_ALPHA: Final = 0.7213 / (1 + 1.079 / REGISTERS)
_LINEAR_MAX: Final = 2.5 * REGISTERS

Registers = NDArray[np.uint8]
Hashes = NDArray[np.uint64]


def places_and_ranks(hashes: Hashes) -> tuple[NDArray[np.int64], Registers]:
    """Of each: its register, and its rank there."""
    rests = hashes & np.uint64((1 << _REST_BITS) - 1)
    # A float's exponent: 52 bits are floats exactly.
    lengths: NDArray[Any] = np.frexp(rests.astype(np.float64))[1]
    ranks = (_REST_BITS + 1 - lengths).astype(np.uint8)
    return (hashes >> np.uint64(_REST_BITS)).astype(np.int64), ranks


def estimate(registers: Registers) -> int:
    """Of one sketch that is registers."""
    found = _ALPHA * REGISTERS**2 / float(np.exp2(-registers.astype(np.float64)).sum())
    empty = int((registers == 0).sum())
    if empty and found <= _LINEAR_MAX:
        found = REGISTERS * math.log(REGISTERS / empty)
    return round(found)
