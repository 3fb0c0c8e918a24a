"""Numbers of 64 bits as float32, which half the memory holds: rounded, unless one is too large."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mapred.formats.csr import Csr

Matrix = npt.NDArray[Any]
_NARROW_INDEX: Final = np.iinfo(np.int32).max


def narrowed(values: Matrix, name: str) -> Matrix:
    """Raises ValueError: a number is beyond the largest float32; `name` holds it."""
    with np.errstate(over="ignore", invalid="ignore"):
        found = values.astype(np.float32, copy=False)
        # One pass where all is well: a sum is finite only if all is.
        if np.isfinite(found.sum()):
            return found
    large = values[np.isinf(found) & np.isfinite(values)]
    if large.size:
        raise ValueError(
            f"{name} holds {large.flat[0]:g}, which is too large for float32: take dtype='float64'"
        )
    return found


def narrowed_rows(rows: "Matrix | Csr", name: str) -> "Matrix | Csr":
    """Raises ValueError as `narrowed` does. Targets that sparse rows carry stay as they are."""
    if not isinstance(rows, Csr):
        return narrowed(rows, name)
    indices = rows.indices
    if rows.columns <= _NARROW_INDEX:
        indices = indices.astype(np.int32, copy=False)
    return Csr(narrowed(rows.data, name), indices, rows.indptr, rows.columns, rows.targets)
