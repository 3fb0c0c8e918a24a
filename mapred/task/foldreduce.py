"""Reducing on columns, where the reducer is a fold: a sorted batch in, its keys and results out."""

from collections.abc import Iterator
from itertools import chain
from typing import Final

from mapred.shuffle.columns import Rows, joined
from mapred.shuffle.folding import folded_sorted
from mapred.shuffle.folds import AnyFold
from mapred.shuffle.partials import results

# A key whose different values are more is Python's: here they'd be sorted again with every batch.
_HELD_BYTES_MAX: Final = 16 << 20
# At once: a histogram's result may be much larger than what it is made of.
_RESULTS_MAX: Final = 4096


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
