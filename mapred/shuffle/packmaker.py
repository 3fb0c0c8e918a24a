"""Makes packs (packs.py) of sheets (sheets.py).

- Sheets are joined, and their rows brought into order of (partition, map) by one stable sort: what
  it takes for a pair of a map and a partition is a few numbers in a vector.
- A sheet that is missing or damaged is told by its map, and the others are packed.

As a process of its own (`main`) it serves TaskTrackers, which don't import numpy: an order comes by
stdin as JSON, and what was lost goes to stdout.
"""

import json
import sys
import uuid
from array import array
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from mapred.errors import FetchError
from mapred.shuffle.columns import Kind, joined
from mapred.shuffle.frames import to_frame
from mapred.shuffle.packs import PIECE_HEAD, PIECE_MAGIC, write_index
from mapred.shuffle.sheets import Sheet, read_sheet, sheet_file

_U32: Final = np.dtype("<u4")

Lost = dict[int, str]


@dataclass(frozen=True, slots=True)
class SheetAt:
    """One map's sheet."""

    index: int
    attempt: int
    path: str


def make_packs(folder: Path, sheets: Iterable[SheetAt], *, bytes_max: int) -> Lost:
    """Packs of about so many bytes of columns each; which sheets can't be had, and why.

    Raises:
        OSError: a pack can't be written.
    """
    lost: Lost = {}
    held: defaultdict[tuple[Kind, Kind, int] | None, list[tuple[SheetAt, Sheet]]]
    held = defaultdict(list)
    held_bytes = 0
    for at in sorted(sheets, key=lambda one: one.index):
        try:
            sheet = read_sheet(sheet_file(at.path), what=f"map output {at.path}")
        except FetchError as error:
            lost[at.index] = str(error)
            continue
        rows = sheet.rows
        look = (rows.keys, rows.values, sheet.flags) if rows is not None else None
        held[look].append((at, sheet))
        held_bytes += rows.bytes if rows is not None else 0
        if held_bytes >= bytes_max:
            _write_all(folder, held.values())
            held.clear()
            held_bytes = 0
    _write_all(folder, held.values())
    return lost


def _write_all(folder: Path, groups: Iterable[list[tuple[SheetAt, Sheet]]]) -> None:
    for group in groups:
        attempts = {at.index: at.attempt for at, _ in group}
        path = folder / f"pack-{group[0][0].index:06}-{uuid.uuid4().hex[:12]}"
        unfinished = path.with_name(path.name + ".tmp")
        try:
            starts = _write(unfinished, group)
            unfinished.replace(path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        write_index(path, attempts, starts)


def _write(path: Path, group: list[tuple[SheetAt, Sheet]]) -> "array[int]":
    """Where each partition's piece starts. Lets the sheets go."""
    partitions = group[0][1].partitions
    starts = array("Q", bytes(8 * (partitions + 1)))
    full = [(at, sheet) for at, sheet in group if sheet.rows is not None]
    if not full:
        path.write_bytes(b"")
        return starts
    rows = joined([sheet.rows for _, sheet in full if sheet.rows is not None])
    flags = full[0][1].flags
    # Of the pairs that have rows: partition, map, rows; in order of (map, partition) at first.
    whose = np.concatenate([sheet.numbers for _, sheet in full])
    counts = np.concatenate([sheet.counts for _, sheet in full])
    sizes = [len(sheet.numbers) for _, sheet in full]
    maps = np.repeat(np.array([at.index for at, _ in full]), sizes)
    del full
    group.clear()
    order = _by_partition(np.repeat(whose, counts))
    row_ends = np.cumsum(np.bincount(whose, weights=counts, minlength=partitions)).astype(np.int64)
    pairs = _by_partition(whose)
    maps, counts = maps[pairs].astype(_U32), counts[pairs].astype(_U32)
    pair_ends = np.cumsum(np.bincount(whose, minlength=partitions)).tolist()
    turned = rows.take(order)
    del rows, order
    at = row = pair = 0
    with open(path, "wb") as file:
        for partition, (row_end, pair_end) in enumerate(
            zip(row_ends.tolist(), pair_ends, strict=True)
        ):
            starts[partition] = at
            if row_end > row:
                listed = maps[pair:pair_end].tobytes() + counts[pair:pair_end].tobytes()
                crc = google_crc32c.value(listed)
                head = PIECE_HEAD.pack(PIECE_MAGIC, pair_end - pair, crc)
                frame = to_frame(turned.slice(row, row_end - row), flags)
                at += file.write(b"".join((head, listed, frame)))
            row, pair = row_end, pair_end
    starts[partitions] = at
    return starts


def _by_partition(partitions: NDArray[np.int64]) -> NDArray[np.int64]:
    """A stable order; numpy sorts 16 bits by radix."""
    narrow = partitions.astype(np.uint16) if partitions.max(initial=0) < 1 << 16 else partitions
    return np.argsort(narrow, kind="stable")


def main() -> None:
    """One order."""
    order = json.load(sys.stdin)
    sheets = [SheetAt(*one) for one in order["sheets"]]
    lost = make_packs(Path(order["folder"]), sheets, bytes_max=order["bytes_max"])
    print(json.dumps({"lost": list(lost.items())}))
