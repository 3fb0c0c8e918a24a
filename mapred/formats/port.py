"""What an input or output format is to the engine."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

from mapred.formats.badrecords import REFUSED, BadRecords
from mapred.model import Split
from mapred.storage.port import OutputFile, Storage

if TYPE_CHECKING:
    from mapred.shuffle.columns import Rows

# Keys and values of some records, side by side.
RecordBatch: TypeAlias = tuple[Sequence[Any], Sequence[Any]]


class RecordReader(Protocol):
    """The records of one split, a few thousand at a time."""

    @property
    def bytes_read(self) -> int:
        """Bytes of the split taken so far, for the progress."""
        ...

    def batches(self) -> Iterator[RecordBatch]:
        """Raises InputError, naming the file, when it can't be read as this format."""
        ...

    def counters(self) -> Mapping[str, int]:
        """What there was to remark; names in the group of the format."""
        ...


class RecordWriter(Protocol):
    """Pairs into one part file."""

    @property
    def bytes_written(self) -> int: ...

    def write(self, pairs: Sequence[tuple[Any, Any]]) -> None: ...

    def close(self) -> None:
        """Writes what is still held; leaves the file to its owner."""
        ...


@runtime_checkable
class ColumnWriter(Protocol):
    """A RecordWriter that can write columns, with the very bytes that their pairs would give."""

    def write_rows(self, rows: "Rows") -> bool:
        """False, and nothing done: these go by pairs."""
        ...


class InputFormat(Protocol):
    """How files become records."""

    def reader(self, split: Split, storage: Storage, bad: BadRecords = REFUSED) -> RecordReader: ...


@runtime_checkable
class CutByFormat(Protocol):
    """An input format whose files can't be cut at any byte."""

    def pieces(
        self, uri: str, length: int, storage: Storage, piece_bytes: int
    ) -> Sequence[tuple[int, int]]:
        """(start, length) of every split of a file that isn't compressed, in order.

        `piece_bytes` is the size that is wanted. Raises InputError.
        """
        ...


class OutputFormat(Protocol):
    """How pairs become a file."""

    @property
    def suffix(self) -> str:
        """Such as ".jsonl", after part-r-00000."""
        ...

    @property
    def lazy(self) -> bool:
        """A part without pairs gets no file: nothing could be said of its columns."""
        ...

    def writer(self, file: OutputFile) -> RecordWriter: ...
