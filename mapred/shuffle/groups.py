"""Sorted rows as groups: each key once, with an iterator over its values that can be used once.

Values of a group that lies within one batch come as a plain list iterator; a group that
goes on in the next batch is streamed, so it may be larger than memory.
"""

from collections.abc import Iterator
from operator import sub
from typing import Any, Final

import numpy as np

from mapred.shuffle.columns import Kind, Rows
from mapred.shuffle.hottest import Largest
from mapred.shuffle.ordering import group_starts

# Objects in Python are several times as large as what they are made of: so few at a time don't
# count, and stay in a CPU's cache.
_ROWS_MAX: Final = 16_384


class Groups:
    """Iterates over (key, values); moving on skips what is left of the group before."""

    def __init__(self, batches: Iterator[Rows], heads: int = 0) -> None:
        """`heads`: of how many first elements of a key its user makes one group."""
        self._batches = _cut(batches)
        self._next = next(self._batches, None)
        # What comes after it, where a batch was cut in two.
        self._put_back: Rows | None = None
        # Rows in batches taken so far.
        self.records = 0
        self.groups = 0
        # The one given out last.
        self.key: Any = None
        # Of its values, those that its user has not taken yet.
        self.values: Any = iter([])
        self.largest = Largest(heads)

    def __iter__(self) -> Iterator[tuple[Any, Iterator[Any]]]:
        while self._next is not None:
            rows = self._advance()
            starts = group_starts(rows.order).tolist()
            keys = rows.take(starts).key_list()
            values = rows.value_list()
            ends = [*starts[1:], len(values)]
            sizes = list(map(sub, ends, starts))
            self.groups += len(starts)
            goes_on = self._goes_on(rows)
            last = len(starts) - 1
            if goes_on:
                ends.pop()
            self.largest.take(keys[: len(ends)], sizes[: len(ends)])
            for key, start, end in zip(keys, starts, ends, strict=False):
                self.key = key
                self.values = iter(values[start:end])
                yield key, self.values
            if goes_on:
                before = self.records - sizes[last]
                rest = self._streamed(rows, values[starts[last] :])
                del values
                self.key = keys[last]
                yield self.key, rest
                for _ in rest:
                    pass
                self.largest.take([self.key], [self.records - before])
            # Not beside the next batch.
            del rows, keys
            values = []

    def _advance(self) -> Rows:
        rows = self._next
        assert rows is not None
        self._next, self._put_back = self._put_back, None
        if self._next is None:
            self._next = next(self._batches, None)
        self.records += len(rows)
        return rows

    def _goes_on(self, rows: Rows) -> bool:
        """Whether the next batch begins with the key that ends this one."""
        if self._next is None:
            return False
        return _same_key(rows, self._next)

    def _streamed(self, rows: Rows, values: list[Any]) -> Iterator[Any]:
        yield from values
        while self._goes_on(rows):
            values.clear()
            rows = self._advance()
            starts = group_starts(rows.order)
            if len(starts) == 1:
                yield from rows.value_list()
                continue
            # The group ends inside this batch: the rest of it is the next batch again.
            count = int(starts[1])
            after = rows.slice(count, len(rows) - count)
            self.records -= len(after)
            self._put_back = self._next
            self._next = after
            yield from rows.slice(0, count).value_list()
            return


def _cut(batches: Iterator[Rows]) -> Iterator[Rows]:
    """The last piece of a batch is a copy, if there are others: it's held while the next batch is
    made, and the whole batch with it otherwise."""
    for rows in batches:
        last = max(0, len(rows) - 1) // _ROWS_MAX * _ROWS_MAX
        for start in range(0, last, _ROWS_MAX):
            yield rows.slice(start, _ROWS_MAX)
        rest = rows.take(np.arange(last, len(rows))) if last else rows
        del rows
        if len(rest):
            yield rest


def _same_key(left: Rows, right: Rows) -> bool:
    assert left.keys is right.keys or Kind.ENCODED in (left.keys, right.keys)
    one, other = left.order[-1].as_py(), right.order[0].as_py()
    return bool(one == other or (one != one and other != other))
