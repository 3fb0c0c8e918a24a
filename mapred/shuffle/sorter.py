"""The map side: records in, one sorted and partitioned data file with its index out.

Records gather in columns. When they fill the budget they are sorted by (partition, key)
and spilled; at the end the spills are merged, partition by partition. One spill, the
common case, is the output itself. Where reduces hash (unordered.py), rows are only parted. Little
for many partitions becomes a sheet (sheets.py).
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from blockstore.runtime.heap import give_back_freed_memory
from mapred.shuffle import columns
from mapred.shuffle.budget import Budget
from mapred.shuffle.columns import Kind, Rows, joined, rows_of
from mapred.shuffle.frames import FileSegment, FrameWriter, Segment
from mapred.shuffle.merge import merged
from mapred.shuffle.ordering import group_starts, sort_order
from mapred.shuffle.segments import DATA_NAME, SHEET_NAME, SegmentRange, write_index
from mapred.shuffle.sheets import write_sheet
from mapred.shuffle.unordered import SortedFold

# (keys, their kind, their column) → the reducer of every key.
PartitionFunction: TypeAlias = Callable[[Collection[Any], Kind, Any], NDArray[np.uint32]]

_UNFINISHED: Final = ".unfinished"
_COPY_BYTES: Final = 1024 * 1024
# Partitions whose rows are looked for one after the other; more are sorted by radix.
_LOOKED_FOR_MAX: Final = 4
# What sorting takes up for a row beside the row itself, at most: its key's first bytes, the word
# that they share with the row's number, its place (ordering.py, packing.py).
_ROW_BYTES: Final = 40
_NUMBER_ROW_BYTES: Final = 24
# Sorted rows are made by so many frames at a time.
_SLICE_FRAMES: Final = 4


class Sorter:
    """One map's output in the making."""

    def __init__(
        self,
        *,
        partitions: int,
        partition: PartitionFunction,
        budget: Budget,
        folder: Path,
        fold: SortedFold | None = None,
        ordered: bool = True,
        sheet_bytes: int = 0,
    ) -> None:
        """What has so few bytes in the end that a sheet (sheets.py) is better becomes one."""
        self._partitions = partitions
        self._partition = partition
        self._budget = budget
        self._folder = folder
        # Makes one row of the rows of a key, where it can.
        self._fold = fold
        self._ordered = ordered
        self._sheet_bytes = sheet_bytes
        self._gathered: list[Rows] = []
        self._targets: list[NDArray[np.uint32]] = []
        self._held_bytes = 0
        self._sorting_bytes = 0
        # Of every spill: its file, and where each partition is in it.
        self._spills: list[tuple[Path, list[SegmentRange]]] = []
        self.spilled_records = 0
        # How many rows there are fewer for that.
        self.folded_records = 0

    def keep_order(self) -> None:
        """Everything is to be sorted, if nothing has been spilled that isn't."""
        self._ordered = self._ordered or not self._spills

    def add(self, keys: list[Any], values: list[Any]) -> None:
        """Takes records.

        Raises:
            TypeError: a key without order, or a value that can't be pickled.
            ValueError: a record that is too large for a column.
        """
        if not keys:
            return
        try:
            rows = rows_of(keys, values)
        except OverflowError:
            half = len(keys) // 2
            if not half:
                raise ValueError(
                    f"a record has more than {columns.COLUMN_BYTES_MAX} bytes in its key or its "
                    "value, which is the most that can travel: cut it into several"
                ) from None
            self.add(keys[:half], values[:half])
            self.add(keys[half:], values[half:])
            return
        self._gather(rows, keys)

    def add_rows(self, rows: Rows) -> None:
        """Records that are in columns already."""
        # In parts, so that not much more is gathered than there is room for.
        step = max(1, len(rows) * self._budget.frame_bytes // max(1, rows.bytes))
        for start in range(0, len(rows), step):
            part = rows.slice(start, step)
            self._gather(part, _KeysOf(part))

    def _gather(self, rows: Rows, keys: Collection[Any]) -> None:
        if self._held_bytes + rows.bytes > columns.COLUMN_BYTES_MAX and self._gathered:
            self._spill_early()
        self._gathered.append(rows)
        self._targets.append(self._partition(keys, rows.keys, rows.order))
        self._held_bytes += rows.bytes
        self._sorting_bytes += len(rows) * (_NUMBER_ROW_BYTES if rows.is_numbered else _ROW_BYTES)
        # Twice while they are joined; once, with what sorts them, after that.
        peak_bytes = self._held_bytes + max(self._held_bytes, self._sorting_bytes)
        if peak_bytes >= 2 * self._budget.buffer_bytes:
            self._spill_early()

    def finish(self) -> tuple[Path, int]:
        """The data file, published with its index, or the sheet; and its length in bytes."""
        if not self._spills and self._held_bytes < self._sheet_bytes:
            return self._sheet()
        if self._gathered or not self._spills:
            self._spill()
        data = self._folder / DATA_NAME
        if len(self._spills) > 1:
            give_back_freed_memory()
        path, ranges = self._spills[0] if len(self._spills) == 1 else self._one_of_spills()
        path.replace(data)
        write_index(data, ranges)
        return data, sum(one.length for one in ranges)

    def _sheet(self) -> tuple[Path, int]:
        rows, targets = self._together()
        if self._ordered:
            order = sort_order(rows.order, targets)
        else:
            narrow = targets.astype(np.uint16) if self._partitions < 1 << 16 else targets
            order = np.argsort(narrow, kind="stable")
        rows, targets = rows.take(order), targets[order]
        if self._ordered and self._fold and len(rows):
            rows, targets = self._folded_sheet(rows, targets)
        path = self._folder / SHEET_NAME
        counts = np.bincount(targets, minlength=self._partitions)
        self.spilled_records += len(rows)
        return path, write_sheet(path, rows, counts, ordered=self._ordered)

    def _folded_sheet(
        self, rows: Rows, targets: NDArray[np.uint32]
    ) -> tuple[Rows, NDArray[np.uint32]]:
        assert self._fold is not None
        starts = group_starts(rows.order)
        folded = self._fold(rows)
        # A partitioner that isn't a function of the key may cut a key in two.
        cut = np.flatnonzero(targets[1:] != targets[:-1]) + 1
        if folded is None or len(folded) != len(starts) or not np.isin(cut, starts).all():
            return rows, targets
        self.folded_records += len(rows) - len(folded)
        return folded, targets[starts]

    def _together(self) -> tuple[Rows, NDArray[np.uint32]]:
        """All that is gathered, and the partition of each row."""
        rows = joined(self._gathered or [rows_of([], [])])
        targets = np.concatenate([np.empty(0, np.uint32), *self._targets])
        # Not beside their copies.
        self._forget()
        return rows, targets

    def _spill(self) -> None:
        path = self._folder / f"spill-{len(self._spills)}{_UNFINISHED}"
        parts = self._sorted_partitions() if self._ordered else self._partitions_as_they_are()
        ranges = []
        with open(path, "wb") as file:
            writer = FrameWriter(file, self._budget.frame_bytes, ordered=self._ordered)
            for pieces in parts:
                start, rows_before = writer.position, writer.rows
                for rows in pieces:
                    writer.write(rows)
                writer.end_segment()
                ranges.append(_range(writer, start, writer.rows - rows_before))
        self.spilled_records += writer.rows
        self._spills.append((path, ranges))

    def _spill_early(self) -> None:
        """More will follow."""
        self._spill()
        give_back_freed_memory()

    def _partitions_as_they_are(self) -> list[list[Rows]]:
        parts: list[list[Rows]] = [[] for _ in range(self._partitions)]
        for rows, targets in zip(self._gathered, self._targets, strict=True):
            for part, piece in zip(parts, self._parted(rows, targets), strict=True):
                part.append(piece)
        self._forget()
        return parts

    def _forget(self) -> None:
        self._gathered, self._targets = [], []
        self._held_bytes = self._sorting_bytes = 0

    def _parted(self, rows: Rows, targets: NDArray[np.uint32]) -> Iterator[Rows]:
        if self._partitions == 1:
            yield rows
        elif self._partitions <= _LOOKED_FOR_MAX:
            for partition in range(self._partitions):
                yield rows.take((targets == partition).nonzero()[0])
        else:
            narrow = targets.astype(np.uint16) if self._partitions < 1 << 16 else targets
            parted = rows.take(np.argsort(narrow, kind="stable"))
            counts = np.bincount(targets, minlength=self._partitions)
            ends = np.cumsum(counts).tolist()
            for end, count in zip(ends, counts.tolist(), strict=True):
                yield parted.slice(end - count, count)

    def _sorted_partitions(self) -> Iterator[Iterator[Rows]]:
        """The rows of each, slice by slice: there is never a sorted copy of them all."""
        rows, targets = self._together()
        order = sort_order(rows.order, targets if self._partitions > 1 else None)
        counts = np.bincount(targets, minlength=self._partitions)
        del targets
        step = max(1, len(rows) * _SLICE_FRAMES * self._budget.frame_bytes // max(1, rows.bytes))
        at = 0
        for run in _small_together(counts.tolist(), step):
            start, at = at, at + sum(run)
            if len(run) == 1:
                yield self._folded(rows.takes(_pieces(order, start, at, step)))
                continue
            # Taking rows costs a tiny partition a hundred times what cutting them off does.
            together = rows.take(order[start:at])
            ends = accumulate(run)
            for end, count in zip(ends, run, strict=True):
                yield self._folded(iter([together.slice(end - count, count)] if count else []))

    def _folded(self, parts: Iterator[Rows]) -> Iterator[Rows]:
        """Sorted rows, one a key where the fold can do that: a slice's last key may go on."""
        if not self._fold:
            yield from parts
            return
        held: list[Rows] = []
        for part in parts:
            rows = joined([*held, part])
            folded = self._fold(rows)
            held = []
            if folded is None:
                yield rows
                continue
            self.folded_records += len(rows) - len(folded)
            last = folded.slice(len(folded) - 1, 1)
            if last.bytes > self._budget.frame_bytes:
                # Folded again with every slice it would cost more than another row does.
                yield folded
                continue
            yield folded.slice(0, len(folded) - 1)
            held = [last]
        yield from held

    def _one_of_spills(self) -> tuple[Path, list[SegmentRange]]:
        path = self._folder / f"merged{_UNFINISHED}"
        ranges = self._merge_spills(path) if self._ordered else self._copy_spills(path)
        for spill, _ in self._spills:
            spill.unlink()
        return path, ranges

    def _copy_spills(self, path: Path) -> list[SegmentRange]:
        ranges = []
        with open(path, "wb") as file, ExitStack() as open_files:
            spills = [
                (open_files.enter_context(open(spill, "rb")), places)
                for spill, places in self._spills
            ]
            for partition in range(self._partitions):
                start, rows = file.tell(), 0
                for source, places in spills:
                    _copy(source, places[partition], file)
                    rows += places[partition].rows
                ranges.append(SegmentRange(start, file.tell() - start, rows))
        return ranges

    def _merge_spills(self, path: Path) -> list[SegmentRange]:
        ranges = []
        with open(path, "wb") as file:
            writer = FrameWriter(file, self._budget.frame_bytes)
            for partition in range(self._partitions):
                start, rows_before = writer.position, writer.rows
                segments: list[Segment] = [
                    FileSegment(spill, places[partition].start, places[partition].length)
                    for spill, places in self._spills
                    if places[partition].length
                ]
                for rows in merged(segments, self._budget, self._folder):
                    writer.write(rows)
                writer.end_segment()
                ranges.append(_range(writer, start, writer.rows - rows_before))
        self.spilled_records += writer.rows
        return ranges


class _KeysOf(Collection[Any]):
    """The keys of rows as objects, made only for who goes through them."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows.key_list())

    def __contains__(self, key: object) -> bool:
        return key in self._rows.key_list()


def _copy(source: BinaryIO, place: SegmentRange, target: BinaryIO) -> None:
    source.seek(place.start)
    left = place.length
    while left:
        data = source.read(min(left, _COPY_BYTES))
        if not data:
            raise EOFError(f"{source.name} ends {left} bytes before it should")
        target.write(data)
        left -= len(data)


def _small_together(counts: list[int], rows_max: int) -> Iterator[list[int]]:
    """Neighbours with so many rows together at most; or one alone."""
    run: list[int] = []
    rows = 0
    for count in counts:
        if run and rows + count > rows_max:
            yield run
            run, rows = [], 0
        run.append(count)
        rows += count
    yield run


def _pieces(
    order: NDArray[np.int64], start: int, end: int, step: int
) -> Iterator[NDArray[np.int64]]:
    return (order[at : min(at + step, end)] for at in range(start, end, step))


def _range(writer: FrameWriter, start: int, rows: int) -> SegmentRange:
    return SegmentRange(start, writer.position - start, rows)
