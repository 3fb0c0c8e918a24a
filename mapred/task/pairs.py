"""What user code yields, taken in chunks whose size follows the size of the pairs.

A chunk is small enough that a budget is never overrun by much, and large enough that the
engine's own cost per pair is a few list operations.
"""

import pickle
import re
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pickle import PickleError
from typing import Any, Final, TypeAlias

from mapred.shuffle.columns import Rows, rows_of
from mapred.shuffle.keys import encode
from mapred.task.failure import RecordError, sample_of

Chunk: TypeAlias = list[tuple[Any, Any]]

_ROWS_FIRST: Final = 8
_ROWS_MAX: Final = 2048
_GROWTH: Final = 4
# A chunk's estimated bytes below which the next may be larger, and above which it's smaller.
_BYTES_LOW: Final = 256 * 1024
_BYTES_HIGH: Final = 4 * 1024 * 1024
_SAMPLE_EVERY: Final = 64
_NOT_ITERABLE: Final = re.compile("'(.*)' object is not iterable")


class Chunks:
    """Cuts streams of pairs; remembers between streams what size suited."""

    def __init__(self) -> None:
        self._rows = _ROWS_FIRST

    def of(self, pairs: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Chunk, int]]:
        """(pairs, their estimated bytes), until the stream ends."""
        stream = iter(pairs)
        while chunk := self._next(stream):
            size = estimated_bytes(chunk)
            yield chunk, size
            if size < _BYTES_LOW and len(chunk) == self._rows:
                self._rows = min(self._rows * _GROWTH, _ROWS_MAX)
            elif size > _BYTES_HIGH:
                self._rows = max(self._rows // _GROWTH, 1)

    def _next(self, stream: Iterator[tuple[Any, Any]]) -> Chunk:
        try:
            return list(islice(stream, self._rows))
        except TypeError as error:
            if told := _returned_no_pairs(error):
                raise told from None
            raise


def estimated_bytes(chunk: Chunk) -> int:
    """What the pairs' objects take up, from a sample; the same for the same pairs."""
    sample = chunk[::_SAMPLE_EVERY] if len(chunk) > _ROWS_FIRST else chunk
    getsizeof = sys.getsizeof
    try:
        size = sum([getsizeof(key) + getsizeof(value) for key, value in sample])
    except (TypeError, ValueError) as error:
        raise explained(error, sample) from None
    return size * len(chunk) // len(sample)


def columns(chunk: Chunk) -> tuple[list[Any], list[Any]]:
    """Keys and values apart."""
    return [key for key, _ in chunk], [value for _, value in chunk]


def rows_of_pairs(chunk: Chunk) -> Rows:
    """Pairs in columns; raises RecordError for what can't be taken."""
    try:
        keys, values = zip(*chunk, strict=True)
        return rows_of(keys, values)
    except (TypeError, ValueError, AttributeError, PickleError) as error:
        raise explained(error, chunk) from None


def explained(error: Exception, pairs: Iterable[Any]) -> Exception:
    """The error of the first item that can't be taken, in words for the user; else `error`."""
    for item in pairs:
        try:
            key, value = item
        except (TypeError, ValueError):
            return _not_a_pair(item)
        try:
            encode(key)
        except TypeError as refused:
            return RecordError(str(refused))
        try:
            pickle.dumps(value, 5)
        except Exception as refused:
            return RecordError(
                f"the value of {sample_of(item)} can't travel between processes: {refused}"
            )
    return error


def _returned_no_pairs(error: TypeError) -> RecordError | None:
    """What is raised between calls of user code, by who goes over what they return."""
    found = _NOT_ITERABLE.fullmatch(str(error))
    deeper = error.__traceback__ and error.__traceback__.tb_next
    if found is None or deeper:
        return None
    return RecordError(
        f"user code returned an object of type {found[1]}, and not pairs. Write  yield key, value, "
        "or return a list of pairs"
    )


def _not_a_pair(item: Any) -> RecordError:
    return RecordError(
        f"user code yielded {sample_of(item)}, which is no (key, value) pair. "
        "Write  yield key, value"
    )
