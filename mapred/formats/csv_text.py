"""Lines of CSV to rows of fields: what the formats' rules (csv_input.py) ask of the text."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, TypeAlias

from mapred.errors import InputError
from mapred.formats.badrecords import BadRecords, described
from mapred.formats.compression import is_compressed
from mapred.formats.text import TextReader
from mapred.model import Split
from mapred.storage.port import Storage

# (byte offset, fields)
Row: TypeAlias = tuple[int, list[str]]

# A field over this is an error of Python's csv unless it is told otherwise.
_FIELD_LETTERS_MAX: Final = 256 * 1024 * 1024
_ROWS_A_BATCH: Final = 4096
# Blank lines may come before the header; more of them than this are looked through, too.
_HEADER_BYTES: Final = 4096
_UNENDED: Final = (
    "has a quoted field that doesn't end on its line. If fields hold line ends, say "
    'multiline=True: then a file is one split. If the quotes are nothing special, say quote=""'
)


class CsvLines:
    """The rows of one split, in batches."""

    def __init__(
        self,
        split: Split,
        storage: Storage,
        dialect: Mapping[str, Any],
        bad: BadRecords,
        *,
        multiline: bool,
    ) -> None:
        self._split = split
        self._storage = storage
        self._dialect = dict(dialect)
        self._bad = bad
        self._multiline = multiline
        self._text = TextReader(split, storage, keep_returns=multiline)
        csv.field_size_limit(_FIELD_LETTERS_MAX)

    @property
    def bytes_read(self) -> int:
        return self._text.bytes_read

    def counters(self) -> Mapping[str, int]:
        return self._text.counters()

    def header(self) -> Row | None:
        """The file's first row; None: it has none.

        Raises:
            InputError: it can't be read, so that nobody knows what the columns are.
        """
        # Splits other than the first don't have it.
        if is_compressed(self._split.uri):
            return self._first_row(self._split)
        found = self._first_row(Split(self._split.uri, 0, _HEADER_BYTES))
        end = self._split.start + self._split.length
        if found or end <= _HEADER_BYTES:
            return found
        return self._first_row(Split(self._split.uri, 0, end))

    def _first_row(self, split: Split) -> Row | None:
        bad = _Remembered()
        lines = CsvLines(split, self._storage, self._dialect, bad, multiline=self._multiline)
        row = next((rows[0] for rows in lines.rows() if rows), None)
        if bad.first and (row is None or bad.first[0] < row[0]):
            offset, record, reason = bad.first
            raise InputError(
                f"the header of {described(split.uri, offset, record, reason)}. Mend it, or say "
                "header=False and name the `columns`"
            )
        return row

    def rows(self) -> Iterator[list[Row]]:
        return self._over_lines() if self._multiline else self._line_by_line()

    def _line_by_line(self) -> Iterator[list[Row]]:
        for offsets, lines in self._text.batches():
            # Nearly always the whole block is good: one call for all of it.
            try:
                rows = list(csv.reader(lines, **self._dialect))
            except csv.Error:
                rows = []
            if len(rows) != len(lines):
                rows = [
                    self._one(offset, line) for offset, line in zip(offsets, lines, strict=True)
                ]
            yield [one for one in zip(offsets, rows, strict=True) if one[1]]

    def _one(self, offset: int, line: str) -> list[str]:
        """[] for a bad record that is set aside."""
        if self._unended(line):
            raise InputError(f"{self._split.uri} at byte {offset} {_UNENDED}: {line[:200]!r}")
        try:
            return next(csv.reader([line], **self._dialect), [])
        except csv.Error as error:
            self._bad.take(self._split.uri, offset, line, f"is not CSV: {error}")
            return []

    def _unended(self, line: str) -> bool:
        """Whether a row would go on after the line's end: then a further line changes it."""
        reader = csv.reader([line, ""], **{**self._dialect, "strict": False})
        try:
            return next(reader, None) is not None and reader.line_num > 1
        except csv.Error:
            return False

    def _over_lines(self) -> Iterator[list[Row]]:
        lines = _Lines(self._text.batches())
        reader = csv.reader(lines, **self._dialect)
        while True:
            rows: list[Row] = []
            try:
                for fields in islice(reader, _ROWS_A_BATCH):
                    if fields:
                        rows.append((lines.begun, fields))
                    lines.row_ends()
            except csv.Error as error:
                raise InputError(
                    f"{self._split.uri}: the row that begins at byte {lines.begun} is not CSV: "
                    f"{error}"
                ) from None
            if not rows and lines.ended:
                return
            yield rows


class _Remembered:
    """Beside the header: the split that a bad record is in tells of it, unless it's the header."""

    def __init__(self) -> None:
        # Its offset, the record and what is wrong with it.
        self.first: tuple[int, Any, str] | None = None

    def take(self, uri: str, offset: int, record: Any, reason: str) -> None:
        self.first = self.first or (offset, record, reason)


class _Lines:
    """Lines with their ends, for a reader that asks for as many as a row has."""

    def __init__(self, batches: Iterator[tuple[Sequence[Any], Sequence[Any]]]) -> None:
        self._lines = (pair for batch in batches for pair in zip(*batch, strict=True))
        # Where the row at hand begins; -1: it hasn't.
        self.begun = -1
        self.ended = False

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        try:
            offset, line = next(self._lines)
        except StopIteration:
            self.ended = True
            raise
        if self.begun < 0:
            self.begun = offset
        return f"{line}\n"

    def row_ends(self) -> None:
        self.begun = -1
