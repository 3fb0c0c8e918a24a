"""The names of a large directory in order, without ever sorting them all at once.

Names lie in buckets between pivots; a bucket is sorted when somebody looks into it. The buckets
are filled a slice at a time (`work`), so that a server can do other things in between; names
that come and go meanwhile, and afterwards, are put where they belong.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Container, Iterable, Iterator
from typing import Final

# A sort of so many names takes half a millisecond.
BUCKET_NAMES: Final = 2_000
# A slice: a few milliseconds.
SLICE_NAMES: Final = 10_000
# Pivots are chosen from so many names for each bucket, so that buckets come out about equal.
_SAMPLES: Final = 4


class NameOrder:
    """Owned by its directory, which tells it of every change."""

    __slots__ = ("_added", "_buckets", "_pivots", "_rest", "_sorted")

    def __init__(self, names: Iterable[str]) -> None:
        # Not yet in a bucket.
        self._rest = list(names)
        count = max(1, len(self._rest) // BUCKET_NAMES)
        step = max(1, len(self._rest) // (count * _SAMPLES))
        sample = sorted(self._rest[::step])
        # Bucket i has the names from pivot i - 1 up to pivot i.
        self._pivots = sorted(set(sample[_SAMPLES::_SAMPLES]))
        self._buckets: list[list[str]] = [[] for _ in range(len(self._pivots) + 1)]
        self._sorted = [False] * len(self._buckets)
        # What came since, while there is a rest: it may be in the rest, too.
        self._added: set[str] = set()

    @property
    def is_ready(self) -> bool:
        return not self._rest

    def work(self, present: Container[str], limit: int = SLICE_NAMES) -> None:
        """Puts some more names into their buckets; those that aren't present any more go."""
        some = self._rest[-limit:]
        del self._rest[-limit:]
        some = sorted(name for name in some if name in present and name not in self._added)
        begin = 0
        for number, pivot in enumerate(self._pivots):
            end = bisect_left(some, pivot, begin)
            self._extend(number, some[begin:end])
            begin = end
        self._extend(-1, some[begin:])
        if not self._rest:
            self._added.clear()

    def _extend(self, number: int, names: list[str]) -> None:
        if names:
            self._buckets[number] += names
            self._sorted[number] = False

    def add(self, name: str) -> None:
        self._put(name)
        if self._rest:
            self._added.add(name)

    def remove(self, name: str) -> None:
        self._added.discard(name)
        bucket = self._buckets[bisect_right(self._pivots, name)]
        # While there is a rest it may lie there: it's left out when its turn comes.
        if name in bucket:
            bucket.remove(name)

    def _put(self, name: str) -> None:
        number = bisect_right(self._pivots, name)
        bucket = self._buckets[number]
        if self._sorted[number]:
            insort(bucket, name)
        else:
            bucket.append(name)
        if len(bucket) > 4 * BUCKET_NAMES:
            self._split(number)

    def _split(self, number: int) -> None:
        bucket = self._in_order(number)
        middle = len(bucket) // 2
        self._pivots.insert(number, bucket[middle])
        self._buckets[number : number + 1] = [bucket[:middle], bucket[middle:]]
        self._sorted.insert(number, True)

    def _in_order(self, number: int) -> list[str]:
        bucket = self._buckets[number]
        if not self._sorted[number]:
            bucket.sort()
            self._sorted[number] = True
        return bucket

    def following(self, name: str, *, including: bool) -> Iterator[str]:
        """The names after `name`, in order; the directory must not change meanwhile."""
        assert self.is_ready, "names are still being put in order"
        first = bisect_right(self._pivots, name)
        for number in range(first, len(self._buckets)):
            bucket = self._in_order(number)
            if number > first:
                yield from bucket
                continue
            find = bisect_left if including else bisect_right
            yield from bucket[find(bucket, name) :]
