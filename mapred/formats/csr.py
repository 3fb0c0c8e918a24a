"""Blocks of sparse rows, and the files that hold them.

    row i    columns indices[indptr[i] : indptr[i+1]], with the numbers data[…] there; else 0

A block may carry its rows' targets (the first word of a libsvm line). `X @ W` and `X.T @ R`
work as with arrays: what learns of rows seldom asks whether they are dense. Sums are made in
the order of the data, so they are the same every time.

.csr: frames of packed.py, each with one pair ("rows", dict of the arrays). A file is never
cut: whoever writes many rows writes several files.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

from mapred.errors import InputError
from mapred.formats.packed import PackedWriter, read_pairs
from mapred.formats.port import RecordBatch
from mapred.iterative.packed import PackedError
from mapred.model import Split
from mapred.storage.port import OutputFile, Storage

Matrix = npt.NDArray[Any]
_KEY: Final = "rows"
_PARTS: Final = ("data", "indices", "indptr", "columns", "targets")


@dataclass(frozen=True, slots=True, eq=False)
class Csr:
    """Some rows; constant."""

    data: Matrix
    # int64, or int32 where that is enough.
    indices: npt.NDArray[Any]
    indptr: npt.NDArray[np.int64]
    columns: int
    targets: Matrix | None = None

    # NumPy leaves `array @ block` to this class.
    __array_ufunc__ = None

    @property
    def shape(self) -> tuple[int, int]:
        return len(self), self.columns

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.data.dtype

    @property
    def nbytes(self) -> int:
        own = self.data.nbytes + self.indices.nbytes + self.indptr.nbytes
        return own + (self.targets.nbytes if self.targets is not None else 0)

    @property
    def row_numbers(self) -> npt.NDArray[np.int64]:
        """For each number the row that it is in."""
        return np.repeat(np.arange(len(self)), np.diff(self.indptr))

    @property
    def T(self) -> "Transposed":  # noqa: N802
        return Transposed(self)

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def __matmul__(self, weights: Matrix) -> Matrix:
        """Of a vector, or of a table with few columns."""
        rows = self.row_numbers
        if weights.ndim == 1:
            terms = self.data * weights[self.indices]
            # Added up as float64, whatever they are.
            return np.bincount(rows, terms, minlength=len(self)).astype(terms.dtype, copy=False)
        return np.column_stack([self @ column for column in weights.T])

    def __getitem__(self, rows: "slice | npt.NDArray[Any]") -> "Csr":
        """Rows that lie together, or those of these numbers."""
        if not isinstance(rows, slice):
            return self._chosen(rows)
        first, end, _ = rows.indices(len(self))
        inside = slice(self.indptr[first], self.indptr[end])
        return Csr(
            self.data[inside],
            self.indices[inside],
            self.indptr[first : end + 1] - self.indptr[first],
            self.columns,
            None if self.targets is None else self.targets[first:end],
        )

    def _chosen(self, rows: npt.NDArray[Any]) -> "Csr":
        lengths = np.diff(self.indptr)[rows]
        indptr = np.concatenate([[0], np.cumsum(lengths)])
        inside = np.arange(indptr[-1]) + np.repeat(self.indptr[rows] - indptr[:-1], lengths)
        return Csr(
            self.data[inside],
            self.indices[inside],
            indptr,
            self.columns,
            None if self.targets is None else self.targets[rows],
        )

    @staticmethod
    def joined(blocks: "Sequence[Csr]") -> "Csr":
        """The rows of all, which have as many columns each."""
        before = np.cumsum([0, *(len(block.data) for block in blocks)])
        ends = [block.indptr[1:] + at for block, at in zip(blocks, before[:-1], strict=True)]
        targets = [block.targets for block in blocks if block.targets is not None]
        return Csr(
            np.concatenate([block.data for block in blocks]),
            np.concatenate([block.indices for block in blocks]),
            np.concatenate([np.zeros(1, np.int64), *ends]),
            blocks[0].columns,
            np.concatenate(targets) if len(targets) == len(blocks) else None,
        )

    def widened(self, columns: int) -> "Csr":
        """With more columns, all 0 there."""
        return Csr(self.data, self.indices, self.indptr, columns, self.targets)

    def entries(self) -> Matrix:
        """A row (row, column, number) for each number that is held."""
        return np.column_stack([self.row_numbers, self.indices, self.data])

    def toarray(self) -> Matrix:
        full = np.zeros(self.shape, self.dtype)
        np.add.at(full, (self.row_numbers, self.indices), self.data)
        return full


@dataclass(frozen=True, slots=True, eq=False)
class Transposed:
    """The columns of a block as rows."""

    of: Csr

    __array_ufunc__ = None

    def __matmul__(self, right: Matrix) -> Matrix:
        if right.ndim == 1:
            spread = self.of.data * right[self.of.row_numbers]
            found = np.bincount(self.of.indices, spread, minlength=self.of.columns)
            return found.astype(spread.dtype, copy=False)
        return np.column_stack([self @ column for column in right.T])


class CsrReader:
    """A .csr file; the split that has its first byte has it all."""

    def __init__(self, split: Split, storage: Storage) -> None:
        self._split = split
        self._storage = storage
        self.bytes_read = 0

    def batches(self) -> Iterator[RecordBatch]:
        if self._split.start:
            return
        row = 0
        with self._storage.open_read(self._split.uri) as file:
            for block in read_blocks(file, self._split.uri):
                yield [row], [block]
                row += len(block)
        self.bytes_read = self._split.length

    def counters(self) -> Mapping[str, int]:
        return {}


def write_blocks(file: OutputFile, blocks: Iterable[Csr]) -> None:
    writer = PackedWriter(file)
    for block in blocks:
        writer.write([(_KEY, {name: getattr(block, name) for name in _PARTS})])


def read_blocks(file: BinaryIO, uri: str) -> Iterator[Csr]:
    """Raises InputError."""
    try:
        for _, parts in read_pairs(file):
            yield Csr(**parts)
    except (PackedError, TypeError) as error:
        raise InputError(f"{uri} is no .csr file that can be read: {error}") from None


def csr_of(parts: Any, targets: Matrix | None = None) -> Csr:
    """Of anything with data, indices, indptr and shape, such as SciPy's csr_matrix; numbers of the
    same place are added up, as there.

    Raises:
        ValueError: the parts don't fit together.
    """
    for name, kinds in (("data", "biufO"), ("indices", "iu"), ("indptr", "iu")):
        if (kind := np.asarray(getattr(parts, name)).dtype).kind not in kinds:
            raise ValueError(f"its {name} are {kind}")
    data = np.ascontiguousarray(parts.data, np.float64)
    indices = np.ascontiguousarray(parts.indices, np.int64)
    indptr = np.ascontiguousarray(parts.indptr, np.int64)
    rows, columns = parts.shape
    if len(indptr) != rows + 1 or len(data) != len(indices) or indptr[-1] != len(data):
        raise ValueError("its data, indices and indptr don't fit together")
    if indptr[0] or (np.diff(indptr) < 0).any():
        raise ValueError("its indptr doesn't go up from 0")
    if len(indices) and not 0 <= indices.min() <= indices.max() < columns:
        raise ValueError(f"an index lies outside of its {columns} columns")
    return _added_up(Csr(data, indices, indptr, int(columns), targets))


def _added_up(block: Csr) -> Csr:
    """Each place once: whoever squares numbers one by one, or looks whether they are above a
    threshold, would take parts of a number for numbers."""
    rows, indices = block.row_numbers, block.indices
    within = rows[1:] == rows[:-1]
    if (np.diff(indices)[within] > 0).all():
        return block
    order = np.lexsort((indices, rows))
    indices = indices[order]
    is_first = np.concatenate([[True], ~within | (np.diff(indices) != 0)])
    if is_first.all():
        return block
    firsts = np.flatnonzero(is_first)
    indptr = np.zeros(len(block) + 1, np.int64)
    np.cumsum(np.bincount(rows[firsts], minlength=len(block)), out=indptr[1:])
    data = np.add.reduceat(block.data[order], firsts)
    return Csr(data, indices[firsts], indptr, block.columns, block.targets)
