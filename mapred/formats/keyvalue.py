"""Key-value text: every line is a key, a separator and a value.

The key is the line up to the first separator, the value what comes after it, both str; a line
without a separator is a key with the value "". Decoding, line ends and compression are those
of text. This reads what the output format `text` writes.

    separator   one or more letters, a tab if nothing is said
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mapred.errors import JobDefinitionError
from mapred.formats.badrecords import REFUSED, BadRecords
from mapred.formats.port import RecordBatch
from mapred.formats.text import TextReader
from mapred.model import Split
from mapred.storage.port import Storage


@dataclass(frozen=True)
class KeyValueInput:
    """Lines of keys and values."""

    separator: str = "\t"

    def __post_init__(self) -> None:
        if not self.separator or "\n" in self.separator:
            raise JobDefinitionError("keyvalue: the separator can't be empty or a line end")

    def reader(self, split: Split, storage: Storage, bad: BadRecords = REFUSED) -> "KeyValueReader":
        return KeyValueReader(TextReader(split, storage), self.separator)


class KeyValueReader:
    """The pairs of one split."""

    def __init__(self, text: TextReader, separator: str) -> None:
        self._text = text
        self._separator = separator

    @property
    def bytes_read(self) -> int:
        return self._text.bytes_read

    def batches(self) -> Iterator[RecordBatch]:
        separator = self._separator
        for _, lines in self._text.batches():
            parts = [line.partition(separator) for line in lines]
            yield [key for key, _, _ in parts], [value for _, _, value in parts]

    def counters(self) -> Mapping[str, int]:
        return self._text.counters()
