"""One partition's rows of many maps, as packs and sheets have them, brought into the order of maps.

A piece has rows of some maps, one map's after the other's. Those of a reduce have all its tiny
segments, each map's in one of them. They become segments of neighbouring maps again: the rows that
each of the maps' own segments would have, in the same order, without one of them being touched by
itself. Vectors of (map, piece, row, rows) are sorted by map; Python sees whole pieces and whole
segments.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from mapred.errors import FetchError
from mapred.shuffle.columns import Rows, joined
from mapred.shuffle.frames import Segment, to_frame
from mapred.shuffle.ordering import sort_order
from mapred.shuffle.packs import PIECE_HEAD, PIECE_MAGIC, check_piece
from mapred.shuffle.segments import FRAME_HEAD, UNORDERED
from mapred.shuffle.sheets import framed

_U32: Final = np.dtype("<u4")

Numbers = NDArray[np.int64]
# Kind of the keys, kind of the values, flags.
Look = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes of a frame: here, or at a place in a file."""

    data: bytes | memoryview | None
    path: str = ""
    start: int = 0
    length: int = 0

    def rows(self, what: str) -> Rows:
        """Raises FetchError, naming `what`."""
        data = self.data
        if data is None:
            try:
                with open(self.path, "rb", buffering=0) as file:
                    data = os.pread(file.fileno(), self.length, self.start)
            except OSError as error:
                raise FetchError(f"{what}: {error.strerror or error}") from None
        return framed(data, what=what)[0]


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of some maps; of `maps`, which rise, from row `firsts` on, `counts` each."""

    look: Look
    maps: Numbers
    firsts: Numbers
    counts: Numbers
    # Of a row, unpacked and as stored.
    row_bytes: float
    row_length: float
    stored: Stored
    what: str

    def rows(self) -> Rows:
        return self.stored.rows(self.what)


def piece_of(
    data: bytes | memoryview, *, maps: frozenset[int] | None, what: str, at: tuple[str, int] | None
) -> Piece | None:
    """The piece of a pack in these bytes, checked; None: nothing of it is wanted.

    `maps`: those of them that are wanted; None: all. `at`: the file, and where in it these bytes
    are, from which its rows are read when they are needed; None: the bytes are kept.

    Raises:
        FetchError: names `what`: it is cut off, or a checksum doesn't match.
    """
    if not len(data):
        return None
    end = check_piece(data, what=what)
    _, entries, _ = PIECE_HEAD.unpack_from(data)
    both = np.frombuffer(data, _U32, 2 * entries, PIECE_HEAD.size).astype(np.int64)
    found, counts = both[:entries], both[entries:]
    firsts = np.cumsum(counts) - counts
    rows = int(counts.sum())
    if maps is not None:
        keep = np.isin(found, np.fromiter(maps, np.int64, len(maps)))
        found, firsts, counts = found[keep], firsts[keep], counts[keep]
    if not len(found):
        return None
    size = len(data) - end
    head = bytes(data[end : end + FRAME_HEAD.size])
    _, raw_bytes, frame_rows, _, keys, values, flags = FRAME_HEAD.unpack(head)
    if frame_rows != rows:
        raise FetchError(f"{what} has {frame_rows} rows, and lists {rows}")
    stored = Stored(data[end:]) if at is None else Stored(None, at[0], at[1] + end, size)
    look = (keys, values, flags)
    return Piece(look, found, firsts, counts, raw_bytes / rows, size / rows, stored, what)


def as_piece(rows: Rows, flags: int, map_index: int) -> bytes:
    """Of one map's rows."""
    listed = np.array([map_index, len(rows)], _U32).tobytes()
    head = PIECE_HEAD.pack(PIECE_MAGIC, 1, google_crc32c.value(listed))
    return b"".join((head, listed, to_frame(rows, flags)))


def interleaved(
    pieces: Sequence[Piece], others: Mapping[int, Segment], bytes_max: int
) -> list[Segment]:
    """The rows of all pieces, and segments of other maps by their maps: as segments in order of the
    maps, of which those out of pieces unpack to about `bytes_max` at most."""
    if not pieces:
        return [segment for _, segment in sorted(others.items())]
    index = np.array(sorted(others), np.int64)
    which = [np.full(len(piece.maps), at) for at, piece in enumerate(pieces)]
    looks = sorted({piece.look for piece in pieces})
    maps = np.concatenate([*(piece.maps for piece in pieces), index])
    piece = np.concatenate([*which, np.full(len(index), -1)])
    first = np.concatenate([*(one.firsts for one in pieces), np.zeros(len(index), np.int64)])
    count = np.concatenate([*(one.counts for one in pieces), np.zeros(len(index), np.int64)])
    order = np.argsort(maps, kind="stable")
    maps, piece, first, count = maps[order], piece[order], first[order], count[order]
    # -1, of the other segments, is the last of each list.
    look = np.array([*(looks.index(one.look) for one in pieces), -1])[piece]
    size = np.array([*(one.row_bytes for one in pieces), 0.0])[piece] * count
    found: list[Segment] = []
    for start, end in _runs(look, size, bytes_max):
        if piece[start] < 0:
            found += [others[one] for one in maps[start:end].tolist()]
        else:
            found.append(_Between(pieces, piece[start:end], first[start:end], count[start:end]))
    return found


def _runs(look: Numbers, size: NDArray[np.float64], bytes_max: int) -> Iterator[tuple[int, int]]:
    """Neighbours of one look, of so many bytes together; at least one."""
    cuts = np.flatnonzero(look[1:] != look[:-1]) + 1
    sums = np.concatenate(([0.0], np.cumsum(size)))
    for start, end in zip([0, *cuts.tolist()], [*cuts.tolist(), len(look)], strict=True):
        at = start
        while at < end:
            upto = int(np.searchsorted(sums, sums[at] + bytes_max, side="right")) - 1
            upto = min(max(upto, at + 1), end)
            yield at, upto
            at = upto


class _Between:
    """The rows of neighbouring maps; entry by entry they are in a piece, from a row on."""

    def __init__(
        self, pieces: Sequence[Piece], piece: Numbers, first: Numbers, count: Numbers
    ) -> None:
        numbers = np.unique(piece)
        self._pieces = [pieces[one] for one in numbers.tolist()]
        self._piece = np.searchsorted(numbers, piece)
        self._first, self._count = first, count
        lengths = np.array([one.row_length for one in self._pieces])
        self.length = int((lengths[self._piece] * count).sum())
        self.rows = int(count.sum())

    @property
    def ordered(self) -> bool:
        return not self._pieces[0].look[2] & UNORDERED

    def frames(self) -> Iterator[Rows]:
        parts, starts = [], []
        before = 0
        for number, piece in enumerate(self._pieces):
            of_it = self._piece == number
            start = int(self._first[of_it].min())
            end = int((self._first[of_it] + self._count[of_it]).max())
            parts.append(piece.rows().slice(start, end - start))
            starts.append(before - start)
            before += end - start
        rows = joined(parts)
        firsts = self._first + np.array(starts)[self._piece]
        order = _each_from(firsts, self._count)
        if len(order) != len(rows) or (order != np.arange(len(order))).any():
            rows = rows.take(order)
        yield rows.take(sort_order(rows.order)) if self.ordered else rows


def _each_from(firsts: Numbers, counts: Numbers) -> Numbers:
    """first, first + 1, … of each, as many as its count."""
    ends = np.cumsum(counts)
    found: Numbers = np.arange(ends[-1]) + np.repeat(firsts - (ends - counts), counts)
    return found
