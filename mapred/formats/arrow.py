"""Arrow IPC in: files (also called Feather) and streams, told apart by their first bytes.

Records and options are those of tables.py. Of a file with n record batches, batch i counts as
beginning at byte i × size / n and belongs to the split in which that is: a file is cut into
runs of whole batches. A stream is one split.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
from pyarrow import ipc

from mapred.errors import InputError
from mapred.formats.badrecords import REFUSED, BadRecords
from mapred.formats.port import RecordBatch
from mapred.formats.splits import even_pieces
from mapred.formats.tables import BATCH_ROWS, TableOptions, TableRows
from mapred.model import Split
from mapred.storage.port import Storage

_MAGIC: Final = b"ARROW1"


@dataclass(frozen=True)
class ArrowInput(TableOptions):
    """Rows of Arrow IPC files and streams."""

    def reader(self, split: Split, storage: Storage, bad: BadRecords = REFUSED) -> "ArrowReader":
        return ArrowReader(self, split, storage)

    def pieces(
        self, uri: str, length: int, storage: Storage, piece_bytes: int
    ) -> list[tuple[int, int]]:
        with storage.open_read(uri) as file:
            is_file = file.read(len(_MAGIC)) == _MAGIC
        return even_pieces(length, piece_bytes) if is_file else [(0, length)]


class ArrowReader:
    """The record batches of one split."""

    def __init__(self, options: TableOptions, split: Split, storage: Storage) -> None:
        self._options = options
        self._split = split
        self._storage = storage
        self._rows = TableRows(options, split.uri)
        self.bytes_read = 0

    def batches(self) -> Iterator[RecordBatch]:
        for numbers, rows in self.tables():
            yield self._rows.records(numbers, rows)

    def tables(self, batch_rows: int = BATCH_ROWS) -> Iterator[tuple[Sequence[int], Any]]:
        """(numbers of the rows, Arrow's columns): the records as they are stored."""
        try:
            with self._storage.open_read(self._split.uri) as stored:
                is_file = stored.read(len(_MAGIC)) == _MAGIC
                stored.seek(0)
                found = self._of_file(stored) if is_file else self._of_stream(stored)
                for row, batch in found:
                    columns = self._options.read_columns(batch.schema.names, self._split.uri)
                    yield from self._rows.filtered(row, batch.select(columns), batch_rows)
        except (OSError, pa.ArrowException) as error:
            if isinstance(error, OSError) and error.errno is not None:
                # Nothing is known to be wrong with the file.
                raise
            raise InputError(
                f"{self._split.uri} can't be read as an Arrow file or stream past byte "
                f"{self._split.start + self.bytes_read}: {error}"
            ) from None

    def counters(self) -> Mapping[str, int]:
        return {}

    def _of_file(self, stored: Any) -> Iterator[tuple[int, pa.RecordBatch]]:
        size = stored.seek(0, 2)
        stored.seek(0)
        row, split = 0, self._split
        # Of the batches before the split only the numbers of their rows are wanted.
        narrow = ipc.IpcReadOptions(included_fields=[0])
        with ipc.open_file(stored) as file, ipc.open_file(stored, options=narrow) as counted:
            count = file.num_record_batches
            for at in range(count):
                place = at * size // count
                if place >= split.start + split.length:
                    return
                if place < split.start:
                    row += counted.get_batch(at).num_rows
                    continue
                batch = file.get_batch(at)
                yield row, batch
                row += batch.num_rows
                self.bytes_read = (at + 1) * size // count - split.start

    def _of_stream(self, stored: Any) -> Iterator[tuple[int, pa.RecordBatch]]:
        row = 0
        with ipc.open_stream(stored) as stream:
            for batch in stream:
                yield row, batch
                row += batch.num_rows
                self.bytes_read = stored.tell()
