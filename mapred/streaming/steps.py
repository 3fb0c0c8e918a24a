"""The mappers, the reducer and the partitioner of streaming jobs.

A mapper of text is fed blocks of lines as they are; where a program wants keys as well, or records
are only passed on, they come one by one. A reducer is fed lines of key and value in order of keys.
"""

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import pyarrow as pa

from mapred.columnar import BlockMapper
from mapred.records import Mapper, Pairs, Partitioner, Reducer
from mapred.streaming.contract import input_separator, reduce_output
from mapred.streaming.keyfields import parsed, reducer_of
from mapred.streaming.linecolumns import columns_of
from mapred.streaming.mapside import Columns, MapSide, key_field_separator
from mapred.streaming.programs import Programs, raw

# Written to a reducer at a time.
_FEED_BYTES: Final = 64 * 1024
# Records that are passed on together.
_PASSED_ROWS: Final = 2048

PairStream: TypeAlias = Iterator[tuple[Any, Any]]


class LinesToProgram(BlockMapper):
    """Blocks of a text file, on to the mapper's stdin."""

    def setup(self) -> None:
        programs = Programs(self.ctx)
        self._between = input_separator(programs.properties, "map")
        by = programs.properties.separator(
            "mapreduce.input.keyvaluelinerecordreader.key.value.separator"
        )
        self._keyed_by = by.encode() if programs.contract.input == "keyvalue" else b""
        self._with_key = programs.contract.with_key
        self._side = MapSide(programs)
        self._child = programs.start("mapper", programs.contract.mapper)

    def map_block(self, block: bytes) -> Iterator[Columns]:
        data = block.replace(b"\r\n", b"\n") if b"\r" in block else block
        if not data.endswith(b"\n"):
            data = data.removesuffix(b"\r") + b"\n"
        if self._keyed_by:
            data = b"".join(self._keyed(line) for line in data[:-1].split(b"\n"))
        for lines in self._child.feed(data):
            yield from self._side.lines(lines)

    def _keyed(self, line: bytes) -> bytes:
        key, _, value = line.partition(self._keyed_by)
        return b"".join((key, self._between, value, b"\n")) if self._with_key else value + b"\n"

    def cleanup(self) -> PairStream:
        for lines in self._child.finish():
            yield from _pairs(self._side.lines(lines))
        yield from _pairs(self._side.finish())


class RecordsToProgram(Mapper):
    """Records with their keys, such as a line's offset, on to the mapper's stdin."""

    def setup(self) -> None:
        programs = Programs(self.ctx)
        self._between = input_separator(programs.properties, "map")
        self._with_key = programs.contract.with_key
        self._side = MapSide(programs)
        self._child = programs.start("mapper", programs.contract.mapper)

    def map(self, key: Any, value: Any) -> PairStream:
        text = value.encode()
        line = b"".join((str(key).encode(), self._between, text)) if self._with_key else text
        for lines in self._child.feed(line + b"\n"):
            yield from _pairs(self._side.lines(lines))

    def cleanup(self) -> PairStream:
        for lines in self._child.finish():
            yield from _pairs(self._side.lines(lines))
        yield from _pairs(self._side.finish())


class RecordsAsTheyAre(Mapper):
    """Without a mapper: Hadoop's IdentityMapper."""

    def setup(self) -> None:
        self._side = MapSide(Programs(self.ctx))
        self._keys: list[bytes] = []
        self._values: list[bytes] = []

    def map(self, key: Any, value: Any) -> Pairs:
        self._keys.append(str(key).encode())
        self._values.append(value.encode())
        return self._passed() if len(self._keys) >= _PASSED_ROWS else None

    def _passed(self) -> PairStream:
        keys, values = pa.array(self._keys, pa.binary()), pa.array(self._values, pa.binary())
        self._keys, self._values = [], []
        yield from _pairs(self._side.pairs(keys, values))

    def cleanup(self) -> PairStream:
        yield from self._passed()
        yield from _pairs(self._side.finish())


def _pairs(columns: Iterator[Columns]) -> PairStream:
    for keys, values in columns:
        yield from zip(
            keys if isinstance(keys, list) else keys.to_pylist(), values.to_pylist(), strict=True
        )


class ProgramReduces(Reducer):
    """Groups, on to the reducer's stdin; one program sees all of them."""

    def setup(self) -> None:
        programs = Programs(self.ctx)
        self._between = input_separator(programs.properties, "reduce")
        self._fields = reduce_output(programs.properties)
        self._child = programs.start("reducer", programs.contract.reducer)
        self._held: list[bytes] = []
        self._held_bytes = 0

    def reduce(self, key: Any, values: Iterator[bytes]) -> PairStream:
        beginning = raw(key) + self._between
        for value in values:
            self._held += (beginning, value, b"\n")
            self._held_bytes += len(beginning) + len(value) + 1
            if self._held_bytes >= _FEED_BYTES:
                yield from self._fed()

    def _fed(self) -> PairStream:
        data, self._held, self._held_bytes = b"".join(self._held), [], 0
        for lines in self._child.feed(data):
            yield from self._cut(lines)

    def _cut(self, lines: bytes) -> PairStream:
        yield from _pairs(iter([columns_of(lines, self._fields)]))

    def cleanup(self) -> PairStream:
        yield from self._fed()
        for lines in self._child.finish():
            yield from self._cut(lines)


class PassedOn(Reducer):
    """Without a reducer: Hadoop's IdentityReducer."""

    def reduce(self, key: Any, values: Iterator[bytes]) -> PairStream:
        found = raw(key)
        for value in values:
            yield found, value


class ByKeyFields(Partitioner):
    """Hadoop's KeyFieldBasedPartitioner."""

    def setup(self) -> None:
        programs = Programs(self.ctx)
        self._fields = parsed(partition_options(programs))
        self._separator = key_field_separator(programs)

    def partition(self, key: Any, partitions: int) -> int:
        return reducer_of(raw(key), self._separator, self._fields, partitions)


def partition_options(programs: Programs) -> str:
    said = programs.properties.text("mapreduce.partition.keypartitioner.options")
    count = programs.properties.number("num.key.fields.for.partition", 0)
    return said or (f"-k1,{count}" if count else "")
