"""Vectors in fewer bytes on their way. All but the last are right on average, and nothing has to be
remembered of a round.

    float32   rounded to the nearest float of 32 bits                          4 bytes a number
    int8      of 256 numbers the largest counts 127; the rest is rounded up    about 1 byte
              or down by lot, as far as it is from either
    sparse    a tenth of the numbers is sent, drawn by their size; each that   about 0.8 bytes
              is sent is as much larger as it was unlikely to be
    topk      the tenth with the largest numbers; the rest is owed (owed.py)        0.8 bytes
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from mapred.ml.rows import Matrix

Packed = dict[str, Any]
WHOLE: Final = "float32"
LARGEST: Final = "topk"
_TOGETHER: Final = 256
_SHARE: Final = 0.1


def _float32(values: Matrix) -> Packed:
    return {"values": values.astype(np.float32)}


def _int8(values: Matrix, random: np.random.Generator) -> Packed:
    rows = np.zeros((-(-len(values) // _TOGETHER), _TOGETHER))
    rows.reshape(-1)[: len(values)] = values
    scales = (np.abs(rows).max(axis=1) / 127.0).astype(np.float32)
    # A scale that was rounded down would let the largest be more than 127.
    scales = np.nextafter(scales, np.float32(np.inf))
    exact = rows / np.where(scales > 0, scales, 1.0)[:, None].astype(np.float64)
    rounded = np.floor(exact + random.random(exact.shape))
    return {"values": rounded.astype(np.int8).reshape(-1)[: len(values)], "scales": scales}


def _sparse(values: Matrix, random: np.random.Generator) -> Packed:
    chances = _chances(np.abs(values), max(1, round(_SHARE * len(values))))
    places = np.flatnonzero(random.random(len(values)) < chances)
    kept = (values[places] / chances[places]).astype(np.float32)
    return {"values": kept, "places": places.astype(np.uint32), "length": len(values)}


def _largest(values: Matrix) -> Packed:
    """The same of equals on any machine: the first."""
    wanted, sizes = max(1, round(_SHARE * len(values))), np.abs(values)
    least = np.partition(sizes, -wanted)[-wanted]
    above = np.flatnonzero(sizes > least)
    equal = np.flatnonzero(sizes == least)[: wanted - len(above)]
    places = np.sort(np.concatenate([above, equal]))
    kept = values[places].astype(np.float32)
    return {"values": kept, "places": places.astype(np.uint32), "length": len(values)}


def _chances(sizes: Matrix, wanted: int) -> Matrix:
    """Proportional to the sizes, none above 1, and `wanted` together."""
    certain = np.zeros(len(sizes), bool)
    while True:
        rest = float(sizes[~certain].sum())
        left = wanted - int(certain.sum())
        if rest <= 0 or left <= 0:
            return np.where(certain, 1.0, 0.0)
        chances = np.where(certain, 1.0, sizes * (left / rest))
        above = (chances >= 1.0) & ~certain
        if not above.any():
            return np.asarray(chances)
        certain |= above


_BY_LOT: Final[dict[str, Callable[[Matrix, np.random.Generator], Packed]]] = {
    "int8": _int8,
    "sparse": _sparse,
}
_PACK: Final[dict[str, Callable[[Matrix], Packed]]] = {WHOLE: _float32, LARGEST: _largest}
WAYS: Final = (WHOLE, *_BY_LOT, LARGEST)


def compressed(values: Matrix, way: str, random: np.random.Generator | None = None) -> Packed:
    """`way`: one of WAYS; those by lot need `random`."""
    if way in _PACK:
        return {"way": way, **_PACK[way](values)}
    assert random is not None
    return {"way": way, **_BY_LOT[way](values, random)}


def restored(packed: Packed) -> Matrix:
    """What arrives, as float64."""
    values: Matrix = packed["values"].astype(np.float64)
    if packed["way"] == "int8":
        return np.asarray(values * np.repeat(packed["scales"], _TOGETHER)[: len(values)])
    if "places" in packed:
        found = np.zeros(packed["length"])
        found[packed["places"]] = values
        return found
    return values


def bytes_of(packed: Packed) -> int:
    return sum(part.nbytes for part in packed.values() if isinstance(part, np.ndarray))
