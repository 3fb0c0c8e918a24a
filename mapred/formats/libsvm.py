"""libsvm's text: one row a line, its target first, then what isn't 0.

    1 3:0.5 17:2        # target 1; column 3 is 0.5, column 17 is 2

Columns count from 1, in rising order, and become 0, 1, …; words of the form qid:N are passed
over, and so is what follows a #. The columns of a block are as many as its largest says:
other blocks may know more.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from mapred.errors import InputError
from mapred.formats.csr import Csr
from mapred.formats.lines import BLOCK_BYTES, LineBlocks
from mapred.formats.port import RecordBatch
from mapred.model import Split
from mapred.storage.port import Storage

# What the index of an array holds.
_COLUMN_MAX: Final = 2**63 - 1
_SAMPLE_LETTERS: Final = 80


class LibsvmReader:
    """The rows of one split: (byte offset of the block, Csr with targets)."""

    def __init__(self, split: Split, storage: Storage, block_bytes: int = BLOCK_BYTES) -> None:
        self._uri = split.uri
        self._blocks = LineBlocks(split, storage, block_bytes)

    @property
    def bytes_read(self) -> int:
        return self._blocks.bytes_read

    def batches(self) -> Iterator[RecordBatch]:
        for offset, block in self._blocks:
            lines = [line.partition(b"#")[0].split() for line in bytes(block).splitlines()]
            rows = [words for words in lines if words]
            if rows:
                yield [offset], [self._parsed(offset, rows)]

    def counters(self) -> Mapping[str, int]:
        return {}

    def _parsed(self, offset: int, rows: list[list[bytes]]) -> Csr:
        pairs = [[w for w in words[1:] if not w.startswith(b"qid:")] for words in rows]
        flat = [word.partition(b":") for words in pairs for word in words]
        try:
            targets = np.array([float(words[0]) for words in rows])
            indices = np.array([int(column) for column, _, _ in flat], np.int64) - 1
            data = np.array([float(number) for _, _, number in flat], np.float64)
        except (ValueError, OverflowError):
            raise self._refusal(offset, rows) from None
        indptr = np.zeros(len(rows) + 1, np.int64)
        np.cumsum([len(words) for words in pairs], out=indptr[1:])
        # Within a row columns rise; from the end of one to the start of the next they may fall.
        falls = np.flatnonzero(np.diff(indices) <= 0) + 1
        if (len(indices) and indices.min() < 0) or not np.isin(falls, indptr).all():
            raise self._refusal(offset, rows)
        return Csr(data, indices, indptr, int(indices.max(initial=-1)) + 1, targets)

    def _refusal(self, offset: int, rows: list[list[bytes]]) -> InputError:
        """Of the first line that is none."""
        number, why = next(
            (number, why) for number, words in enumerate(rows, 1) if (why := _wrong(words))
        )
        line = b" ".join(rows[number - 1]).decode(errors="replace")[:_SAMPLE_LETTERS]
        return InputError(
            f"{self._uri}, line {number} of the {len(rows)} from byte {offset}: {why}: '{line}'. "
            "A line is a target, then column:number, …"
        )


def _wrong(words: list[bytes]) -> str:
    """What is wrong with a line; "": nothing."""
    before = 0
    try:
        float(words[0])
        for word in words[1:]:
            if word.startswith(b"qid:"):
                continue
            column, _, number = word.partition(b":")
            float(number)
            if not before < int(column) <= _COLUMN_MAX:
                return f"columns count from 1 to {_COLUMN_MAX} and rise within a line"
            before = int(column)
    except ValueError as error:
        return str(error)
    return ""
