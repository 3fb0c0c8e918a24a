"""JSON lines: one value a line in, one object a line out.

Input: the key is the byte offset of the line, the value what the line holds; blank lines are
passed over. Output: `{"key": …, "value": …}`, tuples as lists, non-ASCII letters as they are.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from mapred.formats.badrecords import REFUSED, BadRecords
from mapred.formats.port import RecordBatch
from mapred.formats.text import TextReader
from mapred.model import Split
from mapred.storage.port import OutputFile, Storage

_LOADS: Final = json.loads


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
                except ValueError as error:
                    if line.strip():
                        self._bad.take(self._uri, offset, line, f"is not JSON: {error}")
                    continue
                keys.append(offset)
            yield keys, values

    def counters(self) -> Mapping[str, int]:
        return self._text.counters()


class JsonLinesOutput:
    """An object with key and value a line."""

    suffix = ".jsonl"

    def writer(self, file: OutputFile) -> "JsonLinesWriter":
        return JsonLinesWriter(file)


class JsonLinesWriter:
    """Lines into one part file."""

    def __init__(self, file: OutputFile) -> None:
        self._file = file
        self.bytes_written = 0

    def write(self, pairs: Sequence[tuple[Any, Any]]) -> None:
        lines = [
            json.dumps({"key": key, "value": value}, ensure_ascii=False) + "\n"
            for key, value in pairs
        ]
        data = "".join(lines).encode(errors="backslashreplace")
        self._file.write(data)
        self.bytes_written += len(data)

    def close(self) -> None:
        """Nothing is held."""
