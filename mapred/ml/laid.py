"""Rows laid out for finding each one's nearest centre: quickly, and exactly as float64 finds it.

A piece has some thousand rows, a column of the table in each row of it, and ones below: so one
product gives all scores (squared distances less what is the same for all centres), and another
sums and counts, while the piece is in the cache. Scores are made in float32 first, in half the
time: it is made anew each time, since memory is slower than that. Rounding can move a score by
no more than `room`, by the sizes of rows and centres (Higham, Accuracy and Stability, §3.1):
where another centre is as near as twice that, the row's scores are made anew in float64. Rows
that are float32 already are kept so, and their sums of a piece are made in it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Table = npt.NDArray[Any]

# Of some twenty columns: a piece, and what is computed of it, fit into a core's cache.
_PIECE_BYTES: Final = 640 * 1024
_PIECE_ROWS_MIN: Final = 512
GROUND_BYTES_MAX: Final = 16 * 1024 * 1024
# Half of the distance from 1 to the next float32.
_UNIT: Final = 2.0**-24
# Room that float32 can express and whose smallest terms it doesn't lose.
_ROOM_MIN: Final = 1e-30
_ROOM_MAX: Final = 1e30
# With more rows in doubt than one of so many, all are done in float64.
_IN_DOUBT: Final = 4


@dataclass(frozen=True, slots=True)
class Piece:
    """(columns + 1) × rows, the last row of ones. `reach`: the size of the largest row."""

    whole: Table
    reach: float


@dataclass(frozen=True, slots=True)
class Laid:
    """Some rows, in pieces."""

    pieces: tuple[Piece, ...]
    nbytes: int

    def squares(self) -> Table:
        """The sum of squares of every column."""
        found = [
            np.einsum("ij,ij->i", one.whole[:-1], one.whole[:-1], dtype=np.float64)
            for one in self.pieces
        ]
        total: Table = np.sum(found, axis=0)
        return total


class Ground:
    """Where pieces of several tables lie, one behind the other. NumPy asks for large memory in huge
    pages, and what is read through from such gets to the processor sooner: an eighth of the time.
    """

    def __init__(self, size: int, kind: Any = np.float64) -> None:
        """`size`: bytes that will surely be needed; what is more gets memory of its own."""
        kind = np.dtype(kind)
        self._free = np.empty(max(0, min(size, GROUND_BYTES_MAX)) // kind.itemsize, kind)

    def take(self, numbers: int) -> Table:
        if numbers > len(self._free):
            return np.empty(numbers, self._free.dtype)
        taken, self._free = self._free[:numbers], self._free[numbers:]
        return taken


def laid(rows: Table, ground: Ground | None = None) -> Laid:
    pieces = tuple(_pieces(rows, ground or Ground(0, rows.dtype)))
    return Laid(pieces, sum(piece.whole.nbytes for piece in pieces))


def _pieces(rows: Table, ground: Ground) -> Iterator[Piece]:
    count, columns = rows.shape
    step = max(_PIECE_ROWS_MIN, _PIECE_BYTES // (8 * (columns + 1)))
    # Pieces of about equal size.
    pieces = -(-count // step)
    borders = [count * place // pieces for place in range(pieces + 1)] if count else []
    memory = ground.take(count * (columns + 1))
    for first, end in pairwise(borders):
        part = rows[first:end]
        room = memory[first * (columns + 1) : end * (columns + 1)]
        whole = room.reshape(columns + 1, len(part))
        whole[:-1], whole[-1] = part.T, 1.0
        with np.errstate(over="ignore"):
            reach = float(np.sqrt(np.einsum("ij,ij->j", whole, whole).max()))
        whole.flags.writeable = False
        yield Piece(whole, reach)


class Nearest:
    """Centres, and what of them every piece of rows needs."""

    def __init__(self, centres: Table) -> None:
        self.centres: Final = centres
        clusters, columns = centres.shape
        self._weights = np.empty((clusters, columns + 1))
        self._weights[:, :-1] = -2.0 * centres
        self._weights[:, -1] = np.einsum("ij,ij->i", centres, centres)
        with np.errstate(over="ignore"):
            self._short = self._weights.astype(np.float32)
            sizes = np.einsum("ij,ij->i", self._weights, self._weights)
            self._reach = float(np.sqrt(sizes.max()))
        self._table = _Table(clusters, columns + 1, 0, np.dtype(np.float64))
        # Counts as many as there are centres; small numbers are added up many at a time.
        self._counted = np.min_scalar_type(clusters)

    def summed(self, rows: Laid) -> tuple[Table, Table]:
        """Of the rows nearest to each centre their sum, and how many they are; of centres
        equally near the first."""
        total = np.zeros(self._weights.shape)
        kind = rows.pieces[0].whole.dtype if rows.pieces else total.dtype
        added = np.empty(total.shape, kind)
        with np.errstate(over="ignore"):
            for piece in rows.pieces:
                total += np.matmul(self._members(piece), piece.whole.T, out=added)
        return total[:, :-1], total[:, -1]

    def _members(self, piece: Piece) -> Table:
        """A row for each centre, with ones where the piece's rows are nearest to it. It's good
        until the next piece."""
        whole, weights = piece.whole, self._weights
        count = whole.shape[1]
        # Both sides' rounding, the products' and the sum's; twice, and a little for this line's.
        room = 2.0 * (len(whole) + 6) * _UNIT * piece.reach * self._reach
        if not _ROOM_MIN < room < _ROOM_MAX:
            return _exactly(weights @ whole)
        if count > self._table.rows or whole.dtype != self._table.kind:
            self._table = _Table(len(weights), len(whole), count, whole.dtype)
        short, scores, best, near, members = self._table.places(count)
        if whole.dtype == short.dtype:
            short = whole
        else:
            np.copyto(short, whole, casting="same_kind")
        np.matmul(self._short, short, out=scores)
        np.minimum.reduce(scores, axis=0, out=best)
        best += np.float32(room)
        np.less_equal(scores, best, out=near)
        np.copyto(members, near)
        if np.count_nonzero(near) == count:
            return members
        doubtful = np.flatnonzero(np.add.reduce(near, axis=0, dtype=self._counted) != 1)
        if len(doubtful) * _IN_DOUBT > count:
            return _exactly(weights @ whole)
        members[:, doubtful] = _exactly(weights @ whole[:, doubtful])
        return members


class _Table:
    """Where a piece is worked on, and the next one again: memory that was used just now is in the
    cache, and nobody must fetch and clear it. A fifth of the time."""

    def __init__(self, clusters: int, columns: int, rows: int, kind: np.dtype[Any]) -> None:
        self.rows = rows
        self.kind = kind
        self._short = np.empty(columns * rows, np.float32)
        self._scores = np.empty(clusters * rows, np.float32)
        self._best = np.empty(rows, np.float32)
        self._near = np.empty(clusters * rows, np.bool_)
        self._members = np.empty(clusters * rows, kind)
        self._clusters = clusters
        self._columns = columns

    def places(self, rows: int) -> tuple[Table, Table, Table, Table, Table]:
        """The piece as float32, its scores, the best of each row, which are as good, and that in
        the piece's own precision."""
        wide, high = self._columns * rows, self._clusters * rows
        return (
            self._short[:wide].reshape(-1, rows),
            self._scores[:high].reshape(-1, rows),
            self._best[:rows],
            self._near[:high].reshape(-1, rows),
            self._members[:high].reshape(-1, rows),
        )


def _exactly(scores: Table) -> Table:
    members: Table = np.zeros_like(scores)
    members[scores.argmin(axis=0), np.arange(scores.shape[1])] = 1.0
    return members
