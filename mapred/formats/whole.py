"""A file is one record: (its URI, all its bytes), unpacked if its name says that it's compressed.

    encoding   the value is a str, decoded from this; bytes that don't fit become U+FFFD

A file must fit into the memory of a task: one over 2 GiB is refused.
"""

import codecs
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from mapred.errors import InputError, JobDefinitionError
from mapred.formats.badrecords import REFUSED, BadRecords
from mapred.formats.compression import Decompressed, is_compressed
from mapred.formats.port import RecordBatch
from mapred.model import Split
from mapred.storage.port import Storage

# What a column of values can hold.
_FILE_BYTES_MAX: Final = 2**31 - 1
_READ_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True)
class WholeFileInput:
    """Files as they are."""

    encoding: str | None = None

    def __post_init__(self) -> None:
        if self.encoding is not None:
            try:
                codecs.lookup(self.encoding)
            except LookupError as error:
                raise JobDefinitionError(f"whole: {error}") from None

    def reader(
        self, split: Split, storage: Storage, bad: BadRecords = REFUSED
    ) -> "WholeFileReader":
        return WholeFileReader(split, storage, self.encoding)

    def pieces(
        self, uri: str, length: int, storage: Storage, piece_bytes: int
    ) -> list[tuple[int, int]]:
        return [(0, length)]


class WholeFileReader:
    """The one record of a file."""

    def __init__(self, split: Split, storage: Storage, encoding: str | None) -> None:
        self._split = split
        self._storage = storage
        self._encoding = encoding
        self.bytes_read = 0

    def batches(self) -> Iterator[RecordBatch]:
        data = b"".join(self._chunks())
        self.bytes_read = self._split.length
        value = data if self._encoding is None else data.decode(self._encoding, "replace")
        yield [self._split.uri], [value]

    def counters(self) -> Mapping[str, int]:
        return {}

    def _chunks(self) -> Iterator[bytes]:
        uri = self._split.uri
        file = self._storage.open_read(uri)
        stream = Decompressed(uri, file) if is_compressed(uri) else file
        size = 0
        try:
            while data := stream.read(_READ_BYTES):
                size += len(data)
                if size > _FILE_BYTES_MAX:
                    raise InputError(
                        f"{uri} is larger than the {_FILE_BYTES_MAX} bytes that one record may "
                        "have. Read it by another format, or cut it up"
                    )
                yield data
        finally:
            stream.close()
