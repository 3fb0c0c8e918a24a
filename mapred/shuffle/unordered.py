"""Map output that isn't sorted, for reduces that hash it, and what sorts it when they can't.

Such a reduce (mapred/task/foldreduce.py) takes keys in any order and sorts its results, so maps
needn't sort. Where its table turns out to be too small for the keys, it sorts what it has fetched,
a buffer at a time, into runs on disk: the work that the maps saved.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from mapred.shuffle.budget import Budget
from mapred.shuffle.columns import Rows, joined
from mapred.shuffle.frames import FileSegment, FrameWriter, Segment
from mapred.shuffle.ordering import sort_order

# Makes one row of the rows of a key that stand side by side; None where it can't.
_SLICE_ROWS: Final = 65_536

SortedFold: TypeAlias = Callable[[Rows], Rows | None]


def likely_keys(rows: int, keys: int) -> int:
    """How many keys there are where `rows` of them, taken at random, were `keys` different ones.

    Right for many keys, of which few came twice; for few it's more than there are.
    """
    return max(keys, rows * rows // (2 * max(1, rows - keys)))


class InOrder:
    """The rows of segments in sorted ones, those of equal keys in their order."""

    def __init__(self, budget: Budget, folder: Path, fold: SortedFold | None) -> None:
        self._budget = budget
        self._folder = folder
        self._fold = fold
        # How many rows there are fewer, because runs are folded.
        self.folded_records = 0

    def of(self, segments: Sequence[Segment]) -> list[Segment]:
        found: list[Segment] = []
        unordered: list[Segment] = []
        for segment in segments:
            if segment.ordered:
                found += [*self._runs(unordered), segment]
                unordered = []
            else:
                unordered.append(segment)
        return [*found, *self._runs(unordered)]

    def _runs(self, segments: Sequence[Segment]) -> Iterator[Segment]:
        held: list[Rows] = []
        held_bytes = 0
        for segment in segments:
            for rows in segment.frames():
                held.append(rows)
                held_bytes += rows.bytes
                if held_bytes >= self._budget.buffer_bytes:
                    yield self._run(held)
                    held, held_bytes = [], 0
        if held:
            yield self._run(held)

    def _run(self, held: list[Rows]) -> FileSegment:
        rows = joined(held)
        held.clear()
        order = sort_order(rows.order)
        with tempfile.NamedTemporaryFile(dir=self._folder, prefix="sorted-", delete=False) as file:
            writer = FrameWriter(file, self._budget.frame_bytes)  # type: ignore[arg-type]
            # Slice by slice: there is never a sorted copy of them all.
            slices = (order[at : at + _SLICE_ROWS] for at in range(0, len(order), _SLICE_ROWS))
            for part in rows.takes(slices):
                folded = self._fold(part) if self._fold else None
                self.folded_records += len(part) - len(folded) if folded else 0
                writer.write(folded or part)
            writer.end_segment()
        return FileSegment(Path(file.name), 0, writer.position)
