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
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from mapred.formats.port import RecordBatch, RecordReader
from mapred.iterative.broadcast import RoundSettings, round_settings
from mapred.iterative.overflow import FILES_BYTES_MAX, Overflow, Overflowed
from mapred.iterative.recordcolumns import NotKeepableError
from mapred.iterative.taken import Taken
from mapred.model import JobSpec, Split

log = logging.getLogger(__name__)

HIT: Final = "splits_kept_decoded"
MISS: Final = "splits_decoded"
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
        taken = None
        if loop.pinned_bytes:
            taken = Taken(loop.pinned_bytes, lambda batches: self._in_file(key, batches))
        return _Keeping(
            reader,
            prepare,
            taken,
            lambda taken, counters: self._keep(key, taken, counters, loop.pinned_bytes),
        )

    def _keep(self, key: Key, taken: Taken, counters: Mapping[str, int], room: int) -> None:
        batches = taken.batches()
        if batches is None:
            return
        counted = {name: value for name, value in counters.items() if name not in (HIT, MISS)}
        self._put(key, _Kept(batches, counted, taken.bytes))
        while self.bytes > room:
            oldest = next(key for key, kept in self._kept.items() if kept.bytes)
            kept = self._drop(oldest)
            found = self._in_file(oldest, tuple(kept.batches))
            if found is not None:
                self._put(oldest, _Kept(found, kept.counters, 0))

    def _put(self, key: Key, kept: _Kept) -> None:
        self._kept[key] = kept
        self.bytes += kept.bytes

    def _in_file(self, key: Key, batches: Sequence[RecordBatch]) -> Overflowed | None:
        """None where there is no room for them either."""
        if key in self._refused:
            return None
        try:
            if key.owner not in self._files:
                self._files[key.owner] = Overflow(self._folder)
            file = self._files[key.owner]
            bytes_max = FILES_BYTES_MAX - (self.mapped_bytes - file.bytes)
            return file.add(batches, bytes_max=bytes_max)
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
        taken: Taken | None,
        keep: Callable[[Taken, Mapping[str, int]], None],
    ) -> None:
        self._reader = reader
        self._prepare = prepare
        self._taken = taken
        self._keep = keep

    @property
    def bytes_read(self) -> int:
        return self._reader.bytes_read

    def batches(self) -> Iterator[RecordBatch]:
        for batch in self._reader.batches():
            if self._prepare:
                keys, values = batch
                batch = keys, list(map(self._prepare, keys, values))
            for column in batch:
                _freeze(column)
            if self._taken:
                self._taken.add(batch)
            yield batch
        if self._taken:
            self._keep(self._taken, self._reader.counters())

    def counters(self) -> Mapping[str, int]:
        found = self._reader.counters()
        return found if HIT in found else {**found, MISS: 1}


def _freeze(column: Sequence[Any]) -> None:
    for item in column:
        parts = item if isinstance(item, tuple) else (item,)
        if not all(isinstance(part, np.ndarray) for part in parts):
            return
        for part in parts:
            part.flags.writeable = False
