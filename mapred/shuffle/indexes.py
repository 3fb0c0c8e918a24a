"""Indexes of map outputs that a process has read and checked: once, and not for each partition.

- A process's reduces, and a tracker's fetches, ask for partition after partition of the same maps:
  with m maps and r reducers there are m indexes to read, and m times r questions.
- An index is kept as its lengths, in as few bytes as the longest needs, under its path. The file is
  looked at with every question: one that is gone or another one is read anew.
- The least recently used go first when they have more bytes than they may.
"""

import os
import threading
from array import array
from collections import OrderedDict
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from mapred.errors import FetchError
from mapred.shuffle.segments import INDEX_SUFFIX, range_of, read_index

# Of a task's default budget a thirty-second: 2,000 maps of 500 tiny partitions have 3 MB.
INDEXES_BYTES: Final = 4 * 1024 * 1024
# What an index takes up beside its lengths.
_OVERHEAD_BYTES: Final = 600
_WIDTHS: Final = (("B", 1 << 8), ("H", 1 << 16), ("I", 1 << 32))

# Which file it was: inode, time of its last change, length.
_Identity = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Lengths:
    """Segments that lie one after the other."""

    file: _Identity
    start: int
    lengths: "array[int]"

    @property
    def bytes(self) -> int:
        return _OVERHEAD_BYTES + len(self.lengths) * self.lengths.itemsize


class Indexes:
    """Thread-safe."""

    def __init__(self, bytes_max: int) -> None:
        self._lock = threading.Lock()
        # Guarded by the lock: by path, last used last.
        self._bytes_max = bytes_max
        self._kept: OrderedDict[str, _Lengths] = OrderedDict()
        self.bytes = 0
        # How many files were read.
        self.reads = 0

    def within(self, bytes_max: int) -> None:
        """From now on it holds so much at most."""
        with self._lock:
            self._bytes_max = bytes_max
            self._make_room()

    def segment(self, path: str | os.PathLike[str], partition: int) -> tuple[int, int]:
        """(start, length) of a partition in the data file; `path` is the data file's or its
        index's.

        Raises:
            FetchError: the index is missing or damaged, or has no such partition.
        """
        where = os.fspath(path)
        if not where.endswith(INDEX_SUFFIX):
            where += INDEX_SUFFIX
        try:
            status = os.stat(where)
        except OSError as error:
            why = error.strerror or error
            raise FetchError(f"map output {where} can't be read: {why}") from None
        file = (status.st_ino, status.st_mtime_ns, status.st_size)
        with self._lock:
            kept = self._kept.get(where)
            if kept is not None and kept.file == file and 0 <= partition < len(kept.lengths):
                self._kept.move_to_end(where)
                return kept.start + sum(kept.lengths[:partition]), kept.lengths[partition]
        entries = read_index(where)
        with self._lock:
            self.reads += 1
            self._keep(where, file, entries)
        found = range_of(entries, partition, where=where)
        return found.start, found.length

    def _keep(self, where: str, file: _Identity, entries: "array[int]") -> None:
        self._forget(where)
        packed = _packed(file, entries)
        if packed is not None:
            self._kept[where] = packed
            self.bytes += packed.bytes
            self._make_room()

    def _forget(self, where: str) -> None:
        if where in self._kept:
            self.bytes -= self._kept.pop(where).bytes

    def _make_room(self) -> None:
        while self.bytes > self._bytes_max:
            self._forget(next(iter(self._kept)))


def _packed(file: _Identity, entries: "array[int]") -> _Lengths | None:
    """None: of no partitions, or they don't lie one after the other."""
    if not entries:
        return None
    starts, lengths = entries[0::3], entries[1::3].tolist()
    if starts.tolist() != list(accumulate(lengths[:-1], initial=starts[0])):
        return None
    longest = max(lengths)
    code = next((code for code, limit in _WIDTHS if longest < limit), "Q")
    return _Lengths(file, starts[0], array(code, lengths))


INDEXES: Final = Indexes(INDEXES_BYTES)
