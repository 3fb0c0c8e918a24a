"""A reduce's tiny segments of maps that left sheets: piece by piece out of packs, map by map out
of sheets where there's no pack of them.
"""

import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from mapred.errors import FetchError
from mapred.shuffle.announced import Batch, InFolder
from mapred.shuffle.packmaker import SheetAt, make_packs
from mapred.shuffle.packs import PACKS, Pack, Shelves, making
from mapred.shuffle.pieces import Piece, as_piece, piece_of
from mapred.shuffle.sheets import rows_in_sheet, sheet_file

# As long as another process makes packs: of a few million pairs it takes a second.
MAKING_S: Final = 30.0
# What a piece takes up beside its bytes.
_OVERHEAD_BYTES: Final = 1000


class Memory(Protocol):
    """Bytes that may be held."""

    def reserve(self, size: int) -> bool: ...


@dataclass(slots=True)
class Taken:
    """One partition's rows of some maps; of those that are `lost`, by map, why there are none."""

    pieces: list[Piece] = field(default_factory=list)
    lost: dict[int, str] = field(default_factory=dict)

    def add(self, piece: Piece | None) -> None:
        if piece is not None:
            self.pieces.append(piece)

    @property
    def rows(self) -> int:
        return sum(int(piece.counts.sum()) for piece in self.pieces)


SHELVES: Final = Shelves()


class Pieces:
    """Where the pieces of one reduce are kept: in memory while there's room, else on disk.

    Thread-safe.
    """

    def __init__(self, partition: int, memory: Memory, folder: Path, pack_bytes: int) -> None:
        """`pack_bytes`: of the columns that a pack is made of, if one has to be made."""
        self.partition = partition
        self.pack_bytes = pack_bytes
        self._memory = memory
        self._folder = folder

    def of_pack(self, pack: Pack, maps: frozenset[int] | None) -> Piece | None:
        """What a pack on this disk has. Raises FetchError."""
        data = pack.piece(self.partition)
        at = None
        if not self._memory.reserve(len(data) + _OVERHEAD_BYTES):
            at = (pack.path, pack.starts[self.partition])
        return piece_of(data, maps=maps, what=f"pack {pack.path}", at=at)

    def that_came(
        self, data: bytes | memoryview, maps: frozenset[int] | None, *, what: str
    ) -> Piece | None:
        """A piece of a pack elsewhere. Raises FetchError, OSError."""
        return piece_of(data, maps=maps, what=what, at=self._kept(data))

    def of_sheet(self, data: bytes, index: int, *, what: str) -> Piece | None:
        """What one map's sheet has. Raises FetchError, OSError."""
        rows = rows_in_sheet(data, self.partition, what=what)
        if rows is None:
            return None
        piece = as_piece(*rows, index)
        return piece_of(piece, maps=None, what=what, at=self._kept(piece))

    def _kept(self, data: bytes | memoryview) -> tuple[str, int] | None:
        """Where on disk, if memory has no room."""
        if self._memory.reserve(len(data) + _OVERHEAD_BYTES):
            return None
        path = str(self._folder / f"piece-{uuid.uuid4().hex}")
        with open(path, "wb") as file:
            file.write(data)
        return path, 0


def taken_here(outputs: Batch, pieces: Pieces) -> Taken:
    """Of sheets on this very tracker. Packs that there aren't are made."""
    taken = Taken()
    for job_folder, sheets in outputs.folders.items():
        _take(f"{job_folder}/{PACKS}", sheets, pieces, taken)
    return taken


def _take(folder: str, sheets: InFolder, pieces: Pieces, taken: Taken) -> None:
    shares, left = sheets.shared_out(SHELVES.packs(folder))
    outputs = sheets.outputs
    if left:
        # A disk that is full, or packs that somebody else hasn't made in time: sheets do as well.
        with suppress(OSError), making(Path(folder), MAKING_S) as allowed:
            shares, left = sheets.shared_out(SHELVES.packs(folder))
            if left and allowed:
                loose = [SheetAt(index, left[index], outputs[index].path) for index in left]
                taken.lost.update(make_packs(Path(folder), loose, bytes_max=pieces.pack_bytes))
        shares, left = sheets.shared_out(SHELVES.packs(folder))
    left = dict(left)
    for share in shares:
        try:
            taken.add(pieces.of_pack(share.pack, share.maps))
        except FetchError:
            share.pack.discard()
            left.update(share.attempts)
    for index in left.keys() - taken.lost.keys():
        path = outputs[index].path
        try:
            taken.add(pieces.of_sheet(sheet_file(path), index, what=f"map output {path}"))
        except FetchError as error:
            taken.lost[index] = str(error)
