"""Rows laid out for finding each one's nearest centre: quickly, and exactly as float64 finds it.

A piece has some thousand rows, a column of the table in each row of it, and ones below: so one
product gives all scores (squared distances less what is the same for all centres), and another
sums and counts. Scores are made in float32 first, in half the time. Rounding can move one by
no more than `room`, by the sizes of rows and centres (Higham, Accuracy and Stability, §3.1):
where another centre is as near as twice that, the row's scores are made anew in float64.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Table = npt.NDArray[Any]

# Of some twenty columns: a piece, and what is computed of it, fit into a core's cache.
_PIECE_BYTES: Final = 640 * 1024
_PIECE_ROWS_MIN: Final = 512
# Half of the distance from 1 to the next float32.
_UNIT: Final = 2.0**-24
# Room that float32 can express and whose smallest terms it doesn't lose.
_ROOM_MIN: Final = 1e-30
_ROOM_MAX: Final = 1e30
# With more rows in doubt than one of so many, all are done in float64.
_IN_DOUBT: Final = 4


@dataclass(frozen=True, slots=True)
class Piece:
    """(columns + 1) × rows, the last row of ones; twice. `reach`: the size of the largest row."""

    whole: Table
    short: Table
    reach: float


@dataclass(frozen=True, slots=True)
class Laid:
    """Some rows, in pieces."""

    pieces: tuple[Piece, ...]
    nbytes: int

    def squares(self) -> Table:
        """The sum of squares of every column."""
        found: Table = sum(
            np.einsum("ij,ij->i", piece.whole[:-1], piece.whole[:-1]) for piece in self.pieces
        )
        return found


def laid(rows: Table) -> Laid:
    pieces = tuple(_pieces(rows))
    return Laid(pieces, sum(piece.whole.nbytes + piece.short.nbytes for piece in pieces))


def _pieces(rows: Table) -> Iterator[Piece]:
    count, columns = rows.shape
    step = max(_PIECE_ROWS_MIN, _PIECE_BYTES // (8 * (columns + 1)))
    for first in range(0, count, step):
        part = rows[first : first + step]
        whole = np.ones((columns + 1, len(part)))
        whole[:-1] = part.T
        with np.errstate(over="ignore"):
            short = whole.astype(np.float32)
            reach = float(np.sqrt(np.einsum("ij,ij->j", whole, whole).max()))
        whole.flags.writeable = short.flags.writeable = False
        yield Piece(whole, short, reach)


def summed(rows: Laid, centres: Table) -> tuple[Table, Table]:
    """Of the rows nearest to each centre their sum, and how many they are; of centres equally
    near the first."""
    clusters, columns = centres.shape
    weights = np.empty((clusters, columns + 1))
    weights[:, :-1] = -2.0 * centres
    weights[:, -1] = np.einsum("ij,ij->i", centres, centres)
    with np.errstate(over="ignore"):
        short = weights.astype(np.float32)
        reach = float(np.sqrt(np.einsum("ij,ij->i", weights, weights).max()))
    total = np.zeros((clusters, columns + 1))
    for piece in rows.pieces:
        total += _members(piece, weights, short, reach) @ piece.whole.T
    return total[:, :-1], total[:, -1]


def _members(piece: Piece, weights: Table, short: Table, reach: float) -> Table:
    """A row for each centre, with ones where the piece's rows are nearest to it."""
    count = piece.whole.shape[1]
    # Both sides' rounding, the products' and the sum's; twice, and a little for this line's own.
    room = 2.0 * (len(piece.whole) + 6) * _UNIT * piece.reach * reach
    if not _ROOM_MIN < room < _ROOM_MAX:
        return _exactly(weights @ piece.whole)
    scores = short @ piece.short
    near = scores <= scores.min(axis=0) + np.float32(room)
    members: Table = near.astype(np.float64)
    if np.count_nonzero(near) == count:
        return members
    doubtful = np.flatnonzero(np.count_nonzero(near, axis=0) != 1)
    if len(doubtful) * _IN_DOUBT > count:
        return _exactly(weights @ piece.whole)
    members[:, doubtful] = _exactly(weights @ piece.whole[:, doubtful])
    return members


def _exactly(scores: Table) -> Table:
    members: Table = np.zeros_like(scores)
    members[scores.argmin(axis=0), np.arange(scores.shape[1])] = 1.0
    return members
