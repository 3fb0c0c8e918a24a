"""Combining in the map loop: values gather by key, the combiner makes them fewer.

When what is held reaches the budget, or many values wait in lists, the combiner runs over
every key with more than one; what remains is held again, or goes to the sorter when it is
still too much. All thresholds depend on the data alone, so that a repeated attempt combines
the same values with each other.
"""

from collections.abc import Callable, Iterable, Iterator
from pickle import PickleError
from typing import Any, Final, TypeAlias

from mapred.shuffle.sorter import Sorter
from mapred.task.gathered import Counted, Listed
from mapred.task.pairs import Chunk, columns, explained

# Waiting values that make a pass over the lists worth its while.
_WAITING_MAX: Final = 500_000
# A table's entry and its list, beside the key and the values.
_ENTRY_BYTES: Final = 200
_SORTER_ROWS: Final = 16_384

Combine: TypeAlias = Callable[[Any, Iterator[Any]], Iterable[tuple[Any, Any]] | None]


class CombiningTable:
    """Takes a map's pairs, hands combined ones to its sorter."""

    def __init__(self, combine: Combine, sorter: Sorter, table_bytes: int) -> None:
        self._combine = combine
        self._sorter = sorter
        self._table_bytes = table_bytes
        self._gathered: Counted | Listed = Counted()
        # In lists, since the last pass; bytes are estimates.
        self._waiting = 0
        self._held_bytes = 0
        # Since the beginning: what an average pair takes up.
        self._records = 0
        self._record_bytes = 0
        self.records_in = 0
        self.records_out = 0

    def add(self, chunk: Chunk, chunk_bytes: int) -> None:
        """Raises RecordError for what can't be taken."""
        self._records += len(chunk)
        self._record_bytes += chunk_bytes
        gathered = self._gathered
        if isinstance(gathered, Counted):
            if gathered.add(chunk):
                self._held_bytes = self._bytes_of(len(gathered))
                if self._held_bytes > self._table_bytes:
                    self._to_sorter(self._combined())
                return
            gathered = self._gathered = Listed(gathered)
        gathered.add(chunk)
        self._waiting += len(chunk)
        self._held_bytes += chunk_bytes
        held_bytes = self._held_bytes + len(gathered) * _ENTRY_BYTES
        if held_bytes > self._table_bytes or self._waiting > _WAITING_MAX:
            self._make_room()

    def finish(self) -> None:
        """Hands over what is left; the table can't be used any more."""
        self._to_sorter(self._combined())

    def _make_room(self) -> None:
        kept = self._combined()
        if 2 * self._bytes_of(len(kept)) > self._table_bytes:
            self._to_sorter(kept)
            return
        self._gathered = Listed(Counted())
        self._gathered.add(kept)
        self._held_bytes = len(kept) * (self._record_bytes // self._records)

    def _bytes_of(self, entries: int) -> int:
        return entries * (self._record_bytes // self._records + _ENTRY_BYTES)

    def _combined(self) -> Chunk:
        """Empties the table; every key with several values has gone through the combiner."""
        gathered, self._gathered = self._gathered, Counted()
        self._waiting, self._held_bytes = 0, 0
        kept: Chunk = []
        for key, number, values in gathered.groups():
            self.records_in += number
            if number > 1:
                kept.extend(self._combine(key, values) or ())
            else:
                kept.append((key, next(values)))
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
