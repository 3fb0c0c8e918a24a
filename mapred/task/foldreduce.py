"""Reducing on columns, where the reducer is a fold: a sorted batch in, its keys and results out."""

from collections.abc import Iterator
from itertools import chain

from mapred.shuffle.columns import Rows, joined
from mapred.shuffle.folding import folded_sorted
from mapred.shuffle.folds import Fold
from mapred.shuffle.partials import results


class FoldedGroups:
    """Takes batches as long as columns can fold them exactly; `rest` are the batches after."""

    def __init__(self, batches: Iterator[Rows], fold: Fold, *, floats: bool) -> None:
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
            together = rows if held is None else joined([held, rows])
            done = folded_sorted(together, self._fold, floats=self._floats)
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

    def _given(self, rows: Rows) -> Iterator[Rows]:
        if len(rows):
            self.groups += len(rows)
            yield results(rows) if self._fold.has_partials else rows
