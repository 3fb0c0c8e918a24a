"""Merging sorted segments into one sorted stream, within a budget.

Values of equal keys come in the order of the segments given, and within a segment in its
order: with segments in order of their maps that is (key, map, emission), whoever fetched
what when. When there are more segments than the budget has room for, runs of neighbours
are merged to disk first, so that the order holds.

One step: of every segment one frame is open. The least of the last keys of all frames that
have a successor is the bound; what lies below it can't be overtaken by anything unread and
is sorted out at once, as columns. Rows that equal the bound follow up to the first segment
whose next frame may have more of them: a key with more rows than memory goes through frame
by frame.
"""

import tempfile
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
        yield from _merge(group)
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
        for rows in _merge(segments):
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
    """One segment's open frame, and the one after it."""

    def __init__(self, frames: Iterator[Rows]) -> None:
        self._frames = frames
        self.rows = next(frames, None)
        self._next = next(frames, None) if self.rows is not None else None

    def recast(self, keys: Kind, values: Kind) -> None:
        """From now on in these kinds."""
        frames = self._frames
        self._frames = (rows.recast(keys, values) for rows in frames)
        self.rows = self.rows and self.rows.recast(keys, values)
        self._next = self._next and self._next.recast(keys, values)

    @property
    def has_more(self) -> bool:
        return self._next is not None

    @property
    def last_key(self) -> Any:
        assert self.rows is not None
        return self.rows.order[-1].as_py()

    def take(self, count: int) -> Rows:
        """The first rows of the frame; opens the next frame when this one is used up."""
        assert self.rows is not None
        taken = self.rows.slice(0, count)
        if count == len(self.rows):
            self.rows, self._next = self._next, next(self._frames, None)
        else:
            self.rows = self.rows.slice(count, len(self.rows) - count)
        return taken


def _merge(segments: Sequence[Segment]) -> Iterator[Rows]:
    cursors = [_Cursor(segment.frames()) for segment in segments]
    cursors = [cursor for cursor in cursors if cursor.rows is not None]
    kinds = common_kinds([cursor.rows for cursor in cursors if cursor.rows])
    for cursor in cursors:
        cursor.recast(*kinds)
    while len(cursors) > 1:
        yield from _in_order(_step(cursors))
        cursors = [cursor for cursor in cursors if cursor.rows is not None]
    for cursor in cursors:
        while cursor.rows is not None:
            yield cursor.take(len(cursor.rows))


def _in_order(parts: list[Rows]) -> Iterator[Rows]:
    """Sorted parts as one; as several where they are too large for one column."""
    if len(parts) == 1:
        yield parts[0]
    elif sum(part.bytes for part in parts) <= columns.COLUMN_BYTES_MAX:
        together = joined(parts)
        yield together.take(sort_order(together.order))
    else:
        # Few rows, as each of them is large.
        rows = [part.slice(row, 1) for part in parts for row in range(len(part))]
        held: list[Rows] = []
        for row in sorted(rows, key=lambda row: _Rank(row.order[0].as_py())):
            if held and sum(one.bytes for one in [*held, row]) > columns.COLUMN_BYTES_MAX:
                yield joined(held)
                held = []
            held.append(row)
        yield joined(held)


def _step(cursors: list[_Cursor]) -> list[Rows]:
    """The next rows of every segment that nothing unread can overtake, in their order."""
    growing = [(_Rank(cursor.last_key), at) for at, cursor in enumerate(cursors) if cursor.has_more]
    if not growing:
        return [cursor.take(len(cursor.rows)) for cursor in cursors if cursor.rows]
    bound, first = min(growing)
    parts = []
    for at, cursor in enumerate(cursors):
        assert cursor.rows is not None
        find = rows_up_to if at <= first else rows_below
        count = find(cursor.rows.order, bound.key)
        if count:
            parts.append(cursor.take(count))
    return parts


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
