"""Records of one length, without separators: cut at any byte.

A record belongs to the split in which its first byte is. Input: the key is the byte offset
and the value the record; with `key_bytes` the key is the record's beginning and the value
what is left, both bytes. A last record that is cut off is a bad record. Output: key and value
are bytes (or None, for nothing) and make exactly one record together.

    record_bytes   must be said
    key_bytes      of the input; 0 if nothing is said
    compression    of the output (compressed_output.py)
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from mapred.errors import JobDefinitionError
from mapred.formats.badrecords import REFUSED, BadRecords
from mapred.formats.compressed_output import check_compression, compressed_suffix, compressing
from mapred.formats.compression import Decompressed, is_compressed
from mapred.formats.port import RecordBatch, RecordWriter
from mapred.model import Split
from mapred.storage.port import OutputFile, Storage
from mapred.task.failure import RecordError

if TYPE_CHECKING:
    from mapred.shuffle.columns import Rows

_BLOCK_BYTES: Final = 1024 * 1024


@dataclass(frozen=True)
class FixedInput:
    """Records of `record_bytes`."""

    record_bytes: int
    key_bytes: int = 0

    def __post_init__(self) -> None:
        _check_length(self.record_bytes)
        if not 0 <= self.key_bytes <= self.record_bytes:
            raise JobDefinitionError(
                f"fixed: a key of {self.key_bytes} bytes isn't part of a record of "
                f"{self.record_bytes}"
            )

    def reader(self, split: Split, storage: Storage, bad: BadRecords = REFUSED) -> "FixedReader":
        return FixedReader(self, split, storage, bad)


class FixedReader:
    """The records of one split."""

    def __init__(self, form: FixedInput, split: Split, storage: Storage, bad: BadRecords) -> None:
        self._record = form.record_bytes
        self._key = form.key_bytes
        self._split = split
        self._storage = storage
        self._bad = bad
        self.bytes_read = 0

    def batches(self) -> Iterator[RecordBatch]:
        for at, block in self._blocks():
            yield self._batch(at, block)

    def _blocks(self) -> Iterator[tuple[int, bytes]]:
        """(offset, whole records)"""
        file = self._storage.open_read(self._split.uri)
        if is_compressed(self._split.uri):
            stream = Decompressed(self._split.uri, file)
            return self._records(stream, 0, None)
        record, split = self._record, self._split
        first = -(-split.start // record) * record
        end = -(-(split.start + split.length) // record) * record
        file.seek(first)
        return self._records(file, first, max(0, end - first))

    def columns(self) -> Iterator[Any]:
        """The same records as batches with the columns `key` and `value`."""
        from mapred.formats.fixedcolumns import record_columns

        for at, block in self._blocks():
            yield record_columns(at, block, self._record, self._key)

    def counters(self) -> Mapping[str, int]:
        return {}

    def _records(
        self, stream: BinaryIO | Decompressed, at: int, left: int | None
    ) -> Iterator[tuple[int, bytes]]:
        """`left`: bytes to read at most; None: to the end."""
        begun = b""
        step = max(1, _BLOCK_BYTES // self._record) * self._record
        try:
            while data := stream.read(step if left is None else min(step, left)):
                if left is not None:
                    left -= len(data)
                self.bytes_read += len(data)
                block = begun + data if begun else data
                whole = len(block) - len(block) % self._record
                if whole:
                    yield at, block if whole == len(block) else block[:whole]
                at += whole
                begun = block[whole:]
        finally:
            stream.close()
        if begun:
            reason = f"is cut off: a record has {self._record} bytes, and {len(begun)} are left"
            self._bad.take(self._split.uri, at, begun, reason)

    def _batch(self, at: int, block: bytes) -> RecordBatch:
        size, key, whole = self._record, self._key, len(block)
        places = range(0, whole, size)
        if not key:
            keys: Sequence[Any] = range(at, at + whole, size)
            return list(keys), [block[place : place + size] for place in places]
        return (
            [block[place : place + key] for place in places],
            [block[place + key : place + size] for place in places],
        )


def _check_length(record_bytes: int) -> None:
    if record_bytes < 1:
        raise JobDefinitionError(f"fixed: a record can't have {record_bytes} bytes")


@dataclass(frozen=True)
class FixedOutput:
    """Records of `record_bytes`."""

    record_bytes: int

    compression: str | None = None

    lazy = False

    def __post_init__(self) -> None:
        _check_length(self.record_bytes)
        check_compression(self.compression)

    @property
    def suffix(self) -> str:
        return compressed_suffix(".bin", self.compression)

    def writer(self, file: OutputFile) -> RecordWriter:
        return compressing(
            file, self.compression, lambda file: FixedWriter(file, self.record_bytes)
        )


class FixedWriter:
    """Records into one part file."""

    def __init__(self, file: OutputFile, record_bytes: int) -> None:
        self._file = file
        self._record = record_bytes
        self.bytes_written = 0

    def write(self, pairs: Sequence[tuple[Any, Any]]) -> None:
        """Raises RecordError for what doesn't make one record."""
        try:
            records = [(key or b"") + (value or b"") for key, value in pairs]
            data = b"".join(records)
        except TypeError:
            kinds = next(
                (type(key).__name__, type(value).__name__)
                for key, value in pairs
                if not all(isinstance(part, bytes | None) for part in (key, value))
            )
            raise RecordError(
                f"the output format fixed takes bytes, not ({', '.join(kinds)}). "
                "Yield bytes, or choose another output format"
            ) from None
        if set(map(len, records)) != {self._record}:
            wrong = next(one for one in records if len(one) != self._record)
            raise RecordError(
                f"a record of the output format fixed must have {self._record} bytes, "
                f"and this one has {len(wrong)}: {wrong[:100]!r}"
            )
        self._file.write(data)
        self.bytes_written += len(data)

    def write_rows(self, rows: "Rows") -> bool:
        from mapred.formats.fixedcolumns import joined_records

        data = joined_records(rows, self._record)
        if data is None:
            return False
        self._file.write(data)
        self.bytes_written += len(data)
        return True

    def close(self) -> None:
        """Nothing is held."""
