"""What a task takes down of a split while it reads it: in memory as long as there is room, and then
in a file. So a split that is larger than the room needs no more memory than that.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Final

from mapred.formats.port import RecordBatch
from mapred.iterative.overflow import Overflowed

# Of the items of a batch, every one that is looked at stands for this many.
_SAMPLED: Final = 64
# Records of a split that are kept as one batch: blocks of rows, of a megabyte each.
_FEW: Final = 256


class Taken:
    """The batches of one split, as they come."""

    def __init__(
        self, room: int, in_file: Callable[[Sequence[RecordBatch]], Overflowed | None]
    ) -> None:
        """`in_file` is None where no file takes them."""
        self._room = room
        self._in_file = in_file
        self._held: list[RecordBatch] = []
        self._moved: list[Overflowed] = []
        self._refused = False
        # Of those in memory.
        self.bytes = 0

    def add(self, batch: RecordBatch) -> None:
        if self._refused:
            return
        self._held.append(batch)
        self.bytes += bytes_of(batch)
        if self.bytes > self._room:
            self._move()

    def batches(self) -> Iterable[RecordBatch] | None:
        """All of them, to be read as often as one likes; None: there was no room."""
        if self._moved and self._held:
            self._move()
        if self._refused:
            return None
        return _Several(tuple(self._moved)) if self._moved else _together(self._held)

    def _move(self) -> None:
        found = self._in_file(_together(self._held))
        self._held, self.bytes = [], 0
        if found is not None:
            self._moved.append(found)
            return
        self._refused = True
        for part in reversed(self._moved):
            part.give_back()


class _Several:
    """Parts of a split, one after the other."""

    def __init__(self, parts: tuple[Overflowed, ...]) -> None:
        self._parts = parts

    def __iter__(self) -> Iterator[RecordBatch]:
        return chain.from_iterable(self._parts)


def _together(batches: Sequence[RecordBatch]) -> tuple[RecordBatch, ...]:
    """The same records in one batch, if they are few: a batch costs as much as a record."""
    if len(batches) < 2 or sum(len(keys) for keys, _ in batches) > _FEW:
        return tuple(batches)
    keys, values = zip(*batches, strict=True)
    return ((list(chain.from_iterable(keys)), list(chain.from_iterable(values))),)


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
