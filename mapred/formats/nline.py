"""N lines a split: for jobs in which every line is a long piece of work.

A record is (byte offset, line), as in text. The files are read once when the job is planned,
to find their line ends; a compressed file is one split, however many lines it has.

    lines   how many a split has, 1 if nothing is said; the last of a file may have fewer
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mapred.errors import JobDefinitionError
from mapred.formats.badrecords import REFUSED, BadRecords
from mapred.formats.text import TextReader
from mapred.model import Split
from mapred.storage.port import Storage

_READ_BYTES: Final = 1024 * 1024


@dataclass(frozen=True)
class NLineInput:
    """Lines, a few a task."""

    lines: int = 1

    def __post_init__(self) -> None:
        if self.lines < 1:
            raise JobDefinitionError(f"nline: {self.lines} lines a split make no sense")

    def reader(self, split: Split, storage: Storage, bad: BadRecords = REFUSED) -> TextReader:
        return TextReader(split, storage)

    def pieces(
        self, uri: str, length: int, storage: Storage, piece_bytes: int
    ) -> list[tuple[int, int]]:
        starts = [0]
        for number, end in enumerate(_line_ends(uri, storage), 1):
            if number % self.lines == 0 and end < length:
                starts.append(end)
        return [
            (start, end - start) for start, end in zip(starts, [*starts[1:], length], strict=True)
        ]


def _line_ends(uri: str, storage: Storage) -> Iterator[int]:
    """Where each line has ended, its line end included."""
    with storage.open_read(uri) as file:
        at = 0
        while data := file.read(_READ_BYTES):
            found = data.find(b"\n")
            while found >= 0:
                yield at + found + 1
                found = data.find(b"\n", found + 1)
            at += len(data)
