"""Reducing on columns, where the reducer is a fold: keys and results, in order of keys.

HashedGroups   of segments as they are, where a table has room for all keys: only these are sorted
FoldedGroups   of sorted batches, as a merge gives them
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Final

from mapred.shuffle.columns import Rows, joined
from mapred.shuffle.folding import foldable, folded_sorted
from mapred.shuffle.folds import AnyFold
from mapred.shuffle.frames import Segment
from mapred.shuffle.hashfold import HashFold, suits
from mapred.shuffle.hottest import Commonest
from mapred.shuffle.keytable import REDUCE_STAGE
from mapred.shuffle.ordering import sort_order
from mapred.shuffle.partials import results

# A key whose different values are more is Python's: here they'd be sorted again with every batch.
_HELD_BYTES_MAX: Final = 16 << 20
# At once: a histogram's result may be much larger than what it is made of.
_RESULTS_MAX: Final = 4096


# Of sorted results, at once to a writer.
_GIVEN_ROWS: Final = 65_536


class HashedGroups:
    """Takes segments in their order, so that values of a key fold in order of (map, emission)."""

    def __init__(self, segments: Sequence[Segment], fold: AnyFold, *, floats: bool) -> None:
        self._segments = segments
        self._fold = fold
        self._floats = floats
        self.records = 0
        self.groups = 0
        self.commonest = Commonest()

    def rows(self, bytes_max: int, tick: Callable[[int], None]) -> Iterator[Rows] | None:
        """A key and its result a row; None where keys are too many for so many bytes, or some rows
        aren't for a table: then a merge must do it, from the beginning."""
        table: HashFold | None = None
        for segment in self._segments:
            for rows in segment.frames():
                if table is None:
                    kinds = rows.keys, rows.values
                    table = HashFold(*kinds, self._fold, bytes_max, REDUCE_STAGE)
                if not self._taken(rows, table):
                    self.records, self.commonest = 0, Commonest()
                    return None
                self.commonest.see(rows)
                self.records += len(rows)
                tick(self.records)
        return self._given(table)

    def _taken(self, rows: Rows, table: HashFold) -> bool:
        return (
            (rows.keys, rows.values) == table.kinds
            and suits(rows, self._fold)
            and foldable(rows, self._fold, self._floats)
            and table.has_room_for(rows)
            and table.add(rows) is None
            and not table.full
        )

    def _given(self, table: HashFold | None) -> Iterator[Rows]:
        rows = table.rows() if table else None
        if rows is None:
            return
        self.groups = len(rows)
        order = sort_order(rows.order)
        yield from rows.takes(
            order[at : at + _GIVEN_ROWS] for at in range(0, len(order), _GIVEN_ROWS)
        )


class FoldedGroups:
    """Takes batches as long as columns can fold them exactly; `rest` are the batches after."""

    def __init__(self, batches: Iterator[Rows], fold: AnyFold, *, floats: bool) -> None:
        self._batches = batches
        self._fold = fold
        self._floats = floats
        self.rest: Iterator[Rows] = iter(())
        # Rows in batches taken so far, and keys given out.
        self.records = 0
        self.groups = 0

    def __iter__(self) -> Iterator[Rows]:
        """A key and its result a row; a key that goes on in the next batch is held back."""
        held: Rows | None = None
        for rows in self._batches:
            done = self._folded(held, rows)
            if done is None:
                before = [] if held is None else [held]
                # What is held was counted as a record before.
                self.records -= len(before)
                self.rest = chain(before, [rows], self._batches)
                return
            self.records += len(rows)
            yield from self._given(done.slice(0, len(done) - 1))
            held = done.slice(len(done) - 1, 1)
        if held is not None:
            yield from self._given(held)

    def _folded(self, held: Rows | None, rows: Rows) -> Rows | None:
        if held is not None:
            if held.bytes > _HELD_BYTES_MAX:
                return None
            rows = joined([held, rows])
        # Where a merge's batches end depends on what was in memory when.
        return folded_sorted(rows, self._fold, floats=self._floats, one_by_one=True)

    def _given(self, rows: Rows) -> Iterator[Rows]:
        self.groups += len(rows)
        if not self._fold.has_partials:
            yield from [rows] if len(rows) else []
            return
        for start in range(0, len(rows), _RESULTS_MAX):
            yield results(rows.slice(start, _RESULTS_MAX), self._fold)
