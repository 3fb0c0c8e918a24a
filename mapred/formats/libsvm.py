"""libsvm's text: one row a line, its target first, then what isn't 0.

    1 3:0.5 17:2        # target 1; column 3 is 0.5, column 17 is 2

Columns count from 1, in rising order, and become 0, 1, …; words of the form qid:N are passed
over, and so is what follows a #. The columns of a block are as many as its largest says:
other blocks may know more.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from mapred.errors import InputError
from mapred.formats.csr import Csr
from mapred.formats.lines import BLOCK_BYTES, LineBlocks
from mapred.formats.port import RecordBatch
from mapred.model import Split
from mapred.storage.port import Storage


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
        except ValueError as error:
            raise InputError(
                f"{self._uri}, in the {len(rows)} lines from byte {offset}: {error}. "
                "A line is a target, then column:number, …"
            ) from None
        indptr = np.zeros(len(rows) + 1, np.int64)
        np.cumsum([len(words) for words in pairs], out=indptr[1:])
        # Within a row columns rise; from the end of one to the start of the next they may fall.
        falls = np.flatnonzero(np.diff(indices) <= 0) + 1
        if (len(indices) and indices.min() < 0) or not np.isin(falls, indptr).all():
            raise InputError(
                f"{self._uri}, in the {len(rows)} lines from byte {offset}: columns count from 1 "
                "and rise within a line"
            )
        return Csr(data, indices, indptr, int(indices.max(initial=-1)) + 1, targets)
