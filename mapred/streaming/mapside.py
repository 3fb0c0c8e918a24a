"""From a mapper's lines to the shuffle: cut into key and value, ordered, combined.

A combiner is a program: it gets what has gathered, in order of keys, whenever that is enough, and
a new one is started each time.
"""

from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa

from mapred.shuffle.columns import Rows
from mapred.shuffle.fromarrow import rows_from
from mapred.shuffle.ordering import sort_order
from mapred.streaming.contract import map_output
from mapred.streaming.keyfields import parsed, sort_key
from mapred.streaming.linecolumns import columns_of
from mapred.streaming.programs import Programs

# What a combiner sees at a time: a start of a process must cost little beside it.
COMBINE_BYTES: Final = 32 * 1024 * 1024

Columns = tuple[Any, Any]


class MapSide:
    """Of one mapper."""

    def __init__(self, programs: Programs, combine_bytes: int = COMBINE_BYTES) -> None:
        self._programs = programs
        self._fields = map_output(programs.properties)
        contract = programs.contract
        self._combine_bytes = combine_bytes if contract.combiner else 0
        self._comparator = parsed(contract.comparator) if contract.comparator else ()
        self._separator = key_field_separator(programs)
        self._held: list[Columns] = []
        self._held_bytes = 0

    def lines(self, lines: bytes) -> Iterator[Columns]:
        yield from self.pairs(*columns_of(lines, self._fields))

    def pairs(self, keys: pa.Array, values: pa.Array) -> Iterator[Columns]:
        """Binary columns, as they came from a mapper."""
        if not self._combine_bytes:
            yield self._sortable(keys), values
            return
        self._held.append((keys, values))
        self._held_bytes += keys.nbytes + values.nbytes
        if self._held_bytes >= self._combine_bytes:
            yield from self.finish()

    def finish(self) -> Iterator[Columns]:
        """What the combiner makes of what has gathered."""
        if not self._held:
            return
        keys, values = (pa.concat_arrays(list(side)) for side in zip(*self._held, strict=True))
        self._held, self._held_bytes = [], 0
        rows: Rows = rows_from((self._sortable(keys), values))
        pairs = list(self._programs.combined(rows.take(sort_order(rows.order))))
        found = pa.array([key for key, _ in pairs], pa.binary())
        yield self._sortable(found), pa.array([value for _, value in pairs], pa.binary())

    def _sortable(self, keys: pa.Array) -> Any:
        if not self._comparator:
            return keys
        return [sort_key(key, self._separator, self._comparator) for key in keys.to_pylist()]


def key_field_separator(programs: Programs) -> bytes:
    """What stands between the fields of a key, for the comparator and the partitioner."""
    return programs.properties.separator("mapreduce.map.output.key.field.separator").encode()
