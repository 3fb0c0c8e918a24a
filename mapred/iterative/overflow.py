"""Decoded batches for which there is no room in memory: a file that is mapped, and read from there.

The system reads pages of it as they are needed and takes them back when memory is short. Batches
lie one after the other as recordcolumns.py makes buffers of them, each from a multiple of 64 on.
Arrays and Arrow's buffers are used where they lie; other records are made of theirs each time, a
batch at a time.

All splits of an owner (invariants.py) have one file. It never has a name, so nobody else finds it,
whole or torn, and it goes with the process, however that ends. Its space is taken before anything
is written there: on a full disk that is an error, and a hole in a mapped file would be the
process's end.
"""

import errno
import mmap
import os
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mapred.formats.port import RecordBatch
from mapred.iterative.recordcolumns import Column, decoded, encoded

_ALIGNMENT: Final = 64
# Of one process, in all its files.
FILES_BYTES_MAX: Final = 16 * 1024**3
# Of the disk, for others: when it's full their attempts fail, and ours only takes longer.
FREE_BYTES_MIN: Final = 256 * 1024**2


@dataclass(frozen=True, slots=True)
class _Batch:
    keys: Column
    values: Column
    # (start, length) of each buffer.
    places: tuple[tuple[int, int], ...]


class Overflow:
    """The file, of some splits."""

    def __init__(self, folder: str) -> None:
        """Raises OSError: the disk takes no such file."""
        self._folder = folder
        # Where the next split begins.
        self.bytes = 0
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            os.ftruncate(file.fileno(), FILES_BYTES_MAX)
            # Closed with the last array that is in it. It keeps the file open: one descriptor.
            whole = mmap.mmap(file.fileno(), FILES_BYTES_MAX, access=mmap.ACCESS_READ)
            self._map = memoryview(whole)
            self._file = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._file)

    def add(
        self,
        batches: Sequence[RecordBatch],
        *,
        bytes_max: int = FILES_BYTES_MAX,
        free_bytes_min: int = FREE_BYTES_MIN,
    ) -> "Overflowed":
        """Writes a split's batches. Of what fails nothing stays. `bytes_max`: of the file then;
        `free_bytes_min`: of the disk.

        Raises:
            OSError: there is no room for them.
            NotKeepableError: a record can't be pickled.
        """
        start = self.bytes
        try:
            kept = tuple([self._add(batch, bytes_max, free_bytes_min) for batch in batches])
        except BaseException:
            self.cut(start)
            raise
        return Overflowed(self, kept, start, self.bytes - start)

    def cut(self, start: int) -> None:
        """Gives the disk back what is in the file from there on; nobody reads that any more."""
        self.bytes = start
        os.ftruncate(self._file, start)
        os.ftruncate(self._file, FILES_BYTES_MAX)

    def _add(self, batch: RecordBatch, bytes_max: int, free_bytes_min: int) -> _Batch:
        buffers: list[memoryview] = []

        def put(buffer: Any) -> int:
            view = memoryview(buffer)
            buffers.append(view.cast("B") if view.nbytes else memoryview(b""))
            return len(buffers) - 1

        keys, values = (encoded(column, put) for column in batch)
        places, end = _places(buffers, self.bytes)
        self._check(end, bytes_max, free_bytes_min)
        if end > self.bytes:
            os.posix_fallocate(self._file, self.bytes, end - self.bytes)
        for buffer, (first, _) in zip(buffers, places, strict=True):
            self._write(buffer, first)
        self.bytes = end
        return _Batch(keys, values, places)

    def batch(self, batch: _Batch) -> RecordBatch:
        def take(number: int) -> memoryview:
            start, length = batch.places[number]
            return self._map[start : start + length]

        return decoded(batch.keys, take), decoded(batch.values, take)

    def _check(self, end: int, bytes_max: int, free_bytes_min: int) -> None:
        if end > bytes_max:
            raise OSError(
                errno.EFBIG, f"a process keeps at most {FILES_BYTES_MAX:,} bytes in files"
            )
        disk = os.fstatvfs(self._file)
        if disk.f_bavail * disk.f_frsize - (end - self.bytes) < free_bytes_min:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._folder)

    def _write(self, buffer: memoryview, place: int) -> None:
        done = 0
        while done < buffer.nbytes:
            done += os.pwrite(self._file, buffer[done:], place + done)

    def __repr__(self) -> str:
        return f"Overflow({self.bytes} bytes on the disk of {self._folder})"


class Overflowed:
    """Some batches of a split in the file."""

    def __init__(self, file: Overflow, batches: tuple[_Batch, ...], start: int, size: int) -> None:
        self._file = file
        self._batches = batches
        self._start = start
        self.bytes = size

    def give_back(self) -> None:
        """They aren't read any more: the disk has their room again if they are the file's last."""
        if self._start + self.bytes == self._file.bytes:
            self._file.cut(self._start)

    def __iter__(self) -> Iterator[RecordBatch]:
        return map(self._file.batch, self._batches)

    def __repr__(self) -> str:
        return f"Overflowed({len(self._batches)} batches, {self.bytes} bytes)"


def _places(buffers: Sequence[memoryview], at: int) -> tuple[tuple[tuple[int, int], ...], int]:
    places = []
    for buffer in buffers:
        places.append((at, buffer.nbytes))
        at += -(-buffer.nbytes // _ALIGNMENT) * _ALIGNMENT
    return tuple(places), at
