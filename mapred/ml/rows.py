"""An estimator's input: arrays of the caller, or tables in files; what is wrong with it is said.

An array becomes a .npy file in a scratch directory, since that's what tasks can read at any
place; a file is read where it is.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from mapred.formats import input_format
from mapred.inputs import input_files, splits_of
from mapred.storage import storage_for

Matrix: TypeAlias = npt.NDArray[np.float64]
# What `fit` takes: a table's path, several, or an array of rows.
Rows: TypeAlias = "str | os.PathLike[str] | Sequence[str] | npt.ArrayLike"

FORMAT: Final = "matrix"
LOCAL_FILES: Final = "file://"


def check_rows(rows: Matrix, first: int, *, columns: int | None = None) -> None:
    """Raises ValueError: NaN, infinity, or another number of columns; says in which row."""
    if columns is not None and rows.shape[1] != columns:
        raise ValueError(f"rows have {rows.shape[1]} columns here, and {columns} are expected")
    if not np.isfinite(rows).all():
        row, column = np.argwhere(~np.isfinite(rows))[0]
        raise ValueError(
            f"column {column} of row {row} after {first} is {rows[row, column]}: "
            "fill or drop what is missing first"
        )


def as_matrix(values: Any, name: str = "X") -> Matrix:
    """The values as a two-dimensional array of finite float64 with at least one row and column.

    Raises:
        ValueError: they aren't, and why.
    """
    try:
        array = np.asarray(values)
        if array.dtype.kind == "c":
            raise TypeError("it has complex numbers")
        array = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} is no table of numbers: {error}") from None
    if array.ndim != 2:
        hint = ": one row a point, so reshape(-1, 1) for one column" if array.ndim == 1 else ""
        raise ValueError(f"{name} has {array.ndim} dimensions, and 2 are needed{hint}")
    if not array.size:
        raise ValueError(f"{name} is empty: its shape is {array.shape}")
    matrix = np.ascontiguousarray(array)
    if not np.isfinite(matrix).all():
        row, column = np.argwhere(~np.isfinite(matrix))[0]
        raise ValueError(f"{name}[{row}, {column}] is {matrix[row, column]}: fill or drop it first")
    return matrix


def paths_of(rows: Any) -> list[str] | None:
    """The paths, if that's what it is; None for an array."""
    if isinstance(rows, str | os.PathLike):
        return [os.fspath(rows)]
    if isinstance(rows, list | tuple) and rows and isinstance(rows[0], str | os.PathLike):
        return [os.fspath(path) for path in rows]
    return None


def blocks_of(paths: Sequence[str]) -> Iterator[Matrix]:
    """The rows of tables, a block at a time, read here and now.

    Raises:
        InputError: a path that isn't there, or no table of numbers.
    """
    files = input_files(paths, LOCAL_FILES)
    for split in splits_of(files, split_bytes=0, input_format=FORMAT):
        for _, values in input_format(FORMAT).reader(split, storage_for(split.uri)).batches():
            yield from values


def saved(matrix: Matrix, path: Path) -> str:
    """The path of a .npy file with the rows."""
    np.save(path, matrix)
    return str(path)
