"""Merging sorted segments into one sorted stream, within a budget.

Values of equal keys come in the order of the segments given, and within a segment in its
order: with segments in order of their maps that is (key, map, emission), whoever fetched
what when. When there are more segments than the budget has room for, runs of neighbours
are merged to disk first, so that the order holds.

One step: of every segment some frames are open, together as many bytes as the budget has for
them. The least of their last keys is the bound; what lies below it can't be overtaken by anything
unread and is sorted out at once, as columns. Rows that equal the bound follow up to the first
segment that may have more of them: a key with more rows than memory goes through frame by frame.
"""

import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from mapred.shuffle import columns
from mapred.shuffle.budget import Budget
from mapred.shuffle.columns import Kind, Rows, common_kinds, joined
from mapred.shuffle.frames import FileSegment, FrameWriter, Segment
from mapred.shuffle.ordering import rows_below, rows_up_to, sort_order

# A merge of two still makes progress, whatever the budget.
_FAN_IN_MIN: Final = 2


def merged(segments: Sequence[Segment], budget: Budget, folder: Path) -> Iterator[Rows]:
    """All rows of all segments, sorted; intermediate runs go to files in `folder`."""
    level = list(segments)
    runs: set[Path] = set()
    while len(groups := _groups(level, budget)) > 1:
        level = [
            group[0] if len(group) == 1 else _to_disk(group, budget, folder) for group in groups
        ]
        runs = _without_the_merged(runs, level)
    for group in groups:
        yield from _merge(group, budget)
    _without_the_merged(runs, [])


def _groups(segments: Sequence[Segment], budget: Budget) -> list[list[Segment]]:
    """Neighbours whose open frames fit into memory together."""
    groups: list[list[Segment]] = []
    held = 0
    for segment in segments:
        # Compressed small segments may unpack to more, but hardly to more than a frame.
        needs = min(4 * segment.length, budget.frame_bytes)
        if not groups or (held + needs > budget.merge_bytes and len(groups[-1]) >= _FAN_IN_MIN):
            groups.append([])
            held = 0
        groups[-1].append(segment)
        held += needs
    return groups


class _Run(FileSegment):
    """An intermediate result, this merge's own."""


def _to_disk(segments: list[Segment], budget: Budget, folder: Path) -> Segment:
    with tempfile.NamedTemporaryFile(dir=folder, prefix="run-", delete=False) as file:
        writer = FrameWriter(file, budget.frame_bytes)  # type: ignore[arg-type]
        for rows in _merge(segments, budget):
            writer.write(rows)
        writer.end_segment()
    return _Run(Path(file.name), 0, writer.position)


def _without_the_merged(runs: set[Path], level: Sequence[Segment]) -> set[Path]:
    """The runs that a level is made of; removes those of the level before that it isn't."""
    used = {Path(segment.path) for segment in level if isinstance(segment, _Run)}
    for path in runs - used:
        path.unlink()
    return used


class _Cursor:
    """One segment's open frames."""

    def __init__(self, frames: Iterator[Rows], window_bytes: int) -> None:
        self._frames = frames
        self._window_bytes = window_bytes
        self._held: deque[Rows] = deque()
        self._held_bytes = 0
        # Whether further frames may follow.
        self.has_more = True
        self._recast: tuple[Kind, Kind] | None = None
        self.fill()

    def fill(self) -> None:
        """Opens frames, if there are any, while there's room; at least one."""
        while self.has_more and (not self._held or self._held_bytes < self._window_bytes):
            rows = next(self._frames, None)
            if rows is None:
                self.has_more = False
            else:
                self._hold(rows.recast(*self._recast) if self._recast else rows)

    def _hold(self, rows: Rows) -> None:
        self._held.append(rows)
        self._held_bytes += rows.bytes

    def recast(self, keys: Kind, values: Kind) -> None:
        """From now on in these kinds."""
        self._recast = keys, values
        held, self._held, self._held_bytes = self._held, deque(), 0
        for rows in held:
            self._hold(rows.recast(keys, values))

    def __len__(self) -> int:
        return len(self._held)

    @property
    def first(self) -> Rows:
        return self._held[0]

    @property
    def last_key(self) -> Any:
        return self._held[-1].order[-1].as_py()

    def take_all(self) -> list[Rows]:
        held, self._held, self._held_bytes = self._held, deque(), 0
        return list(held)

    def take(self, bound: "_Rank", *, equal: bool) -> list[Rows]:
        """The rows below the bound, or also those that equal it."""
        taken = []
        while self._held:
            rows = self._held[0]
            last = _Rank(rows.order[-1].as_py())
            if last < bound or (equal and last == bound):
                taken.append(rows)
                self._drop_first()
                continue
            count = (rows_up_to if equal else rows_below)(rows.order, bound.key)
            if count:
                taken.append(rows.slice(0, count))
                rest = rows.slice(count, len(rows) - count)
                self._drop_first()
                self._held.appendleft(rest)
                self._held_bytes += rest.bytes
            break
        return taken

    def _drop_first(self) -> None:
        self._held_bytes -= self._held.popleft().bytes


def _merge(segments: Sequence[Segment], budget: Budget) -> Iterator[Rows]:
    window_bytes = budget.merge_bytes // max(1, len(segments))
    cursors = [_Cursor(segment.frames(), window_bytes) for segment in segments]
    cursors = [cursor for cursor in cursors if cursor]
    kinds = common_kinds([cursor.first for cursor in cursors])
    for cursor in cursors:
        cursor.recast(*kinds)
    while len(cursors) > 1:
        yield from _in_order(_step(cursors))
        for cursor in cursors:
            cursor.fill()
        cursors = [cursor for cursor in cursors if cursor]
    for cursor in cursors:
        while cursor:
            yield from cursor.take_all()
            cursor.fill()


def _in_order(parts: list[Rows]) -> Iterator[Rows]:
    """Sorted parts as one; as several where they are too large for one column."""
    if len(parts) == 1:
        yield parts[0]
    elif sum(part.bytes for part in parts) <= columns.COLUMN_BYTES_MAX:
        together = joined(parts)
        # Not beside what is made of them, which stays while the next is made.
        parts.clear()
        sorted_rows = together.take(sort_order(together.order))
        del together
        yield sorted_rows
    else:
        # Few rows, as each of them is large.
        rows = [part.slice(row, 1) for part in parts for row in range(len(part))]
        held: list[Rows] = []
        held_bytes = 0
        for row in sorted(rows, key=lambda row: _Rank(row.order[0].as_py())):
            if held and held_bytes + row.bytes > columns.COLUMN_BYTES_MAX:
                yield joined(held)
                held, held_bytes = [], 0
            held.append(row)
            held_bytes += row.bytes
        yield joined(held)


def _step(cursors: list[_Cursor]) -> list[Rows]:
    """The next rows of every segment that nothing unread can overtake, in their order."""
    growing = [(_Rank(cursor.last_key), at) for at, cursor in enumerate(cursors) if cursor.has_more]
    if not growing:
        return [rows for cursor in cursors for rows in cursor.take_all()]
    bound, first = min(growing)
    return [
        rows for at, cursor in enumerate(cursors) for rows in cursor.take(bound, equal=at <= first)
    ]


class _Rank:
    """A typed key in the order of its column: as Python orders it, but NaN comes last."""

    __slots__ = ("key",)

    def __init__(self, key: Any) -> None:
        self.key = key

    def __lt__(self, other: "_Rank") -> bool:
        if self.key != self.key:
            return False
        return bool(other.key != other.key or self.key < other.key)

    def __eq__(self, other: object) -> bool:
        assert isinstance(other, _Rank)
        return not self < other and not other < self

    __hash__ = None  # type: ignore[assignment]
