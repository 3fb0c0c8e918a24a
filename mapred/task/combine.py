"""Combining in the map loop: values gather by key in a table, the combiner makes them fewer.

Only keys that Python's dict can't confuse share a table directly: str and bytes (and
subclasses that equal them). To a dict 1, 1.0 and True are one key; in the order of keys
True is another. So other keys gather by their encoded bytes.

When the table is full, or many values wait, the combiner runs over every key with more than
one; what remains goes to the sorter when it is still too much. All thresholds depend on the
data alone, so that a repeated attempt combines the same values with each other.
"""

from collections.abc import Callable, Iterable, Iterator
from pickle import PickleError
from typing import Any, Final, TypeAlias

from mapred.shuffle.keys import encode
from mapred.shuffle.sorter import Sorter
from mapred.task.pairs import Chunk, columns, explained

# Waiting values that make a pass over the table worth its while.
_WAITING_MAX: Final = 500_000
# A table entry and its list, beside the key and the values.
_ENTRY_BYTES: Final = 200
_SORTER_ROWS: Final = 16_384

Combine: TypeAlias = Callable[[Any, Iterator[Any]], Iterable[tuple[Any, Any]] | None]


class _Table(dict[Any, list[Any]]):
    """Values by key. Keys other than str and bytes are kept apart, under their encoding."""

    def __init__(self) -> None:
        super().__init__()
        self.others: dict[bytes, tuple[Any, list[Any]]] = {}

    def __missing__(self, key: Any) -> list[Any]:
        if isinstance(key, str | bytes):
            values: list[Any] = []
            self[key] = values
            return values
        return self.others.setdefault(encode(key), (key, []))[1]

    def groups(self) -> Iterator[tuple[Any, list[Any]]]:
        yield from self.items()
        yield from self.others.values()


class CombiningTable:
    """Takes a map's pairs, hands combined ones to its sorter."""

    def __init__(self, combine: Combine, sorter: Sorter, table_bytes: int) -> None:
        self._combine = combine
        self._sorter = sorter
        self._table_bytes = table_bytes
        self._table = _Table()
        # Since the last pass; bytes are estimates.
        self._waiting = 0
        self._held_bytes = 0
        # Since the beginning: what an average pair takes up.
        self._records = 0
        self._record_bytes = 0
        self.records_in = 0
        self.records_out = 0

    def add(self, chunk: Chunk, chunk_bytes: int) -> None:
        self._gather(chunk)
        self._waiting += len(chunk)
        self._held_bytes += chunk_bytes
        self._records += len(chunk)
        self._record_bytes += chunk_bytes
        if self._held_bytes > self._table_bytes or self._waiting > _WAITING_MAX:
            kept = self._combined()
            kept_bytes = len(kept) * (self._record_bytes // self._records + _ENTRY_BYTES)
            if 2 * kept_bytes > self._table_bytes:
                self._to_sorter(kept)
            else:
                self._gather(kept)
                self._held_bytes = kept_bytes

    def finish(self) -> None:
        """Hands over what is left; the table can't be used any more."""
        self._to_sorter(self._combined())

    def _gather(self, pairs: Chunk) -> None:
        table = self._table
        try:
            for key, value in pairs:
                table[key].append(value)
        except (TypeError, ValueError) as error:
            raise explained(error, pairs) from None

    def _combined(self) -> Chunk:
        """Empties the table; every key with several values has gone through the combiner."""
        table, self._table = self._table, _Table()
        self._waiting, self._held_bytes = 0, 0
        kept: Chunk = []
        for key, values in table.groups():
            self.records_in += len(values)
            if len(values) > 1:
                kept.extend(self._combine(key, iter(values)) or ())
            else:
                kept.append((key, values[0]))
        self.records_out += len(kept)
        return kept

    def _to_sorter(self, pairs: Chunk) -> None:
        for start in range(0, len(pairs), _SORTER_ROWS):
            add_to(self._sorter, pairs[start : start + _SORTER_ROWS])


def add_to(sorter: Sorter, pairs: Chunk) -> None:
    """Raises RecordError for a key without order, or a value that can't travel."""
    try:
        sorter.add(*columns(pairs))
    except (TypeError, ValueError, AttributeError, PickleError) as error:
        raise explained(error, pairs) from None
