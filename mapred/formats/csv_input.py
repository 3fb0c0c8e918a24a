r"""CSV in: a record is (byte offset of its line, row).

A row is a dict by column names, or a list of its fields where there are none. Files are text as
the format `text` reads it; fields are separated and quoted as Python's csv module has it, in
strict mode. Blank lines are passed over.

    header      the first line of every file names its columns (true if nothing is said);
                splits in the middle of a file look it up
    columns     names instead of a header, or in place of its names
    delimiter   one letter; quote: one letter, or "" for none
    types       column → int, float, bool, str; an empty field of all but str is None
    multiline   a quoted field may hold line ends: then a file is one split, whatever its size

Files are cut anywhere unless `multiline` is said, and that is safe: a quoted field that doesn't
end on its line stops the job with an error that says so, since the split where it begins always
sees it. It's never skipped as a bad record, because what follows it can't be told from rows.

Bad records are rows with another number of fields than there are names, fields that their
type can't take, and quotes in wrong places.
"""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from mapred.errors import InputError, JobDefinitionError
from mapred.formats.badrecords import REFUSED, BadRecords
from mapred.formats.csv_text import CsvLines, Row
from mapred.formats.port import RecordBatch
from mapred.formats.splits import even_pieces
from mapred.model import Split
from mapred.storage.port import Storage

_WORDS_OF_BOOL: Final = {
    **dict.fromkeys(("true", "t", "yes", "1"), True),
    **dict.fromkeys(("false", "f", "no", "0"), False),
}


def _bool(word: str) -> bool:
    try:
        return _WORDS_OF_BOOL[word.strip().lower()]
    except KeyError:
        raise ValueError(f"'{word}' is neither true nor false") from None


_CONVERTERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "int": int,
    "float": float,
    "bool": _bool,
    "str": str,
}


@dataclass(frozen=True)
class CsvInput:
    """Rows of separated fields."""

    header: bool = True
    columns: Sequence[str] = ()
    delimiter: str = ","
    quote: str = '"'
    types: Mapping[str, str] = field(default_factory=dict)
    multiline: bool = False

    def __post_init__(self) -> None:
        if len(self.delimiter) != 1 or self.delimiter in '\r\n"' or len(self.quote) > 1:
            raise JobDefinitionError("csv: delimiter is one letter, quote one letter or none")
        if self.delimiter == self.quote:
            raise JobDefinitionError("csv: delimiter and quote can't be one and the same letter")
        for name, kind in self.types.items():
            if kind not in _CONVERTERS:
                raise JobDefinitionError(
                    f"csv: column '{name}' can't be of type '{kind}'. "
                    f"There are: {', '.join(_CONVERTERS)}"
                )
        unknown = [name for name in self.types if self.columns and name not in self.columns]
        if unknown or (self.types and not self.columns and not self.header):
            raise JobDefinitionError(
                f"csv: types are told of {', '.join(unknown or self.types)}, which no name in "
                "`columns` says. Name the columns"
            )

    @property
    def dialect(self) -> dict[str, Any]:
        """For Python's csv."""
        if not self.quote:
            return {"delimiter": self.delimiter, "quoting": csv.QUOTE_NONE, "quotechar": None}
        return {"delimiter": self.delimiter, "quotechar": self.quote, "strict": True}

    def reader(self, split: Split, storage: Storage, bad: BadRecords = REFUSED) -> "CsvReader":
        return CsvReader(self, split, storage, bad)

    def pieces(
        self, uri: str, length: int, storage: Storage, piece_bytes: int
    ) -> list[tuple[int, int]]:
        return [(0, length)] if self.multiline else even_pieces(length, piece_bytes)


class CsvReader:
    """The rows of one split."""

    def __init__(self, form: CsvInput, split: Split, storage: Storage, bad: BadRecords) -> None:
        self._form = form
        self._uri = split.uri
        self._bad = bad
        self._lines = CsvLines(split, storage, form.dialect, bad, multiline=form.multiline)

    @property
    def bytes_read(self) -> int:
        return self._lines.bytes_read

    def counters(self) -> Mapping[str, int]:
        return self._lines.counters()

    def batches(self) -> Iterator[RecordBatch]:
        header = self._lines.header() if self._form.header else None
        if self._form.header and header is None:
            return
        names = list(self._form.columns) or (header[1] if header else [])
        take = _Rows(self._form, names, self._uri, self._bad) if names else None
        for rows in self._lines.rows():
            if header and rows and rows[0][0] == header[0]:
                rows = rows[1:]
            yield take.converted(rows) if take else _untouched(rows)


def _untouched(rows: Sequence[Row]) -> RecordBatch:
    return [offset for offset, _ in rows], [fields for _, fields in rows]


class _Rows:
    """Makes dicts of fields."""

    def __init__(self, form: CsvInput, names: list[str], uri: str, bad: BadRecords) -> None:
        self._names = names
        self._uri = uri
        self._bad = bad
        if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
            raise InputError(
                f"{uri} has several columns of the name '{twice[0]}', and a row is a dict by name. "
                "Name them in `columns`, each by its own name"
            )
        missing = [name for name in form.types if name not in names]
        if missing:
            raise InputError(
                f"{uri} has no column {', '.join(missing)}, whose type was told. "
                f"It has: {', '.join(names)}"
            )
        self._typed = [
            (names.index(name), _CONVERTERS[kind])
            for name, kind in form.types.items()
            if kind != "str"
        ]

    def converted(self, rows: Sequence[Row]) -> RecordBatch:
        names, typed, count = self._names, self._typed, len(self._names)
        keys, values = [], []
        for offset, fields in rows:
            if len(fields) != count:
                reason = f"has {len(fields)} fields, and there are {count} columns"
                self._bad.take(self._uri, offset, _shown(fields), reason)
                continue
            # What is set aside is as it was read.
            row: list[Any] = fields.copy() if typed else fields
            try:
                for at, convert in typed:
                    row[at] = convert(row[at]) if row[at] else None
            except ValueError as error:
                reason = f"can't be read, column {names[at]}: {error}"
                self._bad.take(self._uri, offset, _shown(fields), reason)
                continue
            keys.append(offset)
            values.append(dict(zip(names, row, strict=True)))
        return keys, values


def _shown(fields: Sequence[Any]) -> str:
    return ",".join(map(str, fields))
