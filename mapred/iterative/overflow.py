"""Decoded batches for which there is no room in memory: their arrays in a file that is mapped.

The system reads pages of it as they are needed and takes them back when memory is short. The
file has no name any more once it is mapped: it goes with the process, however that ends.

    arrays, one after the other, each from a multiple of 64 on; what is not in arrays stays here
"""

import mmap
import os
import pickle
import tempfile
from collections.abc import Sequence
from typing import Any, Final

from mapred.formats.port import RecordBatch

_ALIGNMENT: Final = 64
# Where more than this share isn't in arrays, little would be won.
_REST_SHARE_MAX: Final = 0.1


def mapped(batches: Sequence[RecordBatch], folder: str) -> tuple[tuple[RecordBatch, ...], int]:
    """The same batches with their arrays in a file, which can't be changed, and the file's bytes;
    () where they aren't worth one.

    Raises:
        OSError: the disk takes no file of that size.
    """
    arrays: list[pickle.PickleBuffer] = []
    rest = pickle.dumps(tuple(batches), protocol=5, buffer_callback=arrays.append)
    views = [array.raw() for array in arrays]
    size = sum(-(-view.nbytes // _ALIGNMENT) * _ALIGNMENT for view in views)
    if not size or len(rest) > _REST_SHARE_MAX * size:
        return (), 0
    descriptor, path = tempfile.mkstemp(prefix="pinned-", dir=folder)
    try:
        os.unlink(path)
        os.posix_fallocate(descriptor, 0, size)
        _write(descriptor, views)
        # Closed with the last array that is in it.
        file = memoryview(mmap.mmap(descriptor, size, access=mmap.ACCESS_READ))
    finally:
        os.close(descriptor)
    found: tuple[RecordBatch, ...] = pickle.loads(rest, buffers=_cut(file, views))
    return found, size


def _write(descriptor: int, views: Sequence[memoryview]) -> None:
    place = 0
    for view in views:
        done = 0
        while done < view.nbytes:
            done += os.pwrite(descriptor, view[done:], place + done)
        place += -(-view.nbytes // _ALIGNMENT) * _ALIGNMENT


def _cut(file: memoryview, views: Sequence[memoryview]) -> list[Any]:
    parts, place = [], 0
    for view in views:
        parts.append(file[place : place + view.nbytes])
        place += -(-view.nbytes // _ALIGNMENT) * _ALIGNMENT
    return parts
