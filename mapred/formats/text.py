"""Text: lines in, `key<TAB>value` lines out.

Input: the key is the byte offset of the line in its file (after unpacking, for compressed
files), the value the line as str without its end. Bytes that aren't UTF-8 become U+FFFD,
and the counter ("text", "undecodable_lines") says how many lines had some: a job over a
terabyte doesn't stop at one Latin-1 name, and nobody overlooks it either. A byte order mark
at the start of a file is dropped.

Output: `str(key)<TAB>str(value)<LF>` in UTF-8, a tuple as Python writes it. Keys and values
go out as they are, also when they hold tabs or line ends. A lone surrogate, which UTF-8
can't hold, is written as its backslash escape. Options of the output:

    separator     instead of the tab
    keys          false: lines are values alone
    values        false: lines are keys alone
    compression   compressed_output.py
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mapred.errors import JobDefinitionError
from mapred.formats.badrecords import REFUSED, BadRecords
from mapred.formats.compressed_output import check_compression, compressed_suffix, compressing
from mapred.formats.gathering import GatheringWriter
from mapred.formats.lines import BLOCK_BYTES, LineBlocks
from mapred.formats.port import RecordBatch, RecordWriter
from mapred.model import Split
from mapred.storage.port import OutputFile, Storage

if TYPE_CHECKING:
    from mapred.shuffle.columns import Rows

_NEWLINE: Final = 10
_BYTE_ORDER_MARK: Final = "\ufeff"


class TextInput:
    """Lines of any file."""

    def reader(self, split: Split, storage: Storage, bad: BadRecords = REFUSED) -> "TextReader":
        return TextReader(split, storage)


class TextReader:
    """The lines of one split."""

    def __init__(
        self,
        split: Split,
        storage: Storage,
        block_bytes: int = BLOCK_BYTES,
        *,
        keep_returns: bool = False,
    ) -> None:
        self._blocks = LineBlocks(split, storage, block_bytes)
        # A "\r" before the line end stays part of the line.
        self._keep_returns = keep_returns
        self._undecodable = 0

    @property
    def bytes_read(self) -> int:
        return self._blocks.bytes_read

    def batches(self) -> Iterator[RecordBatch]:
        for offset, block in self._blocks:
            lines = self._lines(block)
            if offset == 0:
                lines[0] = lines[0].removeprefix(_BYTE_ORDER_MARK)
            yield _offsets(offset, block), lines

    def counters(self) -> Mapping[str, int]:
        return {"undecodable_lines": self._undecodable} if self._undecodable else {}

    def _lines(self, block: bytes) -> list[str]:
        ended = block.endswith(b"\n")
        # One byte is looked for ten times as fast as two.
        returns = b"\r" in block and b"\r\n" in block and not self._keep_returns
        if returns:
            block = block.replace(b"\r\n", b"\n")
        try:
            lines = block.decode().split("\n")
        except UnicodeDecodeError:
            lines = self._replaced(block)
        if ended:
            lines.pop()
        elif returns:
            lines[-1] = lines[-1].removesuffix("\r")
        return lines

    def _replaced(self, block: bytes) -> list[str]:
        lines = []
        for line in block.split(b"\n"):
            try:
                lines.append(line.decode())
            except UnicodeDecodeError:
                lines.append(line.decode(errors="replace"))
                self._undecodable += 1
        return lines


def _offsets(offset: int, block: bytes) -> list[int]:
    """Where each line of the block starts."""
    ends = np.flatnonzero(np.frombuffer(block, np.uint8) == _NEWLINE) + (offset + 1)
    starts: list[int] = ends.tolist()
    if block.endswith(b"\n"):
        starts.pop()
    return [offset, *starts]


@dataclass(frozen=True)
class TextOutput:
    """Lines of key and value."""

    separator: str = "\t"
    keys: bool = True
    values: bool = True
    compression: str | None = None

    lazy = False

    def __post_init__(self) -> None:
        check_compression(self.compression)
        if not (self.keys or self.values):
            raise JobDefinitionError("text: without keys and values there's nothing to write")

    @property
    def suffix(self) -> str:
        return compressed_suffix("", self.compression)

    def writer(self, file: OutputFile) -> RecordWriter:
        return compressing(file, self.compression, lambda file: TextWriter(file, self))


class TextWriter(GatheringWriter):
    """Lines into one part file."""

    def __init__(self, file: OutputFile, form: TextOutput) -> None:
        super().__init__(file)
        self._separator = form.separator
        # What a pair is on its line.
        self._sides = form.keys, form.values

    def write(self, pairs: Sequence[tuple[Any, Any]]) -> None:
        by = self._separator
        match self._sides:
            case True, True:
                text = "".join([f"{key!s}{by}{value!s}\n" for key, value in pairs])
            case True, _:
                text = "".join([f"{key!s}\n" for key, _ in pairs])
            case _:
                text = "".join([f"{value!s}\n" for _, value in pairs])
        self._put(text.encode(errors="backslashreplace"))

    def write_rows(self, rows: "Rows") -> bool:
        # Whoever has columns has pyarrow: others don't pay for it.
        from mapred.formats.textcolumns import text_of

        data = text_of(rows, self._separator, *self._sides)
        if data is not None:
            self._put(data)
        return data is not None
