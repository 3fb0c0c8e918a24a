"""CSV out: a pair is a row of the fields that fields.py makes of it.

Fields are written as str() has them, None as nothing; quoted where they must be. Lines end
with LF. A file begins with the names of its columns unless `header` is false; an empty file
has them only if `columns` tells them. What the input format `csv` reads with the same options
are the same fields (`multiline` where one holds a line end).

    header, columns, delimiter, quote   as of the input
    compression                         compressed_output.py
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mapred.errors import JobDefinitionError
from mapred.formats.compressed_output import check_compression, compressed_suffix, compressing
from mapred.formats.fields import Fields
from mapred.formats.port import RecordWriter
from mapred.storage.port import OutputFile
from mapred.task.failure import RecordError


@dataclass(frozen=True)
class CsvOutput:
    """Rows of separated fields."""

    header: bool = True
    columns: Sequence[str] = ()
    delimiter: str = ","
    quote: str = '"'
    compression: str | None = None

    lazy = False

    def __post_init__(self) -> None:
        check_compression(self.compression)
        if len(self.delimiter) != 1 or self.delimiter in '\r\n"' or len(self.quote) > 1:
            raise JobDefinitionError("csv: delimiter is one letter, quote one letter or none")

    @property
    def suffix(self) -> str:
        return compressed_suffix(".csv", self.compression)

    def writer(self, file: OutputFile) -> RecordWriter:
        return compressing(file, self.compression, lambda file: CsvWriter(file, self))


class CsvWriter:
    """Rows into one part file."""

    def __init__(self, file: OutputFile, form: CsvOutput) -> None:
        self._file = file
        self._fields = Fields(form.columns)
        self._text = io.StringIO()
        self._csv = self._writer(form, csv.QUOTE_MINIMAL if form.quote else csv.QUOTE_NONE)
        # Python quotes a "\r" only where lines end with one, and its reader ends lines there.
        self._careful = self._writer(form, csv.QUOTE_ALL) if form.quote else self._csv
        self._header_due = form.header
        self.bytes_written = 0

    def write(self, pairs: Sequence[tuple[Any, Any]]) -> None:
        """Raises RecordError for pairs of several shapes, or what must be quoted and can't be."""
        columns = self._fields.columns(pairs)
        try:
            self._begin()
            self._write(list(zip(*columns, strict=True)))
        except csv.Error as error:
            raise RecordError(f"the output format csv can't write a field: {error}") from None
        self._flush()

    def close(self) -> None:
        if self._fields.names:
            self._begin()
            self._flush()

    def _writer(self, form: CsvOutput, quoting: Literal[0, 1, 2, 3]) -> Any:
        return csv.writer(
            self._text,
            delimiter=form.delimiter,
            quotechar=form.quote or None,
            quoting=quoting,
            lineterminator="\n",
        )

    def _write(self, rows: list[tuple[Any, ...]]) -> None:
        self._flush()
        self._csv.writerows(rows)
        if "\r" in self._text.getvalue():
            self._clear()
            for row in rows:
                careful = any("\r" in item for item in row if isinstance(item, str))
                (self._careful if careful else self._csv).writerow(row)

    def _begin(self) -> None:
        if self._header_due:
            self._csv.writerow(self._fields.names)
            self._header_due = False

    def _flush(self) -> None:
        data = self._text.getvalue().encode(errors="backslashreplace")
        self._clear()
        self._file.write(data)
        self.bytes_written += len(data)

    def _clear(self) -> None:
        self._text.seek(0)
        self._text.truncate()
