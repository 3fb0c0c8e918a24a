"""An estimator's input: arrays of the caller, or tables in files; what is wrong with it is said.

A file is read where it is; an array is written beside the fit's other files (sessions.py).
"""

import os
import reprlib
from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from mapred.formats import Format, input_format
from mapred.formats.csr import Csr, csr_of
from mapred.formats.narrowing import narrowed, narrowed_rows
from mapred.inputs import input_files, splits_of
from mapred.storage import storage_for

Matrix: TypeAlias = npt.NDArray[Any]
# float64 or float32 (precision.py).
Kind: TypeAlias = np.dtype[Any]
# Rows that lie together.
Block: TypeAlias = Matrix | Csr
# What `fit` takes: a table's path, several, an array of rows, or a sparse one.
Rows: TypeAlias = "str | os.PathLike[str] | Sequence[str] | npt.ArrayLike | Csr"

FORMAT: Final = "matrix"
EXACT: Final = np.dtype(np.float64)
LOCAL_FILES: Final = "file://"


def check_rows(rows: Block, first: int, *, columns: int | None = None) -> None:
    """Raises ValueError: NaN, infinity, or another number of columns; says in which row."""
    if columns is not None and rows.shape[1] != columns:
        raise ValueError(f"rows have {rows.shape[1]} columns here, and {columns} are expected")
    if (place := _not_finite(rows)) is not None:
        row, column, value = place
        raise ValueError(
            f"column {column} of row {row} after {first} is {value}: "
            "fill or drop what is missing first"
        )


def check_counts(rows: Block, name: str) -> None:
    """Raises ValueError: a number below 0; says where."""
    numbers = rows.data if isinstance(rows, Csr) else rows
    if numbers.min(initial=0.0) >= 0:
        return
    row, column, value = _placed(rows, np.argwhere(numbers < 0))
    raise ValueError(
        f"{name}[{row}, {column}] is {value:g}: counts can't be below 0. "
        "GaussianNB takes any numbers"
    )


def _not_finite(rows: Block) -> tuple[int, int, float] | None:
    """Row, column and value of the first number that is none."""
    numbers = rows.data if isinstance(rows, Csr) else rows
    # One pass and no table of truths: a sum is finite only if all is, nearly always.
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(numbers.sum()):
            return None
    bad = np.argwhere(~np.isfinite(numbers))
    return _placed(rows, bad) if len(bad) else None


def _placed(rows: Block, bad: npt.NDArray[np.intp]) -> tuple[int, int, float]:
    """Row, column and value of the first of these numbers."""
    if isinstance(rows, Csr):
        at = int(bad[0, 0])
        return int(rows.row_numbers[at]), int(rows.indices[at]), float(rows.data[at])
    row, column = map(int, bad[0])
    return row, column, float(rows[row, column])


def as_block(values: Any, name: str = "X", kind: Kind = EXACT) -> Block:
    """Sparse where the values are, such as SciPy's csr_matrix; else as `as_matrix`.

    Raises:
        ValueError: what is wrong with them.
    """
    if isinstance(values, Csr) or hasattr(values, "tocsr"):
        try:
            block = (
                csr_of(values, values.targets)
                if isinstance(values, Csr)
                else csr_of(values.tocsr())
            )
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"{name} is no table of numbers: {error}") from None
        if not len(block) or not block.columns:
            raise ValueError(f"{name} is empty: its shape is {block.shape}")
        if (place := _not_finite(block)) is not None:
            raise ValueError(f"{name}[{place[0]}, {place[1]}] is {place[2]}: fill or drop it first")
        return block if kind == EXACT else narrowed_rows(block, name)
    return as_matrix(values, name, kind)


def as_vector(values: Any, length: int, name: str = "y") -> npt.NDArray[Any]:
    """One value for each row, of any kind.

    Raises:
        ValueError: another number of them, or a missing one.
    """
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} is no list of values: {error}") from None
    if array.ndim != 1:
        raise ValueError(f"{name} has {array.ndim} dimensions, and one value a row is needed")
    if np.ma.is_masked(values):
        raise ValueError(f"some of {name} is masked: drop those rows first")
    if array.dtype.kind == "c":
        raise ValueError(f"{name} holds complex numbers: take their sizes, or drop a part")
    if len(array) != length:
        raise ValueError(f"{name} has {len(array)} values, and X has {length} rows")
    if array.dtype.kind in "mM" and np.isnat(array).any():
        raise ValueError(f"{name}[{int(np.argmax(np.isnat(array)))}] is NaT: drop that row first")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        row = int(np.argmin(np.isfinite(array)))
        raise ValueError(f"{name}[{row}] is {array[row]}: drop that row first")
    if array.dtype.kind == "O":
        for row, value in enumerate(array):
            if _is_missing(value):
                raise ValueError(f"{name}[{row}] is {value}: drop that row first")
    return array


def _is_missing(value: Any) -> bool:
    """None, NaN, or pandas' NA, which answers every comparison with itself."""
    unequal = value is None or value != value
    return bool(unequal) if isinstance(unequal, bool | np.bool_) else unequal is value


def as_numbers(values: Any, length: int, name: str = "y") -> Matrix:
    """As `as_vector`, of numbers alone."""
    array = as_vector(values, length, name)
    if array.dtype.kind in "mM":
        raise ValueError(f"{name} holds {array.dtype}, and numbers are needed")
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        place, value = _no_number(array) or ("", None)
        more = f"{name}[{place}] is {reprlib.repr(value)}" if place else str(error)
        raise ValueError(f"{name} holds {array.dtype}, and numbers are needed: {more}") from None


def _no_number(array: npt.NDArray[Any]) -> tuple[str, Any] | None:
    """The place of the first value that can't be made a number, and the value."""
    for place, value in np.ndenumerate(array):
        try:
            float(value)
        except (TypeError, ValueError, OverflowError):
            plain = value.item() if isinstance(value, np.generic) else value
            return ", ".join(map(str, place)), plain
    return None


def told_apart(values: npt.NDArray[Any], name: str = "y") -> tuple[npt.NDArray[Any], Matrix]:
    """The distinct values in order, and of each value the place among them.

    Raises:
        ValueError: they are no classes.
    """
    check_classes(values, name)
    try:
        classes, places = np.unique(values, return_inverse=True)
    except TypeError:
        raise ValueError(
            f"{name} holds values that have no order among them, such as words and numbers: "
            "take one kind"
        ) from None
    return classes, places.astype(np.float64)


def check_classes(values: npt.NDArray[Any], name: str) -> None:
    """Raises ValueError: numbers with fractions are to be predicted, and not told apart."""
    if values.dtype.kind == "f" and (values != np.rint(values)).any():
        wrong = values[values != np.rint(values)][0]
        raise ValueError(
            f"{name} holds {wrong:g}, and classes are whole numbers or words. Numbers are "
            "predicted by LinearRegression and the like"
        )


def as_matrix(values: Any, name: str = "X", kind: Kind = EXACT) -> Matrix:
    """The values as a two-dimensional array of finite numbers with at least one row and column.

    Raises:
        ValueError: they aren't, and why.
    """
    try:
        array = np.asarray(values)
        if array.dtype.kind in "cmMV":
            raise TypeError(f"it has {array.dtype}")
        if np.ma.is_masked(values):
            raise ValueError("some of it is masked: fill or drop that first")
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} is no table of numbers: {error}") from None
    if not array.ndim and array.dtype.hasobject:
        raise ValueError(f"{name} is no table of numbers: it is {reprlib.repr(values)}")
    try:
        array = array.astype(kind if array.dtype == kind else EXACT)
    except (TypeError, ValueError, OverflowError) as error:
        at, value = _no_number(array) or ("", None)
        if at and _is_missing(value):
            raise ValueError(f"{name}[{at}] is {value}: fill or drop it first") from None
        more = f"{name}[{at}] is {reprlib.repr(value)}" if at else str(error)
        raise ValueError(f"{name} is no table of numbers: {more}") from None
    if not array.size:
        raise ValueError(f"{name} is empty: its shape is {array.shape}")
    if array.ndim != 2:
        hint = ": one row a point, so reshape(-1, 1) for one column" if array.ndim == 1 else ""
        raise ValueError(f"{name} has {array.ndim} dimensions, and 2 are needed{hint}")
    matrix = np.ascontiguousarray(array)
    if (place := _not_finite(matrix)) is not None:
        raise ValueError(f"{name}[{place[0]}, {place[1]}] is {place[2]}: fill or drop it first")
    return matrix if kind == EXACT else narrowed(matrix, name)


def paths_of(rows: Any) -> list[str] | None:
    """The paths, if that's what it is; None for an array."""
    if isinstance(rows, str | os.PathLike):
        return [os.fspath(rows)]
    if isinstance(rows, list | tuple) and rows and isinstance(rows[0], str | os.PathLike):
        return [os.fspath(path) for path in rows]
    return None


def blocks_of(
    paths: Sequence[str], filesystem: str = LOCAL_FILES, form: Format | None = None
) -> Iterator[Block]:
    """The rows of tables, a block at a time, read here and now.

    Raises:
        InputError: a path that isn't there, or no table of numbers.
    """
    files = input_files(paths, filesystem)
    word = FORMAT if form is None else str(form)
    for split in splits_of(files, split_bytes=0, input_format=word):
        for _, values in input_format(word).reader(split, storage_for(split.uri)).batches():
            yield from values
