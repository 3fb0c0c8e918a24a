"""JSON lines: one value a line in, one object a line out.

Input: the key is the byte offset of the line, the value what the line holds; blank lines are
passed over. Output: `{"key": …, "value": …}`, tuples as lists, non-ASCII letters as they are.

    keys          false: a line holds the value alone, and that is what the input reads again
    compression   compressed_output.py
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mapred.formats.badrecords import REFUSED, BadRecords
from mapred.formats.compressed_output import check_compression, compressed_suffix, compressing
from mapred.formats.port import RecordBatch, RecordWriter
from mapred.formats.text import TextReader
from mapred.model import Split
from mapred.storage.port import OutputFile, Storage
from mapred.task.failure import RecordError, sample_of

_LOADS: Final = json.loads
_DUMPS: Final = json.JSONEncoder(ensure_ascii=False).encode
# What it raises: for types that JSON doesn't have, for what holds itself, for what nests too deep.
_UNFIT: Final = (TypeError, ValueError, RecursionError)


class JsonLinesInput:
    """A JSON value a line."""

    def reader(
        self, split: Split, storage: Storage, bad: BadRecords = REFUSED
    ) -> "JsonLinesReader":
        return JsonLinesReader(split, storage, bad)


class JsonLinesReader:
    """The values of one split."""

    def __init__(self, split: Split, storage: Storage, bad: BadRecords) -> None:
        self._uri = split.uri
        self._bad = bad
        self._text = TextReader(split, storage)

    @property
    def bytes_read(self) -> int:
        return self._text.bytes_read

    def batches(self) -> Iterator[RecordBatch]:
        for offsets, lines in self._text.batches():
            keys, values = [], []
            for offset, line in zip(offsets, lines, strict=True):
                try:
                    values.append(_LOADS(line))
                except (ValueError, RecursionError) as error:
                    if line.strip():
                        self._bad.take(self._uri, offset, line, f"is not JSON: {error}")
                    continue
                keys.append(offset)
            yield keys, values

    def counters(self) -> Mapping[str, int]:
        return self._text.counters()


@dataclass(frozen=True)
class JsonLinesOutput:
    """A JSON value a line."""

    keys: bool = True
    compression: str | None = None

    lazy = False

    def __post_init__(self) -> None:
        check_compression(self.compression)

    @property
    def suffix(self) -> str:
        return compressed_suffix(".jsonl", self.compression)

    def writer(self, file: OutputFile) -> RecordWriter:
        return compressing(file, self.compression, lambda file: JsonLinesWriter(file, self.keys))


class JsonLinesWriter:
    """Lines into one part file."""

    def __init__(self, file: OutputFile, keys: bool) -> None:
        self._file = file
        self._keys = keys
        self.bytes_written = 0

    def write(self, pairs: Sequence[tuple[Any, Any]]) -> None:
        """Raises RecordError for what JSON doesn't have."""
        try:
            lines = [_DUMPS(self._line(key, value)) for key, value in pairs]
        except _UNFIT as error:
            raise RecordError(
                f"{sample_of(self._unfit(pairs))} can't be written as JSON: {error}"
            ) from None
        data = "".join([f"{line}\n" for line in lines]).encode(errors="backslashreplace")
        self._file.write(data)
        self.bytes_written += len(data)

    def close(self) -> None:
        """Nothing is held."""

    def _line(self, key: Any, value: Any) -> Any:
        return {"key": key, "value": value} if self._keys else value

    def _unfit(self, pairs: Sequence[tuple[Any, Any]]) -> tuple[Any, Any]:
        for key, value in pairs:
            try:
                _DUMPS(self._line(key, value))
            except _UNFIT:
                return key, value
        raise AssertionError("each pair alone can be written")
