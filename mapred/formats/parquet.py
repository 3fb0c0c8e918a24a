"""Parquet in. Records and options are those of tables.py.

A row group belongs to the split in which its first byte is. Files are cut between row groups,
as many together as make a split; a row group that its statistics exclude from the filter
isn't read. Only the columns that are needed are read.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mapred.errors import InputError
from mapred.formats.badrecords import REFUSED, BadRecords
from mapred.formats.port import RecordBatch
from mapred.formats.tables import BATCH_ROWS, TableOptions, TableRows, unfit_filter
from mapred.model import Split
from mapred.storage.port import Storage


@dataclass(frozen=True)
class ParquetInput(TableOptions):
    """Rows of Parquet files."""

    def reader(self, split: Split, storage: Storage, bad: BadRecords = REFUSED) -> "ParquetReader":
        return ParquetReader(self, split, storage)

    def pieces(
        self, uri: str, length: int, storage: Storage, piece_bytes: int
    ) -> list[tuple[int, int]]:
        if length <= piece_bytes:
            return [(0, length)]
        with _opened(uri, storage) as file:
            starts = [0]
            for number in range(1, file.metadata.num_row_groups):
                _, end = _place(file.metadata.row_group(number))
                if end - starts[-1] > piece_bytes:
                    starts.append(_place(file.metadata.row_group(number))[0])
        ends = [*starts[1:], length]
        return [(start, end - start) for start, end in zip(starts, ends, strict=True)]


class ParquetReader:
    """The row groups of one split."""

    def __init__(self, options: TableOptions, split: Split, storage: Storage) -> None:
        self._options = options
        self._split = split
        self._storage = storage
        self._rows = TableRows(options, split.uri)
        self._excluded = 0
        self.bytes_read = 0

    def batches(self) -> Iterator[RecordBatch]:
        for numbers, rows in self.tables():
            yield self._rows.records(numbers, rows)

    def tables(self, batch_rows: int = BATCH_ROWS) -> Iterator[tuple[Sequence[int], Any]]:
        """(numbers of the rows, Arrow's columns): the records as they are stored."""
        with _opened(self._split.uri, self._storage) as file:
            columns = self._options.read_columns(file.schema_arrow.names, self._split.uri)
            for group, row in self._groups(file):
                start, end = _place(file.metadata.row_group(group))
                try:
                    for batch in file.iter_batches(
                        batch_rows, row_groups=[group], columns=columns, use_threads=False
                    ):
                        yield from self._rows.filtered(row, batch, batch_rows)
                        row += batch.num_rows
                except (OSError, pa.ArrowException) as error:
                    raise InputError(
                        f"{self._split.uri}, row group {group} (bytes {start} to {end}) can't "
                        f"be read: {error}"
                    ) from None
                self.bytes_read += end - start

    def counters(self) -> Mapping[str, int]:
        return {"row_groups_excluded": self._excluded} if self._excluded else {}

    def _groups(self, file: pq.ParquetFile) -> list[tuple[int, int]]:
        """(row group, number of its first row) of the split, without the excluded ones."""
        begin, end = self._split.start, self._split.start + self._split.length
        mine, row = [], 0
        for number in range(file.metadata.num_row_groups):
            group = file.metadata.row_group(number)
            if begin <= _place(group)[0] < end:
                mine.append((number, row))
            row += group.num_rows
        kept = self._possible([number for number, _ in mine])
        self._excluded = len(mine) - len(kept)
        return [(number, row) for number, row in mine if number in kept]

    def _possible(self, groups: list[int]) -> set[int]:
        """Those whose statistics don't exclude the filter."""
        expression = self._options.expression()
        if expression is None or not groups:
            return set(groups)
        # It imports pandas where there is one: half a second for who has a filter.
        import pyarrow.dataset as ds

        with self._storage.open_read(self._split.uri) as stored:
            form = ds.ParquetFileFormat()
            fragment = form.make_fragment(pa.PythonFile(stored, "r"), row_groups=groups)
            try:
                return {group.id for group in fragment.subset(expression).row_groups}
            except pa.ArrowException as error:
                raise unfit_filter(self._options, self._split.uri, error) from None


@contextmanager
def _opened(uri: str, storage: Storage) -> Iterator[pq.ParquetFile]:
    with storage.open_read(uri) as stored:
        try:
            file = pq.ParquetFile(stored)
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"{uri} is no Parquet file that can be read: {error}") from None
        with file:
            yield file


def _place(group: pq.RowGroupMetaData) -> tuple[int, int]:
    """The bytes from which to which a row group is."""
    if not group.num_columns:
        return 0, 0
    first = group.column(0)
    start = min(first.dictionary_page_offset or first.data_page_offset, first.data_page_offset)
    size = sum(group.column(at).total_compressed_size for at in range(group.num_columns))
    return int(start), int(start + size)
