"""Decoded input that stays in a task process from round to round.

A loop reads the same splits in every round, and parsing costs more than reading. So a process
keeps the batches of the splits that it has mapped, least recently used first out, up to a
number of bytes; the key is the loop's lineage and the split. A split that is larger than all
of the room isn't kept: it would push out everything else and then itself.

What is kept is handed to user code again: it must not change its records. Arrays are
made read-only. A mapper with `prepare(self, key, value)` is given, instead of each value, what
that has made of it, once: it may depend on what stays the same in the loop's states. That is a
tuple of arrays, or anything with `nbytes`.
"""

import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from mapred.formats.port import RecordBatch, RecordReader
from mapred.iterative.broadcast import round_settings
from mapred.model import JobSpec, Split

# Of the items of a batch, every one that is looked at stands for this many.
_SAMPLED: Final = 64
HIT: Final = "splits_kept_decoded"
MISS: Final = "splits_decoded"


@dataclass(frozen=True, slots=True)
class Key:
    lineage: str
    uri: str
    start: int
    length: int
    format: str
    input: str


@dataclass(frozen=True, slots=True)
class _Kept:
    batches: tuple[RecordBatch, ...]
    counters: Mapping[str, int]
    bytes: int


class Pinned:
    """The batches of some splits. One thread."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        self.bytes = 0

    def reader(
        self,
        spec: JobSpec,
        split: Split,
        make: Callable[[], RecordReader],
        prepare: Callable[[Any, Any], Any] | None = None,
    ) -> RecordReader:
        """A reader of the split: from memory if it is here, else `make()`'s, kept for next time
        as `prepare` has made it."""
        loop = round_settings(spec.settings)
        if loop is None:
            return make()
        key = Key(loop.lineage, split.uri, split.start, split.length, split.format, split.input)
        self._forget_others(loop.lineage)
        if kept := self._kept.get(key):
            self._kept.move_to_end(key)
            return _FromMemory(kept, split.length)
        return _Keeping(
            make(),
            prepare,
            lambda batches, counters: self._keep(key, batches, counters, loop.pinned_bytes),
        )

    def _keep(
        self, key: Key, batches: Sequence[RecordBatch], counters: Mapping[str, int], room: int
    ) -> None:
        kept = _Kept(tuple(batches), dict(counters), sum(map(bytes_of, batches)))
        if kept.bytes > room:
            return
        self._kept[key] = kept
        self.bytes += kept.bytes
        while self.bytes > room:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: Key) -> None:
        self.bytes -= self._kept.pop(key).bytes

    def _forget_others(self, lineage: str) -> None:
        for key in [key for key in self._kept if key.lineage != lineage]:
            self._drop(key)

    def __repr__(self) -> str:
        return f"Pinned({len(self._kept)} splits, {self.bytes} bytes)"


# One a task process.
PINNED: Final = Pinned()


class _FromMemory:
    """A split that is kept."""

    def __init__(self, kept: _Kept, length: int) -> None:
        self._kept = kept
        self._length = length
        self.bytes_read = 0

    def batches(self) -> Iterator[RecordBatch]:
        yield from self._kept.batches
        self.bytes_read = self._length

    def counters(self) -> Mapping[str, int]:
        return {**self._kept.counters, HIT: 1}


class _Keeping:
    """Reads a split, and gives it to be kept once it was read to its end."""

    def __init__(
        self,
        reader: RecordReader,
        prepare: Callable[[Any, Any], Any] | None,
        keep: Callable[[Sequence[RecordBatch], Mapping[str, int]], None],
    ) -> None:
        self._reader = reader
        self._prepare = prepare
        self._keep = keep

    @property
    def bytes_read(self) -> int:
        return self._reader.bytes_read

    def batches(self) -> Iterator[RecordBatch]:
        read = []
        for batch in self._reader.batches():
            if self._prepare:
                keys, values = batch
                batch = keys, list(map(self._prepare, keys, values))
            for column in batch:
                _freeze(column)
            read.append(batch)
            yield batch
        self._keep(read, self._reader.counters())

    def counters(self) -> Mapping[str, int]:
        return {**self._reader.counters(), MISS: 1}


def _freeze(column: Sequence[Any]) -> None:
    for item in column:
        parts = item if isinstance(item, tuple) else (item,)
        if not all(isinstance(part, np.ndarray) for part in parts):
            return
        for part in parts:
            part.flags.writeable = False


def bytes_of(batch: RecordBatch) -> int:
    """About what a batch takes in memory, from a sample of its items."""
    return sum(map(_column_bytes, batch))


def _column_bytes(column: Sequence[Any]) -> int:
    if not len(column):
        return 0
    sample = column[:: max(1, len(column) // _SAMPLED)]
    mean = sum(map(_item_bytes, sample)) / len(sample)
    return int(len(column) * mean)


def _item_bytes(item: Any) -> int:
    # 8: the list's own pointer.
    arrays = getattr(item, "nbytes", None)
    own = sys.getsizeof(item) if arrays is None else arrays + 112
    if isinstance(item, list | tuple):
        own += sum(map(_item_bytes, item))
    return own + 8
