"""Which key has most of a reduce's records: found on the way, for the job's report.

Largest     of groups as Python sees them, exactly; with a secondary sort, of keys that begin alike
Commonest   of columns, in any order: a key that has a quarter of a batch is counted from there on,
            as long as it goes on like that or has a quarter of all records so far. What is missed
            is a part of a batch, of a key that has most of all.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mapred.shuffle.columns import Rows
from mapred.shuffle.keys import head_of

# Looking at so many costs a hundredth of what else is done with a batch.
_SAMPLE: Final = 16
_QUARTER: Final = 4
# Stands for NaN, which doesn't equal itself.
_NAN: Final = object()


class Largest:
    """The largest group, or run of groups that have the same first `heads` elements."""

    def __init__(self, heads: int = 0) -> None:
        self._heads = heads
        # Beginnings are compared with their types: in Python True equals 1.
        self._run: tuple[type, Any] | None = None
        self._run_records = 0
        self.key: Any = None
        self.records = 0

    def take(self, keys: list[Any], sizes: list[int]) -> None:
        """Groups in their order."""
        if not keys:
            return
        if not self._heads:
            most = max(sizes)
            self._compare(most, keys[sizes.index(most)])
            return
        for key, size in zip(keys, sizes, strict=True):
            head = head_of(key, self._heads)
            if self._run != (type(head), head):
                self._run, self._run_records = (type(head), head), 0
            self._run_records += size
            self._compare(self._run_records, head)

    def _compare(self, records: int, key: Any) -> None:
        if records > self.records:
            self.records, self.key = records, key


class Commonest:
    """Is shown all batches, with keys of one kind."""

    def __init__(self) -> None:
        self._all = 0
        # By what stands in the column.
        self._counts: Counter[Any] = Counter()
        self._keys: dict[Any, Any] = {}

    def watched(self, batches: Iterable[Rows]) -> Iterator[Rows]:
        for rows in batches:
            self.see(rows)
            yield rows
            # Not beside what the next is made of.
            del rows

    def see(self, rows: Rows) -> None:
        if not len(rows):
            return
        self._all += len(rows)
        found = self._many(rows)
        for word in self._counts.keys() | found:
            self._counts[word] += _count(rows.order, word)
        stay = {
            word
            for word, count in self._counts.items()
            if word in found or _QUARTER * count >= self._all
        }
        self._counts = Counter({word: self._counts[word] for word in stay})
        self._keys = {word: key for word, key in self._keys.items() if word in stay}

    def _many(self, rows: Rows) -> set[Any]:
        """Of a few rows that lie evenly, what a quarter of them has."""
        places = np.linspace(0, len(rows) - 1, min(_SAMPLE, len(rows))).astype(np.int64)
        words = [_NAN if one != one else one for one in rows.order.take(places).to_pylist()]
        found = {word for word, count in Counter(words).items() if _QUARTER * count >= len(words)}
        for word in found - self._keys.keys():
            place = int(places[words.index(word)])
            self._keys[word] = rows.slice(place, 1).key_list()[0]
        return found

    @property
    def records(self) -> int:
        return max(self._counts.values(), default=0)

    @property
    def key(self) -> Any:
        """The one that has so many."""
        return self._keys[max(self._counts, key=self._counts.__getitem__)] if self._counts else None


def _count(column: pa.Array, word: Any) -> int:
    same = pc.is_nan(column) if word is _NAN else pc.equal(column, pa.scalar(word, column.type))
    return int(pc.sum(same).as_py() or 0)
