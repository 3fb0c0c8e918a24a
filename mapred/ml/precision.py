"""float64 or float32: here it is decided in which numbers an estimator keeps its rows and reckons.

With dtype="float32"
- rows are rounded where they are decoded, and stay in the workers as float32: half the memory;
- a block's own arithmetic, its products above all, is done in float32;
- what blocks add up to is float64 from the block on, and so is all that a round's driver makes of
  it: sums don't lose digits with the number of rows, and are the same for any number of workers;
- what was learned is rounded to float32 in the end.

Columns far from 0 against their spread keep few digits in float32: centre them first.
"""

import reprlib
from typing import Any, Final

import numpy as np

from mapred.formats import Format
from mapred.ml.rows import Block, Kind, Matrix

FLOAT64: Final = "float64"
FLOAT32: Final = "float32"
# Of files: whole numbers below it are the same in float32.
CLASS_MAX: Final = 2**24


def kind_of(dtype: Any) -> Kind:
    """What the parameter `dtype` means: whatever NumPy takes for one of the two, such as float.
    None isn't among them: of scikit-learn's it means the rows' own. Raises ValueError."""
    try:
        found: Any = None if dtype is None else np.dtype(dtype)
    except (TypeError, ValueError, SyntaxError):
        found = None
    for kind in (np.dtype(FLOAT64), np.dtype(FLOAT32)):
        # NumPy takes None for float64.
        if found is not None and found == kind:
            return kind
    raise ValueError(f"dtype={reprlib.repr(dtype)}: '{FLOAT64}' or '{FLOAT32}' is needed")


def table_format(kind: Kind) -> Format | None:
    """How files are read; None: as jobs read tables anyway."""
    return None if kind == FLOAT64 else Format("matrix", dtype=kind.name)


def rounding(kind: Kind) -> float:
    """From 1 to the next number."""
    return float(np.finfo(kind).eps)


def as_of(values: Any, rows: Block) -> Matrix:
    """Numbers of a state, or of targets, in the precision of the rows that meet them."""
    return np.asarray(values).astype(rows.dtype, copy=False)


def widened(part: dict[str, Any]) -> dict[str, Any]:
    """The statistic of a block as it is added to others."""
    return {
        name: value.astype(np.float64)
        if isinstance(value, np.ndarray) and value.dtype == np.float32
        else value
        for name, value in part.items()
    }


def check_narrow_classes(classes: Matrix, kind: Kind) -> None:
    """Raises ValueError: those of files may be others, once they are rounded."""
    if kind == FLOAT64:
        return
    wrong = classes[np.abs(classes) >= CLASS_MAX]
    if len(wrong):
        raise ValueError(
            f"a class is {wrong[0]:.0f}: with dtype='{FLOAT32}' classes in files are whole numbers "
            f"below {CLASS_MAX}. Number them, or take dtype='{FLOAT64}'"
        )
