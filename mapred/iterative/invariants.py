"""Decoded input that stays in a task process from round to round, and from loop to loop of a fit.

A loop reads the same splits in every round, and parsing costs more than reading. So a process
keeps the batches of the splits that it has mapped. Beyond a number of bytes the least recently
used move to a file that is mapped (overflow.py). What can't, since the disk is full or a record
can't be pickled, is decoded again each time, and the task's log says so once. The key is the
split and what it is pinned for: a loop, or several that read the same input.

What is kept is handed to user code again: it must not change its records. Arrays are
made read-only. A mapper with `prepare(self, key, value)` is given, instead of each value, what
that has made of it, once: it may depend on what stays the same in the loop's states. That is a
tuple of arrays, or anything with `nbytes`. It belongs to one loop; where others read the same
text, what was decoded is kept beside it.
"""

import logging
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import numpy as np

from mapred.formats.port import RecordBatch, RecordReader
from mapred.iterative.broadcast import RoundSettings, round_settings
from mapred.iterative.overflow import FILES_BYTES_MAX, Overflow
from mapred.iterative.recordcolumns import NotKeepableError
from mapred.model import JobSpec, Split

log = logging.getLogger(__name__)

# Of the items of a batch, every one that is looked at stands for this many.
_SAMPLED: Final = 64
HIT: Final = "splits_kept_decoded"
MISS: Final = "splits_decoded"
# Records of a split that are kept as one batch: blocks of rows, of a megabyte each.
_FEW: Final = 256
# They are read as fast as what was decoded of them.
_QUICK: Final = (".npy", ".csr")


@dataclass(frozen=True, slots=True)
class Key:
    pinned_for: str
    uri: str
    start: int
    length: int
    format: str
    input: str
    # The loop whose mapper has prepared it; "": as it was decoded.
    prepared: str = ""

    @property
    def owner(self) -> tuple[str, str]:
        return self.pinned_for, self.prepared


@dataclass(frozen=True, slots=True)
class _Kept:
    batches: Iterable[RecordBatch]
    counters: Mapping[str, int]
    # In memory; those in the file: 0.
    bytes: int


class Pinned:
    """The batches of some splits. One thread."""

    def __init__(self) -> None:
        self._folder = ""
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        # What has one owner goes with it, and so does its file.
        self._files: dict[tuple[str, str], Overflow] = {}
        # Those that no file takes.
        self._refused: set[Key] = set()
        self.bytes = 0

    @property
    def mapped_bytes(self) -> int:
        return sum(file.bytes for file in self._files.values())

    def reader(
        self,
        spec: JobSpec,
        split: Split,
        make: Callable[[], RecordReader],
        prepare: Callable[[Any, Any], Any] | None = None,
        *,
        folder: str,
    ) -> RecordReader:
        """A reader of the split: from memory if it is here, else `make()`'s, kept for next time
        as `prepare` has made it. Files, which have no name, are on the disk of `folder`."""
        loop = round_settings(spec.settings)
        if loop is None:
            return make()
        self._folder = folder
        pinned_for = loop.pinned_for or loop.lineage
        self._forget_others(pinned_for, loop.lineage)
        key = Key(pinned_for, split.uri, split.start, split.length, split.format, split.input)
        shared = pinned_for != loop.lineage and not split.uri.endswith(_QUICK)
        if prepare is None:
            return self._found(key, split) or self._keeping(make(), key, loop)
        own = Key(
            pinned_for,
            split.uri,
            split.start,
            split.length,
            split.format,
            split.input,
            prepared=loop.lineage,
        )
        if found := self._found(own, split):
            return found
        decoded = self._found(key, split)
        if decoded is None:
            decoded = self._keeping(make(), key, loop) if shared else make()
        return self._keeping(decoded, own, loop, prepare)

    def _found(self, key: Key, split: Split) -> "RecordReader | None":
        kept = self._kept.get(key)
        if kept is None:
            return None
        self._kept.move_to_end(key)
        return _FromMemory(kept, split.length)

    def _keeping(
        self,
        reader: RecordReader,
        key: Key,
        loop: RoundSettings,
        prepare: Callable[[Any, Any], Any] | None = None,
    ) -> RecordReader:
        return _Keeping(
            reader,
            prepare,
            lambda batches, counters: self._keep(key, batches, counters, loop.pinned_bytes),
        )

    def _keep(
        self, key: Key, batches: Sequence[RecordBatch], counters: Mapping[str, int], room: int
    ) -> None:
        if not room:
            return
        counted = {name: value for name, value in counters.items() if name not in (HIT, MISS)}
        batches = _together(batches)
        kept = _Kept(batches, counted, sum(map(bytes_of, batches)))
        self._put(key, kept if kept.bytes <= room else self._in_file(key, kept))
        while self.bytes > room:
            oldest = next(key for key, kept in self._kept.items() if kept.bytes)
            self._put(oldest, self._in_file(oldest, self._drop(oldest)))

    def _put(self, key: Key, kept: _Kept | None) -> None:
        if kept is None:
            return
        self._kept[key] = kept
        self.bytes += kept.bytes

    def _in_file(self, key: Key, kept: _Kept) -> _Kept | None:
        """None where there is no room for it either."""
        if key in self._refused:
            return None
        try:
            if key.owner not in self._files:
                self._files[key.owner] = Overflow(self._folder)
            file = self._files[key.owner]
            bytes_max = FILES_BYTES_MAX - (self.mapped_bytes - file.bytes)
            found = file.add(tuple(kept.batches), bytes_max=bytes_max)
            return _Kept(found, kept.counters, 0)
        except (OSError, NotKeepableError) as error:
            if not self._refused:
                log.warning(
                    "%s of %s has no room in memory (pinned_bytes) nor in a file, and is decoded "
                    "again in every round, as others may be: %s",
                    key.format or "what is decoded",
                    key.uri,
                    error,
                )
            self._refused.add(key)
            return None

    def _drop(self, key: Key) -> _Kept:
        kept = self._kept.pop(key)
        self.bytes -= kept.bytes
        return kept

    def _forget_others(self, pinned_for: str, lineage: str) -> None:
        """A loop that another follows doesn't come again."""

        def stays(owner: tuple[str, str]) -> bool:
            return owner in ((pinned_for, ""), (pinned_for, lineage))

        for key in [key for key in self._kept if not stays(key.owner)]:
            self._drop(key)
        self._refused = {key for key in self._refused if stays(key.owner)}
        for owner in [owner for owner in self._files if not stays(owner)]:
            del self._files[owner]

    def __repr__(self) -> str:
        return f"Pinned({len(self._kept)} splits, {self.bytes} bytes, {self.mapped_bytes} in files)"


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
        found = self._reader.counters()
        return found if HIT in found else {**found, MISS: 1}


def _together(batches: Sequence[RecordBatch]) -> tuple[RecordBatch, ...]:
    """The same records in one batch, if they are few: a batch costs as much as a record."""
    if len(batches) < 2 or sum(len(keys) for keys, _ in batches) > _FEW:
        return tuple(batches)
    keys, values = zip(*batches, strict=True)
    return ((list(chain.from_iterable(keys)), list(chain.from_iterable(values))),)


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
