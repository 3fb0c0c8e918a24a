"""The map side: records in, one sorted and partitioned data file with its index out.

Records gather in columns. When they fill the budget they are sorted by (partition, key)
and spilled; at the end the spills are merged, partition by partition. One spill, the
common case, is the output itself.
"""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mapred.shuffle import columns
from mapred.shuffle.budget import Budget
from mapred.shuffle.columns import Kind, Rows, joined, rows_of
from mapred.shuffle.frames import FileSegment, FrameWriter, Segment
from mapred.shuffle.merge import merged
from mapred.shuffle.ordering import sort_order
from mapred.shuffle.segments import DATA_NAME, SegmentRange, write_index

# (keys, their kind, their column) → the reducer of every key.
PartitionFunction: TypeAlias = Callable[[Collection[Any], Kind, Any], NDArray[np.uint32]]

_UNFINISHED: Final = ".unfinished"


class Sorter:
    """One map's output in the making."""

    def __init__(
        self,
        *,
        partitions: int,
        partition: PartitionFunction,
        budget: Budget,
        folder: Path,
        fold: Callable[[Rows], Rows | None] | None = None,
    ) -> None:
        self._partitions = partitions
        self._partition = partition
        self._budget = budget
        self._folder = folder
        # Makes one row of the rows of a key, where it can.
        self._fold = fold
        self._gathered: list[Rows] = []
        self._targets: list[NDArray[np.uint32]] = []
        self._held_bytes = 0
        # Of every spill: its file, and where each partition is in it.
        self._spills: list[tuple[Path, list[SegmentRange]]] = []
        self.spilled_records = 0
        # How many rows there are fewer for that.
        self.folded_records = 0

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
        if len(rows):
            self._gather(rows, _KeysOf(rows))

    def _gather(self, rows: Rows, keys: Collection[Any]) -> None:
        if self._held_bytes + rows.bytes > columns.COLUMN_BYTES_MAX and self._gathered:
            self._spill()
        self._gathered.append(rows)
        self._targets.append(self._partition(keys, rows.keys, rows.order))
        self._held_bytes += rows.bytes
        if self._held_bytes >= self._budget.buffer_bytes:
            self._spill()

    def finish(self) -> tuple[Path, int]:
        """The data file, published with its index, and its length in bytes."""
        if self._gathered or not self._spills:
            self._spill()
        data = self._folder / DATA_NAME
        path, ranges = self._spills[0] if len(self._spills) == 1 else self._merge_spills()
        path.replace(data)
        write_index(data, ranges)
        return data, sum(one.length for one in ranges)

    def _spill(self) -> None:
        path = self._folder / f"spill-{len(self._spills)}{_UNFINISHED}"
        parts = self._sorted_partitions()
        ranges = []
        with open(path, "wb") as file:
            writer = FrameWriter(file, self._budget.frame_bytes)
            for rows in parts:
                start = writer.position
                writer.write(rows)
                writer.end_segment()
                ranges.append(_range(writer, start, len(rows)))
        self.spilled_records += writer.rows
        self._spills.append((path, ranges))

    def _sorted_partitions(self) -> list[Rows]:
        rows = joined(self._gathered or [rows_of([], [])])
        targets = np.concatenate([np.empty(0, np.uint32), *self._targets])
        # Not beside their copies.
        self._gathered, self._targets, self._held_bytes = [], [], 0
        order = sort_order(rows.order, targets if self._partitions > 1 else None)
        ordered = rows.take(order)
        del rows
        counts = np.bincount(targets, minlength=self._partitions)
        ends = np.cumsum(counts).tolist()
        return [
            self._folded(ordered.slice(end - count, count))
            for end, count in zip(ends, counts.tolist(), strict=True)
        ]

    def _folded(self, rows: Rows) -> Rows:
        folded = self._fold(rows) if self._fold else None
        if folded is None:
            return rows
        self.folded_records += len(rows) - len(folded)
        return folded

    def _merge_spills(self) -> tuple[Path, list[SegmentRange]]:
        path = self._folder / f"merged{_UNFINISHED}"
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
        for spill, _ in self._spills:
            spill.unlink()
        return path, ranges


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


def _range(writer: FrameWriter, start: int, rows: int) -> SegmentRange:
    return SegmentRange(start, writer.position - start, rows)
